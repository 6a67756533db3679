//! Applying a batch: one transaction moves records, projections, digests, chain and cursors together.

use supplysync_model::Fault;
use supplysync_sync_core::{ApplyOutcome, ApplyRequest};

use crate::Store;

impl Store {
    /// Applies a batch durably. `SESSION_FENCED` when the lease is gone, `PROTOCOL_VIOLATION` when a part does not
    /// start where this site stands. A record that is refused is quarantined; it never fails the batch.
    pub async fn apply(&self, request: ApplyRequest) -> Result<ApplyOutcome, Fault> {
        let _ = request;
        Err(Fault::internal("apply: landing next"))
    }
}
