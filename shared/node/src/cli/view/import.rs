//! What an import did, or would do.

use serde::Serialize;

use crate::cli::output::Answer;
use crate::cli::table::thousands;

/// The outcome of an accepted import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportView {
    /// What was imported: units, items, names or stores.
    pub what: String,
    /// Whether nothing was written because only a check was asked for.
    pub dry_run: bool,
    /// Rows that made a new record.
    pub created: u64,
    /// Rows that changed a record.
    pub updated: u64,
    /// Rows that said what was there already.
    pub unchanged: u64,
}

/// One wrong row of a rejected import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The line of the file, from 1.
    pub line: u64,
    /// The column's name; empty when the whole row is wrong.
    pub column: String,
    /// What is wrong.
    pub message: String,
}

impl Answer for ImportView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let counts = format!(
            "{}: {} created, {} updated, {} unchanged",
            self.what,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_so() {
        let mut view = ImportView {
            what: "items".into(),
            dry_run: false,
            created: 1_400,
            updated: 2,
            unchanged: 0,
        };
        assert_eq!(
            view.for_people(None),
            "items: 1,400 created, 2 updated, 0 unchanged"
        );
        view.dry_run = true;
        assert!(view.for_people(None).ends_with("(dry run: nothing was written)"));
    }
}
