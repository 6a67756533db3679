//! Stored bodies: of whatever kind and schema, read and written again the same, and in agreement with one envelope only.

use supplysync_model::{Channel, Kind, RecordId, RecordKey, StoreId, SyncId};
use supplysync_record_codec::{CodecError, RecordBody, known_schema};

use crate::{Target, sample};

pub(crate) const TARGET: Target = Target {
    name: "record_body",
    law,
    seeds,
    longest: 4_096,
};

/// The first byte is the kind, the second the schema, the rest the body.
fn law(input: &[u8]) -> bool {
    let [kind, schema, body @ ..] = input else {
        return false;
    };
    let (kind, schema) = (Kind(u16::from(*kind)), u32::from(*schema));
    let value = match RecordBody::decode(kind, schema, body) {
        Ok(value) => value,
        Err(error) => {
            refused(kind, schema, &error);
            return false;
        }
    };
    assert_eq!(value.kind(), kind, "a body is of the kind that it was read as");
    let (written_as, written) = value.encode();
    assert_eq!(Some(written_as), known_schema(kind));
    let again = RecordBody::decode(kind, written_as, &written).expect("what is written can be read");
    assert_eq!(again, value, "a body comes back as it went");
    assert_eq!(
        again.encode(),
        (written_as, written),
        "equal values give equal bytes"
    );
    belongs_to_one_envelope(&value);
    true
}

/// What waits for an upgrade is what a newer program may know, and nothing else.
fn refused(kind: Kind, schema: u32, error: &CodecError) {
    let newer = known_schema(kind).is_none_or(|known| schema > known);
    assert_eq!(error.waits_for_upgrade(), newer, "{error}");
}

/// Projections rest on this: the id and the channel of a row are those of its record.
fn belongs_to_one_envelope(value: &RecordBody) {
    let record = sample::record(value);
    assert!(
        record.channel.admits(record.key.kind),
        "{} in {}",
        record.key.kind,
        record.channel
    );
    assert_eq!(RecordBody::of_record(&record).as_ref(), Ok(value));
    let mut other = record.clone();
    let mut id = other.key.id.to_bytes();
    id[15] ^= 1;
    other.key = RecordKey {
        id: RecordId::from_bytes(id),
        ..other.key
    };
    assert!(RecordBody::of_record(&other).is_err(), "under another id");
    let mut other = record.clone();
    other.channel = another(record.channel);
    assert!(RecordBody::of_record(&other).is_err(), "in another channel");
}

fn another(channel: Channel) -> Channel {
    match channel {
        Channel::Master => Channel::Site(SyncId::PRIMARY),
        Channel::Site(_) => Channel::Master,
        Channel::StoreStock(store) => Channel::StoreHistory(store),
        Channel::StoreHistory(store) => {
            let mut id = store.to_bytes();
            id[0] ^= 1;
            Channel::StoreHistory(StoreId::from_bytes(id))
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let bodies = sample::bodies().into_iter();
    bodies
        .map(|body| {
            let (schema, bytes) = body.encode();
            let mut seed = vec![body.kind().0 as u8, schema as u8];
            seed.extend(bytes);
            seed
        })
        .collect()
}
