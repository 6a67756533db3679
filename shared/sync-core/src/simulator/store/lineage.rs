//! Lineage: looking a peer's checkpoint up in our chain, and the incarnation that the primary assigns.

use supplysync_model::{Chain, Checkpoint, Fault, FaultCode, Incarnation, Reason};

use super::{ModelStore, Moment, fault};
use crate::LineageVerdict;

impl ModelStore {
    /// What our own chain says of a checkpoint of our feed that a peer holds. The model keeps its whole chain.
    pub fn check_lineage(&self, held: Option<Checkpoint>) -> LineageVerdict {
        let Some(held) = held else {
            return LineageVerdict::Known;
        };
        if self.incarnation != Some(held.incarnation) {
            return self.lineage_before(&held);
        }
        let ours = match held.seq {
            0 => Some(&Chain([0; 16])),
            seq => self.chains.get(&seq),
        };
        if ours == Some(&held.chain) {
            LineageVerdict::Known
        } else {
            LineageVerdict::Broken
        }
    }

    /// Stores the incarnation that the primary assigned to this database.
    pub fn adopt_incarnation(&mut self, moment: Moment, incarnation: Incarnation) -> Result<(), Fault> {
        if self.incarnation.is_some_and(|own| own != incarnation) {
            let message = "this database has an incarnation already";
            return Err(fault(
                FaultCode::FailedPrecondition,
                Reason::SATELLITE_LINEAGE_BROKEN,
                message,
            ));
        }
        self.incarnation = Some(incarnation);
        self.commit(&[], moment);
        Ok(())
    }
}
