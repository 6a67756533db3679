//! Record hashes (DESIGN 5) and the bucket of a record in its channel's digest.

use supplysync_model::{Record, RecordHash, RecordId};

/// Buckets of a channel's digest.
pub const BUCKETS: u16 = 256;

/// `H(body)`; taken before a transaction begins.
pub fn body_hash(body: &[u8]) -> [u8; 16] {
    first_half(blake3::hash(body))
}

/// `H(kind, id, epoch, revision, schema, deleted, H(body))` of a record, whatever its `hash` field says.
pub fn record_hash(record: &Record) -> RecordHash {
    record_hash_with(record, body_hash(&record.body))
}

fn record_hash_with(record: &Record, body: [u8; 16]) -> RecordHash {
    // One fixed-size buffer: 2 + 16 + 8 + 8 + 4 + 1 + 16 bytes, big-endian, in the order of the definition.
    let mut input = [0u8; 55];
    input[0..2].copy_from_slice(&record.key.kind.0.to_be_bytes());
    input[2..18].copy_from_slice(&record.key.id.to_bytes());
    input[18..26].copy_from_slice(&record.epoch.packed().to_be_bytes());
    input[26..34].copy_from_slice(&record.revision.to_be_bytes());
    input[34..38].copy_from_slice(&record.schema.to_be_bytes());
    input[38] = u8::from(record.deleted);
    input[39..55].copy_from_slice(&body);
    RecordHash(first_half(blake3::hash(&input)))
}

/// The record with its hash set.
pub fn seal(mut record: Record) -> Record {
    record.hash = record_hash(&record);
    record
}

/// The bucket of an id, by hash, so that time-ordered ids spread evenly.
pub fn bucket_of(id: RecordId) -> u8 {
    blake3::hash(&id.to_bytes()).as_bytes()[0]
}

pub(crate) fn first_half(hash: blake3::Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}
