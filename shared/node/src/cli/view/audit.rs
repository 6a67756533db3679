//! Lines of the audit log.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, moment, or_dash};

/// What was asked for, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditView {
    /// The lines.
    pub entries: Vec<AuditLine>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditLine {
    /// Names this line.
    pub id: String,
    /// When, RFC 3339.
    pub time: String,
    /// Who.
    pub principal: String,
    /// The address that it called from.
    pub from_address: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// What people call that, where it is the id of a store; else empty.
    pub subject_name: String,
    /// The value before.
    pub old_value: String,
    /// The value after.
    pub new_value: String,
}

impl From<v1::AuditLogEntry> for AuditLine {
    fn from(entry: v1::AuditLogEntry) -> AuditLine {
        AuditLine {
            id: entry.id,
            time: entry.time,
            principal: entry.principal,
            from_address: entry.from_address,
            action: entry.action,
            subject: entry.subject,
            subject_name: entry.subject_name,
            old_value: entry.old_value,
            new_value: entry.new_value,
        }
    }
}

impl Answer for AuditView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(
            &["when", "who", "from", "action", "what", "before", "after"],
            width,
        );
        for line in &self.entries {
            grid.row([
                moment(&line.time),
                line.principal.clone(),
                or_dash(&line.from_address),
                line.action.clone(),
                match line.subject_name.is_empty() {
                    true => or_dash(&line.subject),
                    false => line.subject_name.clone(),
                },
                or_dash(&line.old_value),
                or_dash(&line.new_value),
            ]);
        }
        grid.or("nothing in the audit log")
    }
}
