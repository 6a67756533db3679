//! The one write function for owners: P1 is checked here, inside the transaction that writes.

use supplysync_model::{Epoch, Fault, RecordKey, Seq};
use supplysync_record_codec::RecordBody;

/// A change of a record that this site owns.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnChange {
    /// The record as it shall be.
    pub body: RecordBody,
    /// Whether it is deleted: master data is retired and keeps its body, store data becomes an empty tombstone.
    pub deleted: bool,
    /// The version that the change was made on; a mismatch is `STALE_ETAG`.
    pub expected: Option<Etag>,
}

/// The version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Etag {
    /// The ownership it was written under.
    pub epoch: Epoch,
    /// The owner's seq when it was written.
    pub revision: Seq,
}

/// What became of an [`OwnChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Which record.
    pub key: RecordKey,
    /// Its version now.
    pub etag: Etag,
    /// Whether anything was written; `false` when the record was exactly so already.
    pub changed: bool,
}

impl crate::WriteTx {
    /// Writes records that this site owns, in the order given. Refuses, naming the owner, what it does not own.
    pub async fn put(&mut self, changes: Vec<OwnChange>) -> Result<Vec<Written>, Fault> {
        let _ = changes;
        Err(Fault::internal("put: landing next"))
    }
}
