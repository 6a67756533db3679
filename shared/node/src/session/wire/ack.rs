//! Acknowledgements ↔ wire.

use supplysync_api::v1;
use supplysync_model::Reason;
use supplysync_sync_core::{Ack, ChannelAck, Refusal};

use super::scalar::{
    NAME_BYTES, channel, channel_to_wire, checkpoint, checkpoint_to_wire, cursor, cursor_to_wire, digest,
    digest_to_wire, distinct, missing, record_key, record_key_to_wire, text,
};
use super::{Read, Violation};
use supplysync_model::limits::MAX_BATCH_RECORDS;

pub(super) fn ack(wire: v1::Ack) -> Read<Ack> {
    if wire.refused.len() > MAX_BATCH_RECORDS {
        return Err(Violation::new("an ack refuses more records than a batch has"));
    }
    let channels = wire
        .channels
        .into_iter()
        .map(channel_ack)
        .collect::<Read<Vec<_>>>()?;
    distinct("channels of an ack", channels.iter().map(|acked| acked.channel))?;
    Ok(Ack {
        number: wire.number,
        channels,
        refused: wire.refused.into_iter().map(refusal).collect::<Read<_>>()?,
        head: checkpoint(wire.head.ok_or_else(|| missing("the head of an ack"))?)?,
    })
}

pub(super) fn ack_to_wire(ack: Ack) -> v1::Ack {
    v1::Ack {
        number: ack.number,
        channels: ack.channels.into_iter().map(channel_ack_to_wire).collect(),
        refused: ack.refused.into_iter().map(refusal_to_wire).collect(),
        head: Some(checkpoint_to_wire(ack.head)),
    }
}

fn channel_ack(wire: v1::ChannelAck) -> Read<ChannelAck> {
    Ok(ChannelAck {
        channel: channel(wire.channel)?,
        cursor: cursor(wire.cursor)?,
        digest: wire.digest.as_ref().map(digest).transpose()?,
        quarantined: wire.quarantined,
        held: wire.held,
    })
}

fn channel_ack_to_wire(acked: ChannelAck) -> v1::ChannelAck {
    v1::ChannelAck {
        channel: Some(channel_to_wire(acked.channel)),
        cursor: Some(cursor_to_wire(acked.cursor)),
        digest: acked.digest.map(digest_to_wire),
        quarantined: acked.quarantined,
        held: acked.held,
    }
}

fn refusal(wire: v1::Refusal) -> Read<Refusal> {
    let name = text("the reason of a refusal", wire.reason, NAME_BYTES)?;
    let known = Reason::ALL.iter().find(|reason| reason.0 == name);
    Ok(Refusal {
        key: record_key(&wire.key.ok_or_else(|| missing("the key of a refusal"))?)?,
        // A newer program may have reasons that this one does not know.
        reason: known.copied().unwrap_or(Reason::NOT_IN_THIS_VERSION),
    })
}

fn refusal_to_wire(refusal: Refusal) -> v1::Refusal {
    v1::Refusal {
        key: Some(record_key_to_wire(refusal.key)),
        reason: refusal.reason.0.to_owned(),
    }
}
