//! Who is told of the record versions that have landed here, once they are committed. What becomes of it is not the store's
//! business: it reads no clock for it, and keeps nothing while there is no witness.

use std::sync::Arc;
use std::time::SystemTime;

use supplysync_model::{Record, RecordHash, RecordVersion, Seq, SyncId};

/// A record version that was written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// Which.
    pub version: RecordVersion,
    /// Its seq in this site's feed.
    pub seq: Seq,
    /// The site that sent it; `None` if it was written here.
    pub from: Option<SyncId>,
}

/// Is told of them. It is asked while the feed's lock is held, so it neither waits nor fails.
pub trait Witness: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> SystemTime;

    /// Whether this version is one to tell of.
    fn wants(&self, hash: RecordHash) -> bool;

    /// These were committed by a transaction that began then.
    fn landed(&self, began: SystemTime, landed: &[Landed]);
}

/// What a write transaction will tell.
pub(crate) struct Testimony {
    witness: Arc<dyn Witness>,
    began: SystemTime,
    from: Option<SyncId>,
    landed: Vec<Landed>,
}

impl Testimony {
    pub(crate) fn begin(witness: &Arc<dyn Witness>) -> Testimony {
        Testimony {
            began: witness.now(),
            witness: Arc::clone(witness),
            from: None,
            landed: Vec::new(),
        }
    }

    /// What is not written by this site comes from that one.
    pub(crate) fn comes_from(&mut self, peer: SyncId) {
        self.from = Some(peer);
    }

    pub(crate) fn note(&mut self, record: &Record, seq: Seq, here: SyncId) {
        if self.witness.wants(record.hash) {
            let own = record.origin_site == here && record.revision == seq;
            self.landed.push(Landed {
                version: record.into(),
                seq,
                from: self.from.filter(|_| !own),
            });
        }
    }

    /// The transaction is committed.
    pub(crate) fn give(self) {
        if !self.landed.is_empty() {
            self.witness.landed(self.began, &self.landed);
        }
    }
}
