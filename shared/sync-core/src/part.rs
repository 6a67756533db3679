//! What travels: a page read from one snapshot, cut into parts by channel, and the batch that carries it.

use supplysync_model::{Channel, Checkpoint, Digest, Record, Seq, Timestamp};

use crate::Cursor;

/// The records of one channel between two cursors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The channel.
    pub channel: Channel,
    /// Where the receiver must stand; `None` if it has never had the channel. The part applies only then.
    pub from: Option<Cursor>,
    /// Where it stands afterwards. A part that ends in `Loading` or goes from loading to following replaces
    /// the whole key range after `from`'s last key up to and including `through`'s last key (or the end).
    pub through: Cursor,
    /// Whether nothing in the snapshot is beyond `through`.
    pub caught_up: bool,
    /// The records: in key order while loading, else in seq order.
    pub records: Vec<Record>,
    /// The channel's total in the snapshot; only when caught up.
    pub digest: Option<Digest>,
    /// What the sender knows of its own copy's equality with the owner (copies only, when caught up).
    pub owner_proof: Option<OwnerProof>,
}

/// "Proven equal to the owner at its seq S."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerProof {
    /// The owner's head in the snapshot that was compared.
    pub seq: Seq,
    /// When it was compared.
    pub at: Timestamp,
}

/// What one read of the store brings: several parts of one snapshot, in rank order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The parts. A channel that is caught up and has nothing new has a part without records.
    pub parts: Vec<Part>,
    /// The head of the snapshot.
    pub head: Checkpoint,
}

/// The changes sent and applied as one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Counts the batches of one direction of a session, from 1.
    pub number: u64,
    /// What it carries, in rank order.
    pub parts: Vec<Part>,
    /// The sender's feed at the snapshot; the receiver stores it with what it applied.
    pub checkpoint: Checkpoint,
}

impl Batch {
    /// Records in all parts.
    pub fn records(&self) -> usize {
        self.parts.iter().map(|part| part.records.len()).sum()
    }
}
