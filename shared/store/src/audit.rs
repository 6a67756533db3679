//! The audit log: who did what, from where, with old and new values. Secrets never go in.

use supplysync_model::{Fault, Timestamp};

use crate::WriteTx;
use crate::projection::raw::{Rows, Table};

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

const AUDIT_LOG: Table = Table {
    name: "audit_log",
    columns: &[
        "id",
        "at",
        "principal",
        "from_address",
        "action",
        "subject",
        "old_value",
        "new_value",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

impl WriteTx {
    /// Appends to the audit log.
    pub async fn audit(&mut self, entry: AuditEntry) -> Result<(), Fault> {
        self.audit_all([entry]).await
    }

    /// Appends many entries.
    pub(crate) async fn audit_all(
        &mut self,
        entries: impl IntoIterator<Item = AuditEntry>,
    ) -> Result<(), Fault> {
        let mut rows = Rows::new(&AUDIT_LOG);
        for entry in entries {
            rows.push([
                self.new_id().as_bytes().to_vec().into(),
                entry.at.0.into(),
                entry.principal.into(),
                entry.from.into(),
                entry.action.into(),
                entry.subject.into(),
                entry.old.into(),
                entry.new.into(),
            ]);
        }
        rows.upsert(self.conn()).await
    }
}
