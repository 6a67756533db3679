//! The simulator's record bodies: a payload and the records it refers to, each with the least revision that a reader
//! must have; assignments and settings in the same plain way.

use bytes::{BufMut, Bytes, BytesMut};
use supplysync_model::{
    Assignment, AssignmentState, Digest, Epoch, HandOver, Kind, Record, RecordId, RecordKey, StoreId,
    StoreTotals, SyncId,
};

use super::store::{Bodies, Etag};

/// How the model store reads them.
pub const BODIES: Bodies = Bodies {
    assignment: read_assignment,
    copies: read_copies,
    write_assignment: |written| (1, assignment(written)),
};

/// A record that another refers to, in this version or a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Which record.
    pub key: RecordKey,
    /// The least version.
    pub version: Etag,
}

/// An ordinary body.
pub fn entity(payload: u32, references: &[Reference]) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u32(payload);
    for reference in references {
        body.put_u16(reference.key.kind.0);
        body.put_slice(&reference.key.id.to_bytes());
        body.put_u64(reference.version.epoch.packed());
        body.put_u64(reference.version.revision);
    }
    body.freeze()
}

/// What a live record of an ordinary kind refers to.
pub fn references(record: &Record) -> Vec<Reference> {
    if record.deleted || record.channel.store().is_none() {
        return Vec::new();
    }
    let entries = record.body.get(4..).unwrap_or_default().chunks_exact(34);
    entries
        .map(|entry| Reference {
            key: RecordKey {
                kind: Kind(u16::from_be_bytes(array(&entry[..2]))),
                id: RecordId::from_bytes(array(&entry[2..18])),
            },
            version: Etag {
                epoch: Epoch::from_packed(u64::from_be_bytes(array(&entry[18..26]))),
                revision: u64::from_be_bytes(array(&entry[26..])),
            },
        })
        .collect()
}

/// An assignment's body.
pub fn assignment(assignment: &Assignment) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u16(assignment.site.get());
    body.put_u64(assignment.epoch.packed());
    body.put_u64(assignment.version);
    body.put_u16(match assignment.state {
        AssignmentState::Active => 0,
        AssignmentState::Draining { to } => to.get(),
    });
    if let Some(given) = assignment.hand_over {
        body.put_u64(given.seq);
        for total in [given.totals.stock, given.totals.history] {
            body.put_u64(total.count);
            body.put_u128(total.sum);
        }
    }
    body.freeze()
}

fn read_assignment(record: &Record) -> Option<Assignment> {
    let body = record.body.as_ref();
    let (fixed, given) = body.split_at_checked(20)?;
    let digest = |at: usize| {
        Some(Digest {
            count: u64::from_be_bytes(array(given.get(at..at + 8)?)),
            sum: u128::from_be_bytes(array(given.get(at + 8..at + 24)?)),
        })
    };
    let hand_over = match given.len() {
        0 => None,
        _ => Some(HandOver {
            seq: u64::from_be_bytes(array(given.get(..8)?)),
            totals: StoreTotals {
                stock: digest(8)?,
                history: digest(32)?,
            },
        }),
    };
    let to = SyncId::new(u16::from_be_bytes(array(&fixed[18..20])));
    Some(Assignment {
        store: record.key.id.into(),
        site: SyncId::new(u16::from_be_bytes(array(&fixed[..2])))?,
        epoch: Epoch::from_packed(u64::from_be_bytes(array(&fixed[2..10]))),
        version: u64::from_be_bytes(array(&fixed[10..18])),
        state: to.map_or(AssignmentState::Active, |to| AssignmentState::Draining { to }),
        hand_over,
    })
}

/// The body of a site's settings: the copies granted.
pub fn settings(copies: &[StoreId]) -> Bytes {
    copies.iter().flat_map(|store| store.to_bytes()).collect()
}

fn read_copies(record: &Record) -> Option<Vec<StoreId>> {
    let stores = record.body.chunks_exact(16);
    let whole = stores.remainder().is_empty();
    whole.then(|| stores.map(|store| StoreId::from_bytes(array(store))).collect())
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}
