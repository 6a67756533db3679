//! The payload of a batch: parts and records, compressed or not. The envelope around it is made to fit, which chance would
//! seldom bring about; whatever is inside, no limit of a batch is passed.

use bytes::Bytes;
use prost::Message;
use supplysync_api::v1;
use supplysync_model::limits::{
    MAX_BATCH_BYTES, MAX_BATCH_PARTS, MAX_BATCH_RECORDS, MAX_BODY_BYTES, MAX_FRAME_BYTES,
};
use supplysync_model::{Channel, Record, StoreId};
use supplysync_net::zstd;
use supplysync_node::session::Packing;
use supplysync_node::session::wire::Frame;
use supplysync_sync_core::{Batch, Cursor, OwnerProof, Part, SatelliteMessage};

use crate::frame::{cursor, seq};
use crate::{Target, sample};

pub(crate) const TARGET: Target = Target {
    name: "batch_payload",
    law,
    seeds,
    longest: 8_192,
};

/// How the payload comes.
const PLAIN: u8 = 0;
const COMPRESSED: u8 = 1;
/// The input is what claims to be compressed.
const AS_COMPRESSED: u8 = 2;

/// The first byte says how the rest comes, the second shifts what the envelope claims: 0 is the truth.
fn law(input: &[u8]) -> bool {
    let [form, shift, rest @ ..] = input else {
        return false;
    };
    let (encoding, payload, plain) = match form % 3 {
        PLAIN => (v1::PayloadEncoding::Identity, rest.to_vec(), rest.to_vec()),
        COMPRESSED => {
            let packed = zstd::deflate(rest, zstd::LEVEL).expect("anything can be compressed");
            (v1::PayloadEncoding::Zstd, packed, rest.to_vec())
        }
        _ => {
            let plain = zstd::inflate(rest, MAX_FRAME_BYTES).unwrap_or_default();
            assert!(plain.len() <= MAX_FRAME_BYTES, "inflated beyond the limit");
            (v1::PayloadEncoding::Zstd, rest.to_vec(), plain)
        }
    };
    let records = v1::BatchPayload::decode(plain.as_slice()).map_or(0, |payload| {
        payload.parts.iter().map(|part| part.records.len()).sum()
    });
    let claimed = plain.len() + usize::from(*shift);
    let envelope = v1::Batch {
        number: 1,
        checkpoint: v1_checkpoint(),
        encoding: encoding.into(),
        payload: payload.into(),
        records: records as u32,
        payload_bytes: claimed as u32,
    };
    let frame = v1::SatelliteMessage {
        message: Some(v1::satellite_message::Message::Batch(envelope)),
    };
    let Ok(message) = frame.read() else {
        return false;
    };
    let SatelliteMessage::Batch(batch) = &message else {
        panic!("a batch was sent");
    };
    assert_eq!(*shift, 0, "a batch of another size than it says was accepted");
    assert_eq!(batch.records(), records);
    keeps_limits(batch);
    for packing in [Packing::Plain, Packing::Compressed] {
        let written = v1::SatelliteMessage::write(message.clone(), packing).expect("it can be written");
        assert_eq!(written.read().as_ref(), Ok(&message), "{packing:?}");
    }
    true
}

/// What no batch that is read goes beyond.
pub(crate) fn keeps_limits(batch: &Batch) {
    seq(batch.checkpoint.seq);
    assert!(batch.parts.len() <= MAX_BATCH_PARTS);
    assert!(batch.records() <= MAX_BATCH_RECORDS);
    let mut bytes = 0;
    for part in &batch.parts {
        part.from.into_iter().for_each(cursor);
        cursor(part.through);
        part.owner_proof.iter().for_each(|proof| seq(proof.seq));
        for record in &part.records {
            assert_eq!(record.channel, part.channel);
            record_keeps_limits(record);
            bytes += record.body.len();
        }
    }
    // The record that fills a batch may go beyond.
    assert!(bytes <= MAX_BATCH_BYTES + MAX_BODY_BYTES);
}

pub(crate) fn record_keeps_limits(record: &Record) {
    assert!(record.body.len() <= MAX_BODY_BYTES);
    assert!(i32::try_from(record.schema).is_ok());
    seq(record.revision);
}

fn v1_checkpoint() -> Option<v1::Checkpoint> {
    let checkpoint = sample::checkpoint();
    Some(v1::Checkpoint {
        incarnation: Some(v1::Incarnation {
            counter: checkpoint.incarnation.counter,
            random: checkpoint.incarnation.random,
        }),
        seq: checkpoint.seq,
        chain: checkpoint.chain.0.to_vec(),
    })
}

/// One part of every sort.
pub(crate) fn sample_batch() -> Batch {
    let records: Vec<_> = sample::bodies().iter().map(sample::record).collect();
    let store: StoreId = sample::id(4);
    let part = |channel: Channel, from, through| Part {
        channel,
        from,
        through,
        caught_up: true,
        records: records
            .iter()
            .filter(|record| record.channel == channel)
            .cloned()
            .collect(),
        digest: Some(sample::digest()),
        owner_proof: None,
    };
    let last = records.last().map(|record| record.key);
    let mut history = part(
        Channel::StoreHistory(store),
        None,
        Cursor::Following { seq: 4_711 },
    );
    history.records.push(sample::tombstone());
    history.owner_proof = Some(OwnerProof {
        seq: 17,
        at: sample::MOMENT,
    });
    let parts = vec![
        part(
            Channel::Master,
            Some(Cursor::Following { seq: 3 }),
            Cursor::Following { seq: 4_711 },
        ),
        part(
            Channel::StoreStock(store),
            Some(Cursor::Loading { head: 9, last: None }),
            Cursor::Loading { head: 9, last },
        ),
        history,
    ];
    Batch {
        number: 7,
        parts,
        checkpoint: sample::checkpoint(),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let message = SatelliteMessage::Batch(sample_batch());
    let written = v1::SatelliteMessage::write(message, Packing::Plain).expect("an honest batch");
    let Some(v1::satellite_message::Message::Batch(batch)) = written.message else {
        panic!("a batch was written");
    };
    let plain: Bytes = batch.payload;
    let packed = zstd::deflate(&plain, zstd::LEVEL).expect("anything can be compressed");
    let seed = |form: u8, rest: &[u8]| [&[form, 0], rest].concat();
    vec![
        seed(PLAIN, &plain),
        seed(COMPRESSED, &plain),
        seed(AS_COMPRESSED, &packed),
        seed(PLAIN, b""),
    ]
}
