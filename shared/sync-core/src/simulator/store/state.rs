//! What the model store keeps, piece by piece.

use bytes::Bytes;
use supplysync_model::{
    Assignment, Checkpoint, Incarnation, Reason, Record, Seq, StoreId, SyncId, Timestamp,
};

use crate::{Comparison, Cursor, OwnerProof, Salt};

/// What a write takes from outside: when, and random bits.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// When.
    pub now: Timestamp,
    /// Sixteen random bytes, for the chain and for incarnations.
    pub salt: Salt,
}

/// How to read the bodies that the store itself must understand.
#[derive(Debug, Clone, Copy)]
pub struct Bodies {
    /// The assignment in a record of that kind.
    pub assignment: fn(&Record) -> Option<Assignment>,
    /// The copies granted in a site's settings.
    pub copies: fn(&Record) -> Option<Vec<StoreId>>,
    /// The schema and the body of an assignment.
    pub write_assignment: fn(&Assignment) -> (u32, Bytes),
}

/// A record with its place in this site's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The record.
    pub record: Record,
    /// This site's own seq for it.
    pub seq: Seq,
}

/// A change that was refused and is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The change.
    pub record: Record,
    /// Who sent it; this site itself for local work that was in the way of a pull.
    pub from_site: SyncId,
    /// Why.
    pub reason: Reason,
    /// Until a later version of the record comes from the same site and is applied.
    pub open: bool,
    /// Whether a former life of the sender's database sent it: it says nothing of what the sender has now.
    pub former: bool,
}

/// What is known of one receiver in one channel; the receiver is this site or the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorRow {
    /// Where it stands.
    pub cursor: Cursor,
    /// Whether nothing was beyond it in the snapshot that moved it last.
    pub caught_up: bool,
    /// Live records that it holds whose latest version is not in quarantine there.
    pub held: u64,
    /// Live records in open quarantine there.
    pub quarantined: u64,
    /// The last comparison of digests, made here.
    pub compared: Option<Comparison>,
    /// Equality with the sender, as proven here.
    pub proven: Option<OwnerProof>,
    /// Equality of the sender with the owner, as passed on.
    pub owner: Option<OwnerProof>,
    /// It moved while the site gave back what a lost primary had: the site's own work was left out.
    pub given: bool,
}

impl CursorRow {
    pub(super) fn at(cursor: Cursor) -> CursorRow {
        CursorRow {
            cursor,
            caught_up: false,
            held: 0,
            quarantined: 0,
            compared: None,
            proven: None,
            owner: None,
            given: false,
        }
    }
}

/// A recovery under way (satellite).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// How far it is.
    pub step: RecoveryStep,
    /// Where the new life began; zero before it has.
    pub began: Seq,
}

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecoveryStep {
    /// A new life is to be asked for.
    Asked,
    /// It has begun, and nothing came yet that says that the primary knows.
    Adopted,
    /// The site's own stores are being loaded back.
    Loading,
    /// All is back; the primary is to be told.
    Done,
}

/// What is known of another site's database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its life.
    pub incarnation: Option<Incarnation>,
    /// The latest point of its feed that we know of.
    pub checkpoint: Option<Checkpoint>,
    /// Whether it is taking back its own stores.
    pub recovering: bool,
    /// The counter of the last life of this database that it gave back everything to.
    pub given_back: u32,
}
