//! The audit log: who did what, from where, with old and new values. Secrets never go in.

use supplysync_model::Timestamp;

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
