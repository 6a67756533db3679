//! Batches ↔ wire: the payload with its parts and records, compressed where that helps, inflated within bounds.

use bytes::Bytes;
use prost::Message;
use supplysync_api::v1;
use supplysync_model::limits::{
    MAX_BATCH_BYTES, MAX_BATCH_PARTS, MAX_BATCH_RECORDS, MAX_BODY_BYTES, MAX_FRAME_BYTES,
};
use supplysync_model::{Channel, Epoch, Fault, Record, RecordHash, RecordId, RecordKey, Timestamp};
use supplysync_net::zstd;
use supplysync_sync_core::{Batch, OwnerProof, Part};

use super::count::{Count, count};
use super::scalar::{
    bytes16, channel, channel_to_wire, checkpoint, checkpoint_to_wire, cursor, cursor_to_wire, digest,
    digest_to_wire, kind, missing, seq, sync_id,
};
use super::{Read, Violation};

/// Payloads below this gain nothing that anybody would notice.
const WORTH_COMPRESSING: usize = 1_024;

/// Whether payloads are compressed on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// As they are: for fast links.
    #[default]
    Plain,
    /// With zstd where that saves a tenth or more: for thin links.
    Compressed,
}

pub(super) fn batch_to_wire(batch: Batch, packing: Packing) -> Result<v1::Batch, Fault> {
    let records = u32::try_from(batch.records()).map_err(Fault::internal)?;
    let checkpoint = Some(checkpoint_to_wire(batch.checkpoint));
    let parts = batch.parts.into_iter().map(part_to_wire).collect();
    let payload = Bytes::from(v1::BatchPayload { parts }.encode_to_vec());
    let payload_bytes = u32::try_from(payload.len()).map_err(Fault::internal)?;
    let (encoding, payload) = match compressed(&payload, packing)? {
        Some(packed) => (v1::PayloadEncoding::Zstd, packed),
        None => (v1::PayloadEncoding::Identity, payload),
    };
    Ok(v1::Batch {
        number: batch.number,
        checkpoint,
        encoding: encoding.into(),
        payload,
        records,
        payload_bytes,
    })
}

fn compressed(payload: &Bytes, packing: Packing) -> Result<Option<Bytes>, Fault> {
    if packing == Packing::Plain || payload.len() < WORTH_COMPRESSING {
        return Ok(None);
    }
    let packed = zstd::deflate(payload, zstd::LEVEL)?;
    let helps = packed.len() <= payload.len() - payload.len() / 10;
    Ok(helps.then(|| packed.into()))
}

pub(super) fn batch(wire: v1::Batch) -> Read<Batch> {
    let claimed = wire.payload_bytes as usize;
    if claimed > MAX_FRAME_BYTES {
        return Err(Violation::new(format!(
            "a payload claims more than {MAX_FRAME_BYTES} bytes"
        )));
    }
    if wire.records as usize > MAX_BATCH_RECORDS {
        return Err(Violation::new(format!(
            "a batch claims more than {MAX_BATCH_RECORDS} records"
        )));
    }
    let payload = match v1::PayloadEncoding::try_from(wire.encoding) {
        Ok(v1::PayloadEncoding::Identity) => wire.payload,
        Ok(v1::PayloadEncoding::Zstd) => zstd::inflate(&wire.payload, claimed)
            .map_err(|fault| Violation::new(fault.message()))?
            .into(),
        _ => return Err(Violation::new("the encoding of a payload is not known")),
    };
    if payload.len() != claimed {
        return Err(Violation::new("a payload has another size than the batch says"));
    }
    let undecodable = |error| Violation::new(format!("a payload can't be decoded ({error})"));
    let Count { parts, records } = count(&payload).map_err(undecodable)?;
    if parts > MAX_BATCH_PARTS {
        return Err(Violation::new(format!(
            "a batch has more than {MAX_BATCH_PARTS} parts"
        )));
    }
    if records != wire.records as usize {
        return Err(Violation::new(
            "a batch has another number of records than it says",
        ));
    }
    let payload = v1::BatchPayload::decode(payload).map_err(undecodable)?;
    let parts = payload.parts.into_iter().map(part).collect::<Read<Vec<_>>>()?;
    let batch = Batch {
        number: wire.number,
        parts,
        checkpoint: checkpoint(
            wire.checkpoint
                .ok_or_else(|| missing("the checkpoint of a batch"))?,
        )?,
    };
    let bodies = batch.parts.iter().flat_map(|part| &part.records);
    let bytes: usize = bodies.map(|record| record.body.len()).sum();
    // The record that fills a batch may go beyond.
    if bytes > MAX_BATCH_BYTES + MAX_BODY_BYTES {
        return Err(Violation::new(
            "the bodies of a batch are larger than a batch may be",
        ));
    }
    Ok(batch)
}

fn part(wire: v1::Part) -> Read<Part> {
    let channel = channel(wire.channel)?;
    let records = wire.records.into_iter().map(|wire| record(channel, wire));
    Ok(Part {
        channel,
        from: wire.from.map(|from| cursor(Some(from))).transpose()?,
        through: cursor(wire.through)?,
        caught_up: wire.caught_up,
        records: records.collect::<Read<_>>()?,
        digest: wire.digest.as_ref().map(digest).transpose()?,
        owner_proof: wire.owner_proof.map(owner_proof).transpose()?,
    })
}

fn part_to_wire(part: Part) -> v1::Part {
    v1::Part {
        channel: Some(channel_to_wire(part.channel)),
        from: part.from.map(cursor_to_wire),
        through: Some(cursor_to_wire(part.through)),
        caught_up: part.caught_up,
        records: part.records.into_iter().map(record_to_wire).collect(),
        digest: part.digest.map(digest_to_wire),
        owner_proof: part.owner_proof.map(|proof| v1::OwnerProof {
            seq: proof.seq,
            at: proof.at.0,
        }),
    }
}

fn owner_proof(wire: v1::OwnerProof) -> Read<OwnerProof> {
    Ok(OwnerProof {
        seq: seq("the seq of a proof", wire.seq)?,
        at: Timestamp(wire.at),
    })
}

pub(super) fn record(channel: Channel, wire: v1::Record) -> Read<Record> {
    let key = RecordKey {
        kind: kind(wire.kind)?,
        id: RecordId::from_bytes(bytes16("the id of a record", &wire.id)?),
    };
    if wire.body.len() > MAX_BODY_BYTES {
        return Err(Violation::new(format!(
            "the body of {key} is larger than {MAX_BODY_BYTES} bytes"
        )));
    }
    if i32::try_from(wire.schema).is_err() {
        return Err(Violation::new(format!("the schema of {key} is out of range")));
    }
    // Whether the hash is that of the content is judged record by record where it is applied: a damaged one is set
    // aside there, and holds nothing back.
    Ok(Record {
        key,
        channel,
        origin_site: sync_id("the origin of a record,", wire.origin_site)?,
        epoch: Epoch::from_packed(wire.epoch),
        revision: seq("the revision of a record", wire.revision)?,
        schema: wire.schema,
        deleted: wire.deleted,
        hash: RecordHash(bytes16("the hash of a record", &wire.hash)?),
        body: wire.body,
    })
}

pub(super) fn record_to_wire(record: Record) -> v1::Record {
    v1::Record {
        kind: record.key.kind.0.into(),
        id: record.key.id.to_bytes().to_vec(),
        origin_site: record.origin_site.get().into(),
        epoch: record.epoch.packed(),
        revision: record.revision,
        schema: record.schema,
        deleted: record.deleted,
        hash: record.hash.0.to_vec(),
        body: record.body,
    }
}
