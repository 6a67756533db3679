//! What an import did, or would do.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::thousands;

/// The outcome of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportView {
    /// Whether all rows were right; if not, nothing was imported.
    pub accepted: bool,
    /// Whether nothing was written because only a check was asked for.
    pub dry_run: bool,
    /// Rows that made a new record.
    pub created: u64,
    /// Rows that changed a record.
    pub updated: u64,
    /// Rows that said what was there already.
    pub unchanged: u64,
    /// Every wrong row, as far as the server lists them.
    pub errors: Vec<RowError>,
    /// How many errors there are in all.
    pub total_errors: u64,
}

/// One wrong row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The line of the file, from 1, the heading included; 0 for the file as a whole.
    pub line: u64,
    /// The column's heading; empty when the whole row is wrong.
    pub column: String,
    /// What is wrong.
    pub message: String,
}

impl From<v1::ImportMasterDataResponse> for ImportView {
    fn from(answer: v1::ImportMasterDataResponse) -> ImportView {
        let sum = |count: fn(&v1::ImportCounts) -> u64| answer.counts.iter().map(count).sum();
        let error = |error: v1::ImportRowError| RowError {
            line: error.line,
            column: error.column,
            message: error.message,
        };
        ImportView {
            accepted: answer.accepted,
            dry_run: answer.dry_run,
            created: sum(|counts| counts.created),
            updated: sum(|counts| counts.updated),
            unchanged: sum(|counts| counts.unchanged),
            errors: answer.errors.into_iter().map(error).collect(),
            total_errors: answer.total_errors,
        }
    }
}

impl Answer for ImportView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let counts = format!(
            "{} created, {} updated, {} unchanged",
            thousands(self.created),
            thousands(self.updated),
            thousands(self.unchanged)
        );
        if self.dry_run {
            format!("{counts} (dry run: nothing was written)")
        } else {
            counts
        }
    }
}

impl RowError {
    /// Where it is, as in `line 7, unit`.
    pub fn place(&self) -> String {
        match (self.line, self.column.as_str()) {
            (0, "") => String::new(),
            (0, column) => column.to_owned(),
            (line, "") => format!("line {line}"),
            (line, column) => format!("line {line}, {column}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_so() {
        let counts = |created| v1::ImportCounts {
            created,
            updated: 2,
            ..v1::ImportCounts::default()
        };
        let answer = v1::ImportMasterDataResponse {
            accepted: true,
            counts: vec![counts(1_400), counts(20)],
            ..v1::ImportMasterDataResponse::default()
        };
        let mut view = ImportView::from(answer);
        assert_eq!(view.for_people(None), "1,420 created, 4 updated, 0 unchanged");
        view.dry_run = true;
        assert!(view.for_people(None).ends_with("(dry run: nothing was written)"));
    }

    #[test]
    fn errors_have_a_place() {
        let place = |line, column: &str| {
            let (column, message) = (column.to_owned(), String::new());
            RowError {
                line,
                column,
                message,
            }
            .place()
        };
        assert_eq!(place(7, "unit"), "line 7, unit");
        assert_eq!(place(7, ""), "line 7");
        assert_eq!(place(0, ""), "");
    }
}
