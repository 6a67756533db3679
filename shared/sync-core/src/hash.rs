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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use supplysync_model::{Channel, Epoch, Kind, RecordKey, SyncId};

    use super::*;

    fn record() -> Record {
        seal(Record {
            key: RecordKey {
                kind: Kind::ITEM,
                id: RecordId::from_bytes([3; 16]),
            },
            channel: Channel::Master,
            origin_site: SyncId::PRIMARY,
            epoch: Epoch {
                incarnation: 1,
                counter: 0,
            },
            revision: 5,
            schema: 1,
            deleted: false,
            hash: RecordHash::default(),
            body: Bytes::from_static(b"paracetamol"),
        })
    }

    /// Stored hashes are compared with those of other programs and later versions: the bytes are fixed.
    #[test]
    fn the_hash_is_the_one_that_was_always_stored() {
        let mut input = Vec::new();
        input.extend_from_slice(&2u16.to_be_bytes());
        input.extend_from_slice(&[3; 16]);
        input.extend_from_slice(&(1u64 << 32).to_be_bytes());
        input.extend_from_slice(&5u64.to_be_bytes());
        input.extend_from_slice(&1u32.to_be_bytes());
        input.push(0);
        input.extend_from_slice(&blake3::hash(b"paracetamol").as_bytes()[..16]);
        assert_eq!(record().hash.0, first_half(blake3::hash(&input)));
    }

    #[test]
    fn each_field_of_the_definition_changes_the_hash_and_no_other_does() {
        type Edit = fn(&mut Record);
        let counted: [Edit; 7] = [
            |record| record.key.kind = Kind::NAME,
            |record| record.key.id = RecordId::from_bytes([4; 16]),
            |record| record.epoch.counter = 1,
            |record| record.revision = 6,
            |record| record.schema = 2,
            |record| record.deleted = true,
            |record| record.body = Bytes::from_static(b"paracetamoL"),
        ];
        for edit in counted {
            let mut changed = record();
            edit(&mut changed);
            assert_ne!(record_hash(&changed), record().hash);
        }
        let free: [Edit; 3] = [
            |record| record.channel = Channel::Site(SyncId::PRIMARY),
            |record| record.origin_site = SyncId::new(9).unwrap(),
            |record| record.hash = RecordHash([1; 16]),
        ];
        for edit in free {
            let mut changed = record();
            edit(&mut changed);
            assert_eq!(record_hash(&changed), record().hash);
        }
    }

    #[test]
    fn ids_of_one_moment_spread_over_the_buckets() {
        let mut seen = [0u32; BUCKETS as usize];
        for number in 0..2_560u16 {
            let mut id = [1; 16];
            id[14..].copy_from_slice(&number.to_be_bytes());
            seen[usize::from(bucket_of(RecordId::from_bytes(id)))] += 1;
        }
        assert!(seen.iter().all(|count| (1..40).contains(count)), "{seen:?}");
    }
}
