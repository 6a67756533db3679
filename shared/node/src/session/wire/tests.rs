//! Every message comes back as it went; what no honest sender writes is refused; garbage never panics.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use prost::Message;
use supplysync_api::v1;
use supplysync_model::limits::{MAX_BODY_BYTES, MAX_FRAME_BYTES, MAX_FRAME_FIELDS};
use supplysync_model::{
    Chain, Channel, Checkpoint, Digest, Epoch, Incarnation, Kind, Reason, Record, RecordHash, RecordId,
    RecordKey, StoreId, SyncId, Timestamp,
};
use supplysync_sync_core::{
    Ack, Batch, ChannelAck, Cursor, Hello, OwnerProof, Part, PrimaryLife, PrimaryMessage, Refusal, Refused,
    SatelliteMessage, Served, Welcome, record_hash, seal,
};

use super::{Frame, Packing};

const SEQ: std::ops::RangeInclusive<u64> = 0..=i64::MAX as u64;

fn sync_id() -> impl Strategy<Value = SyncId> {
    (1..=u16::MAX).prop_map(|number| SyncId::new(number).unwrap())
}

fn channel() -> impl Strategy<Value = Channel> {
    let store = || any::<[u8; 16]>().prop_map(StoreId::from_bytes);
    prop_oneof![
        Just(Channel::Master),
        sync_id().prop_map(Channel::Site),
        store().prop_map(Channel::StoreStock),
        store().prop_map(Channel::StoreHistory),
    ]
}

fn key() -> impl Strategy<Value = RecordKey> {
    (any::<u16>(), any::<[u8; 16]>()).prop_map(|(kind, id)| RecordKey {
        kind: Kind(kind),
        id: RecordId::from_bytes(id),
    })
}

fn cursor() -> impl Strategy<Value = Cursor> {
    prop_oneof![
        (SEQ, option::of(key())).prop_map(|(head, last)| Cursor::Loading { head, last }),
        SEQ.prop_map(|seq| Cursor::Following { seq }),
    ]
}

fn incarnation() -> impl Strategy<Value = Incarnation> {
    (any::<u32>(), any::<u64>()).prop_map(|(counter, random)| Incarnation { counter, random })
}

fn checkpoint() -> impl Strategy<Value = Checkpoint> {
    (incarnation(), SEQ, any::<[u8; 16]>()).prop_map(|(incarnation, seq, chain)| Checkpoint {
        incarnation,
        seq,
        chain: Chain(chain),
    })
}

fn digest() -> impl Strategy<Value = Digest> {
    (any::<u64>(), any::<u128>()).prop_map(|(count, sum)| Digest { count, sum })
}

fn served() -> impl Strategy<Value = Vec<Served>> {
    btree_map(channel(), any::<(u64, u64)>(), 0..4).prop_map(|channels| {
        let served = channels.into_iter();
        served
            .map(|(channel, (records, bytes))| Served {
                channel,
                records,
                bytes,
                start: None,
            })
            .collect()
    })
}

fn cursors() -> impl Strategy<Value = Vec<(Channel, Cursor)>> {
    btree_map(channel(), cursor(), 0..4).prop_map(|cursors: BTreeMap<_, _>| cursors.into_iter().collect())
}

fn record(channel: Channel) -> impl Strategy<Value = Record> {
    let envelope = (
        key(),
        sync_id(),
        any::<u64>(),
        SEQ,
        0..=i32::MAX as u32,
        any::<bool>(),
    );
    (envelope, vec(any::<u8>(), 0..600)).prop_map(move |(envelope, body)| {
        let (key, origin_site, epoch, revision, schema, deleted) = envelope;
        seal(Record {
            key,
            channel,
            origin_site,
            epoch: Epoch::from_packed(epoch),
            revision,
            schema,
            deleted,
            hash: RecordHash::default(),
            body: body.into(),
        })
    })
}

fn part() -> impl Strategy<Value = Part> {
    channel().prop_flat_map(|channel| {
        (Just(channel), ends(), vec(record(channel), 0..5)).prop_map(|(channel, ends, records)| {
            let (from, through, caught_up, digest, owner_proof) = ends;
            Part {
                channel,
                from,
                through,
                caught_up,
                records,
                digest,
                owner_proof,
            }
        })
    })
}

type Ends = (Option<Cursor>, Cursor, bool, Option<Digest>, Option<OwnerProof>);

fn ends() -> impl Strategy<Value = Ends> {
    let proof = (SEQ, any::<i64>()).prop_map(|(seq, at)| OwnerProof {
        seq,
        at: Timestamp(at),
    });
    (
        option::of(cursor()),
        cursor(),
        any::<bool>(),
        option::of(digest()),
        option::of(proof),
    )
}

fn batch() -> impl Strategy<Value = Batch> {
    (any::<u64>(), vec(part(), 0..4), checkpoint()).prop_map(|(number, parts, checkpoint)| Batch {
        number,
        parts,
        checkpoint,
    })
}

fn ack() -> impl Strategy<Value = Ack> {
    let channel_ack = (cursor(), option::of(digest()), any::<u64>(), any::<u64>());
    let refusal =
        (key(), prop::sample::select(Reason::ALL)).prop_map(|(key, reason)| Refusal { key, reason });
    let channels = btree_map(channel(), channel_ack, 0..4).prop_map(|channels| {
        let acks = channels.into_iter();
        acks.map(|(channel, (cursor, digest, quarantined, held))| ChannelAck {
            channel,
            cursor,
            digest,
            quarantined,
            held,
        })
        .collect()
    });
    (any::<u64>(), channels, vec(refusal, 0..3), checkpoint()).prop_map(
        |(number, channels, refused, head)| Ack {
            number,
            channels,
            refused,
            head,
        },
    )
}

fn satellite_message() -> impl Strategy<Value = SatelliteMessage> {
    let words = ("[^\0\n]{0,20}", "[^\0\n]{0,20}", vec("[^\0\n]{0,8}", 0..3));
    let lives = (
        option::of(incarnation()),
        option::of(checkpoint()),
        option::of(checkpoint()),
    );
    let hello = (any::<(u32, u32)>(), sync_id(), words, lives, cursors()).prop_map(
        |((protocol_min, protocol_max), sync_id, words, lives, cursors)| {
            SatelliteMessage::Hello(Hello {
                protocol_min,
                protocol_max,
                software_version: words.0,
                sync_id,
                site_name: words.1,
                store_codes: words.2,
                incarnation: lives.0,
                head: lives.1,
                checkpoint: lives.2,
                cursors,
                recovers: protocol_min % 2 == 1,
            })
        },
    );
    prop_oneof![
        hello,
        (incarnation(), option::of(checkpoint()))
            .prop_map(|(incarnation, begins)| SatelliteMessage::LineageOk { incarnation, begins }),
        incarnation()
            .prop_map(|life| SatelliteMessage::Report(supplysync_model::SiteReport::Recovered(life))),
        incarnation()
            .prop_map(|life| SatelliteMessage::Report(supplysync_model::SiteReport::GivenBack(life))),
        Just(SatelliteMessage::LineageBroken),
        batch().prop_map(SatelliteMessage::Batch),
        ack().prop_map(SatelliteMessage::Ack),
        Just(SatelliteMessage::Heartbeat),
        Just(SatelliteMessage::Bye),
    ]
}

fn primary_message() -> impl Strategy<Value = PrimaryMessage> {
    let later = (checkpoint(), any::<[bool; 2]>()).prop_map(|(began, [gathering, given_back])| PrimaryLife {
        began,
        gathering,
        given_back,
    });
    let later = (option::of(later), option::of(cursors()));
    let lives = (option::of(incarnation()), option::of(checkpoint()));
    let words = ("[^\0\n]{0,20}", vec("[^\0\n]{0,20}", 0..3));
    let welcome = (any::<(u32, u64)>(), words, lives, later, cursors(), served()).prop_map(
        |((protocol, session), words, lives, (life, stands), cursors, serve)| {
            PrimaryMessage::Welcome(Welcome {
                protocol,
                software_version: words.0,
                session,
                assigned_incarnation: lives.0,
                resume_after: session >> 1,
                checkpoint: lives.1,
                cursors,
                serve,
                life,
                stands,
                mismatches: words.1,
            })
        },
    );
    let refused =
        ("[A-Z_]{1,20}", "[^\0\n]{0,60}", any::<bool>()).prop_map(|(reason, message, retryable)| {
            PrimaryMessage::Refused(Refused {
                reason,
                message,
                retryable,
            })
        });
    prop_oneof![
        welcome,
        refused,
        Just(PrimaryMessage::Ready),
        served().prop_map(PrimaryMessage::Serve),
        batch().prop_map(PrimaryMessage::Batch),
        ack().prop_map(PrimaryMessage::Ack),
        Just(PrimaryMessage::Heartbeat),
        Just(PrimaryMessage::Bye),
    ]
}

fn packing() -> impl Strategy<Value = Packing> {
    prop_oneof![Just(Packing::Plain), Just(Packing::Compressed)]
}

/// Over the wire and back.
fn travel<F: Frame + Message + Default>(message: F::Message, packing: Packing) -> F::Message {
    let bytes = F::write(message, packing).unwrap().encode_to_vec();
    F::decode(Bytes::from(bytes)).unwrap().read().unwrap()
}

/// A satellite's batch on the wire, to be spoilt.
fn wire_batch(records: usize) -> v1::Batch {
    let record = |number: usize| {
        seal(Record {
            key: RecordKey {
                kind: Kind::ITEM,
                id: RecordId::from_bytes([number as u8; 16]),
            },
            channel: Channel::Master,
            origin_site: SyncId::PRIMARY,
            epoch: Epoch::default(),
            revision: 1,
            schema: 1,
            deleted: false,
            hash: RecordHash::default(),
            body: vec![7; 1_000].into(),
        })
    };
    let head = Checkpoint {
        incarnation: Incarnation {
            counter: 1,
            random: 2,
        },
        seq: 9,
        chain: Chain([3; 16]),
    };
    let part = Part {
        channel: Channel::Master,
        from: None,
        through: Cursor::Following { seq: 9 },
        caught_up: true,
        records: (0..records).map(record).collect(),
        digest: None,
        owner_proof: None,
    };
    let batch = Batch {
        number: 1,
        parts: vec![part],
        checkpoint: head,
    };
    super::batch::batch_to_wire(batch, Packing::Plain).unwrap()
}

/// The batch with its payload changed, sizes made to fit again.
fn with_payload(mut batch: v1::Batch, change: impl FnOnce(&mut v1::BatchPayload)) -> v1::Batch {
    let mut payload = v1::BatchPayload::decode(batch.payload).unwrap();
    change(&mut payload);
    batch.payload = payload.encode_to_vec().into();
    batch.payload_bytes = batch.payload.len() as u32;
    batch
}

fn refusal_of(batch: v1::Batch) -> String {
    let refused = super::batch::batch(batch).unwrap_err().refused();
    assert_eq!(refused.reason, Reason::PROTOCOL_VIOLATION.0);
    refused.message
}

proptest! {
    #[test]
    fn satellites_messages_come_back(message in satellite_message(), packing in packing()) {
        prop_assert_eq!(travel::<v1::SatelliteMessage>(message.clone(), packing), message);
    }

    #[test]
    fn primaries_messages_come_back(message in primary_message(), packing in packing()) {
        prop_assert_eq!(travel::<v1::PrimaryMessage>(message.clone(), packing), message);
    }

    #[test]
    fn garbage_never_panics(garbage in vec(any::<u8>(), 0..400)) {
        let bytes = Bytes::from(garbage);
        let _ = v1::SatelliteMessage::decode(bytes.clone()).map(Frame::read);
        let _ = v1::PrimaryMessage::decode(bytes.clone()).map(Frame::read);
        let payload_bytes = bytes.len() as u32;
        for encoding in 0..4 {
            let batch = v1::Batch { encoding, payload: bytes.clone(), payload_bytes, ..wire_batch(0) };
            let _ = super::batch::batch(batch);
        }
    }

    #[test]
    fn one_wrong_byte_never_panics_and_never_changes_a_record(place in any::<prop::sample::Index>(), flip in 1u8..) {
        let honest = super::batch::batch(wire_batch(2)).unwrap();
        let mut frame = wire_batch(2).encode_to_vec();
        let at = place.index(frame.len());
        frame[at] ^= flip;
        let read = v1::Batch::decode(Bytes::from(frame)).ok().and_then(|wire| super::batch::batch(wire).ok());
        if let Some(read) = read {
            for record in read.parts.iter().flat_map(|part| &part.records) {
                // One whose hash does not hold is set aside when it is applied.
                let same = honest.parts[0].records.iter().any(|sent| sent.hash == record.hash);
                prop_assert!(same || record_hash(record) != record.hash, "a record was changed unnoticed");
            }
        }
    }
}

#[test]
fn sizes_are_bounded() {
    let large = with_payload(wire_batch(1), |payload| {
        payload.parts[0].records[0].body = vec![0; MAX_BODY_BYTES + 1].into();
    });
    assert!(refusal_of(large).contains("larger than 262144 bytes"));

    let claims = v1::Batch {
        payload_bytes: MAX_FRAME_BYTES as u32 + 1,
        ..wire_batch(1)
    };
    assert!(refusal_of(claims).contains("claims more than"));

    let bomb = v1::Batch {
        encoding: v1::PayloadEncoding::Zstd.into(),
        payload: supplysync_net::zstd::deflate(&vec![0; 64 << 20], 19)
            .unwrap()
            .into(),
        payload_bytes: MAX_FRAME_BYTES as u32,
        ..wire_batch(1)
    };
    assert!(refusal_of(bomb).contains("larger than 4194304 bytes"));

    let unkeepable = v1::SatelliteMessage {
        message: Some(v1::satellite_message::Message::Hello(v1::Hello {
            sync_id: 2,
            site_name: "Cli\0nic".into(),
            ..Default::default()
        })),
    };
    assert!(unkeepable.read().unwrap_err().to_string().contains("U+0000"));

    let miscounted = v1::Batch {
        records: 3,
        ..wire_batch(2)
    };
    assert!(refusal_of(miscounted).contains("number of records"));
}

#[test]
fn parts_and_records_are_counted_before_they_are_decoded() {
    let packed = |payload: Vec<u8>| v1::Batch {
        encoding: v1::PayloadEncoding::Zstd.into(),
        payload_bytes: payload.len() as u32,
        payload: supplysync_net::zstd::deflate(&payload, 3).unwrap().into(),
        ..wire_batch(0)
    };
    // Field 1 of the payload, and within a part field 5, of no bytes.
    let parts = packed([10, 0].repeat(MAX_FRAME_BYTES / 2));
    assert!(parts.payload.len() < 1_000);
    assert!(refusal_of(parts).contains("more than 32768 parts"));

    let part = [42, 0].repeat(1_000_000);
    let records = packed([vec![10, 0x80, 0x89, 0x7a], part].concat());
    assert!(refusal_of(records).contains("number of records"));

    let cut = packed(vec![10, 5, 0]);
    assert!(refusal_of(cut).contains("can't be decoded"));
}

#[test]
fn payloads_are_compressed_where_that_helps() {
    let batch = |records| {
        let batch = super::batch::batch(wire_batch(records)).unwrap();
        super::batch::batch_to_wire(batch, Packing::Compressed).unwrap()
    };
    let packed = batch(50);
    assert_eq!(packed.encoding(), v1::PayloadEncoding::Zstd);
    assert!(packed.payload.len() < packed.payload_bytes as usize / 5);
    assert_eq!(super::batch::batch(packed).unwrap().records(), 50);
    assert_eq!(batch(0).encoding(), v1::PayloadEncoding::Identity);
}

#[test]
fn what_is_named_twice_is_refused() {
    let served = v1::Served {
        channel: Some(super::scalar::channel_to_wire(Channel::Master)),
        records: 1,
        bytes: 1,
    };
    let serve = v1::Serve {
        channels: vec![served.clone(), served],
    };
    let frame = v1::PrimaryMessage {
        message: Some(v1::primary_message::Message::Serve(serve)),
    };
    assert!(frame.read().unwrap_err().to_string().contains("twice"));
}

#[test]
fn long_lists_are_refused_before_they_are_decoded() {
    // Lists of `Hello`, `Welcome`, `Serve`, `Ack` and `CopyWish`, of elements without any bytes.
    for (message, list) in [(1, 6), (1, 10), (1, 8), (4, 1), (5, 2), (6, 3), (12, 2)] {
        let frame = |elements: usize| {
            let mut frame = Vec::new();
            prost::encoding::encode_key(message, prost::encoding::WireType::LengthDelimited, &mut frame);
            prost::encoding::encode_varint(2 * elements as u64, &mut frame);
            frame.extend([list << 3 | 2, 0].repeat(elements));
            frame
        };
        assert_eq!(super::check_lists(&frame(MAX_FRAME_FIELDS)), Ok(()));
        let refused = super::check_lists(&frame(MAX_FRAME_FIELDS + 1)).unwrap_err();
        assert!(
            refused.to_string().contains("more than 65536 fields"),
            "{refused}"
        );
    }
    let batch = v1::SatelliteMessage {
        message: Some(v1::satellite_message::Message::Batch(v1::Batch {
            payload: vec![0; MAX_FRAME_BYTES - 100].into(),
            ..wire_batch(0)
        })),
    };
    assert_eq!(super::check_lists(&batch.encode_to_vec()), Ok(()));
}
