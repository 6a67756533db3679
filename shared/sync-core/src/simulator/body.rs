//! The simulator's record bodies: a payload and the records it refers to, each with the least revision that a reader
//! must have; assignments and settings in the same plain way.

use bytes::{BufMut, Bytes, BytesMut};
use supplysync_model::{
    Assignment, AssignmentState, Epoch, Kind, Record, RecordId, RecordKey, Seq, StoreId, SyncId,
};

use super::store::Bodies;

/// How the model store reads them.
pub const BODIES: Bodies = Bodies {
    assignment: read_assignment,
    copies: read_copies,
};

/// A record that another refers to, in this revision or a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Which record.
    pub key: RecordKey,
    /// The least revision.
    pub revision: Seq,
}

/// An ordinary body.
pub fn entity(payload: u32, references: &[Reference]) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u32(payload);
    for reference in references {
        body.put_u16(reference.key.kind.0);
        body.put_slice(&reference.key.id.to_bytes());
        body.put_u64(reference.revision);
    }
    body.freeze()
}

/// What a live record of an ordinary kind refers to.
pub fn references(record: &Record) -> Vec<Reference> {
    if record.deleted || record.channel.store().is_none() {
        return Vec::new();
    }
    let entries = record.body.get(4..).unwrap_or_default().chunks_exact(26);
    entries
        .map(|entry| Reference {
            key: RecordKey {
                kind: Kind(u16::from_be_bytes(array(&entry[..2]))),
                id: RecordId::from_bytes(array(&entry[2..18])),
            },
            revision: u64::from_be_bytes(array(&entry[18..])),
        })
        .collect()
}

/// An assignment's body.
pub fn assignment(assignment: &Assignment) -> Bytes {
    let mut body = BytesMut::new();
    body.put_u16(assignment.site.get());
    body.put_u64(assignment.epoch.packed());
    body.put_u64(assignment.version);
    body.freeze()
}

fn read_assignment(record: &Record) -> Option<Assignment> {
    let body: [u8; 18] = record.body.as_ref().try_into().ok()?;
    Some(Assignment {
        store: record.key.id.into(),
        site: SyncId::new(u16::from_be_bytes(array(&body[..2])))?,
        epoch: Epoch::from_packed(u64::from_be_bytes(array(&body[2..10]))),
        version: u64::from_be_bytes(array(&body[10..])),
        state: AssignmentState::Active,
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
