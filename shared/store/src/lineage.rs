//! Lineage: looking a peer's checkpoint up in our chain, and the incarnation that the primary assigns.

use supplysync_model::{Checkpoint, Fault, Incarnation};
use supplysync_sync_core::LineageVerdict;

use crate::Store;

impl Store {
    /// What our own chain says of a checkpoint of our feed that a peer holds.
    pub async fn check_lineage(&self, held: Option<Checkpoint>) -> Result<LineageVerdict, Fault> {
        let _ = held;
        Err(Fault::internal("check_lineage: landing next"))
    }

    /// Stores the incarnation that the primary assigned to this database.
    pub async fn adopt_incarnation(&self, incarnation: Incarnation) -> Result<(), Fault> {
        let _ = incarnation;
        Err(Fault::internal("adopt_incarnation: landing next"))
    }
}
