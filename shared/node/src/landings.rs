//! Tells the traces what the store has committed: edits of this site, and what it took in from another.

use std::time::SystemTime;

use supplysync_model::{RecordHash, SyncId};
use supplysync_runtime::Traces;
use supplysync_runtime::traces::{Stage, Step};
use supplysync_store::{Landed, Witness};

/// The store's witness.
pub(crate) struct Landings {
    /// Where it is told.
    pub(crate) traces: Traces,
    /// This site.
    pub(crate) site: SyncId,
}

impl Witness for Landings {
    fn now(&self) -> SystemTime {
        Traces::now()
    }

    fn wants(&self, hash: RecordHash) -> bool {
        self.traces.follow(hash)
    }

    fn landed(&self, began: SystemTime, landed: &[Landed]) {
        let ended = Traces::now();
        for Landed { version, seq, from } in landed {
            self.traces.tell(Step {
                stage: from.map_or(Stage::Edit, |_| Stage::Apply),
                version: *version,
                peer: from.unwrap_or(self.site),
                seq: Some(*seq),
                batch: None,
                refused: None,
                began,
                ended,
            });
        }
    }
}
