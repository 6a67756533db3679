//! The audit log: who did what, from where, with old and new values. Secrets never go in.

use supplysync_model::{Fault, Timestamp};

use crate::WriteTx;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: the certificate's principal or the console user.
    pub principal: String,
    /// The address it came from.
    pub from: String,
    /// What was done, such as `preferences.unlock`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// The value before; empty when there was none.
    pub old: String,
    /// The value after; empty when there is none.
    pub new: String,
}

impl WriteTx {
    /// Appends to the audit log.
    pub async fn audit(&mut self, entry: AuditEntry) -> Result<(), Fault> {
        let sql = "INSERT INTO audit_log (id, at, principal, from_address, action, subject, old_value, new_value) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = vec![
            self.new_id().as_bytes().to_vec().into(),
            entry.at.0.into(),
            entry.principal.into(),
            entry.from.into(),
            entry.action.into(),
            entry.subject.into(),
            entry.old.into(),
            entry.new.into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }
}
