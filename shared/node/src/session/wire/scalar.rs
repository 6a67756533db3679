//! The small values of session messages: channels, cursors, keys, checkpoints, digests.

use std::collections::BTreeSet;

use supplysync_api::v1;
use supplysync_model::{
    Chain, Channel, Checkpoint, Digest, Incarnation, Kind, RecordId, RecordKey, Seq, StoreId, SyncId,
};
use supplysync_sync_core::{Cursor, Served};

use super::{Read, Violation};

/// The longest name, code or version that is read, in bytes.
pub(super) const NAME_BYTES: usize = 1_024;
/// The longest text for a person that is read, in bytes.
pub(super) const WORDS_BYTES: usize = 16 * 1_024;

pub(super) fn missing(what: &str) -> Violation {
    Violation::new(format!("{what} is missing"))
}

pub(super) fn text(what: &str, text: String, limit: usize) -> Read<String> {
    if text.len() > limit {
        return Err(Violation::new(format!("{what} is longer than {limit} bytes")));
    }
    if text.contains('\0') {
        return Err(Violation::new(format!("{what} holds U+0000, which no text may")));
    }
    Ok(text)
}

pub(super) fn bytes16(what: &str, bytes: &[u8]) -> Read<[u8; 16]> {
    bytes
        .try_into()
        .map_err(|_| Violation::new(format!("{what} has {} bytes instead of 16", bytes.len())))
}

/// A position in a feed; databases keep it in 63 bits.
pub(super) fn seq(what: &str, seq: u64) -> Read<Seq> {
    if i64::try_from(seq).is_err() {
        return Err(Violation::new(format!("{what} is out of range")));
    }
    Ok(seq)
}

pub(super) fn sync_id(what: &str, number: u32) -> Read<SyncId> {
    let id = u16::try_from(number).ok().and_then(SyncId::new);
    id.ok_or_else(|| Violation::new(format!("{what} {number} is not a Sync ID")))
}

pub(super) fn kind(number: u32) -> Read<Kind> {
    let number = u16::try_from(number).map_err(|_| Violation::new("a kind is out of range"))?;
    Ok(Kind(number))
}

pub(super) fn channel(wire: Option<v1::Channel>) -> Read<Channel> {
    use v1::channel::Channel as Wire;
    let store = |id: Vec<u8>| bytes16("the store of a channel", &id).map(StoreId::from_bytes);
    match wire.and_then(|wire| wire.channel) {
        None => Err(missing(
            "a channel, or it is of a kind that this version does not know,",
        )),
        Some(Wire::Master(_)) => Ok(Channel::Master),
        Some(Wire::Site(site)) => sync_id("the site of a channel", site).map(Channel::Site),
        Some(Wire::StoreStock(id)) => store(id).map(Channel::StoreStock),
        Some(Wire::StoreHistory(id)) => store(id).map(Channel::StoreHistory),
    }
}

pub(super) fn channel_to_wire(channel: Channel) -> v1::Channel {
    use v1::channel::Channel as Wire;
    v1::Channel {
        channel: Some(match channel {
            Channel::Master => Wire::Master(v1::MasterChannel {}),
            Channel::Site(site) => Wire::Site(site.get().into()),
            Channel::StoreStock(store) => Wire::StoreStock(store.to_bytes().to_vec()),
            Channel::StoreHistory(store) => Wire::StoreHistory(store.to_bytes().to_vec()),
        }),
    }
}

pub(super) fn record_key(wire: &v1::RecordKey) -> Read<RecordKey> {
    Ok(RecordKey {
        kind: kind(wire.kind)?,
        id: bytes16("the id of a record", &wire.id).map(RecordId::from_bytes)?,
    })
}

pub(super) fn record_key_to_wire(key: RecordKey) -> v1::RecordKey {
    v1::RecordKey {
        kind: key.kind.0.into(),
        id: key.id.to_bytes().to_vec(),
    }
}

pub(super) fn cursor(wire: Option<v1::Cursor>) -> Read<Cursor> {
    use v1::cursor::Position;
    match wire.and_then(|wire| wire.position) {
        None => Err(missing("a cursor")),
        Some(Position::Loading(loading)) => Ok(Cursor::Loading {
            head: seq("the head of a load", loading.head)?,
            last: loading.last.as_ref().map(record_key).transpose()?,
        }),
        Some(Position::Following(following)) => Ok(Cursor::Following {
            seq: seq("the seq of a cursor", following.seq)?,
        }),
    }
}

pub(super) fn cursor_to_wire(cursor: Cursor) -> v1::Cursor {
    use v1::cursor::Position;
    v1::Cursor {
        position: Some(match cursor {
            Cursor::Loading { head, last } => Position::Loading(v1::Loading {
                head,
                last: last.map(record_key_to_wire),
            }),
            Cursor::Following { seq } => Position::Following(v1::Following { seq }),
        }),
    }
}

pub(super) fn cursors(wire: Vec<v1::ChannelCursor>) -> Read<Vec<(Channel, Cursor)>> {
    let read = |wire: v1::ChannelCursor| Ok((channel(wire.channel)?, cursor(wire.cursor)?));
    let cursors = wire.into_iter().map(read).collect::<Read<Vec<_>>>()?;
    distinct("cursors", cursors.iter().map(|(channel, _)| *channel))?;
    Ok(cursors)
}

pub(super) fn cursors_to_wire(cursors: Vec<(Channel, Cursor)>) -> Vec<v1::ChannelCursor> {
    let write = |(channel, cursor)| v1::ChannelCursor {
        channel: Some(channel_to_wire(channel)),
        cursor: Some(cursor_to_wire(cursor)),
    };
    cursors.into_iter().map(write).collect()
}

pub(super) fn served(wire: Vec<v1::Served>) -> Read<Vec<Served>> {
    let read = |wire: v1::Served| {
        Ok(Served {
            channel: channel(wire.channel)?,
            records: wire.records,
            bytes: wire.bytes,
            start: None,
        })
    };
    let served = wire.into_iter().map(read).collect::<Read<Vec<_>>>()?;
    distinct("channels to serve", served.iter().map(|served| served.channel))?;
    Ok(served)
}

pub(super) fn served_to_wire(served: Vec<Served>) -> Vec<v1::Served> {
    let write = |served: Served| v1::Served {
        channel: Some(channel_to_wire(served.channel)),
        records: served.records,
        bytes: served.bytes,
    };
    served.into_iter().map(write).collect()
}

/// A channel may be named once in a list.
pub(super) fn distinct(what: &str, channels: impl Iterator<Item = Channel>) -> Read<()> {
    let mut seen = BTreeSet::new();
    for channel in channels {
        if !seen.insert(channel) {
            return Err(Violation::new(format!("the {what} name {channel} twice")));
        }
    }
    Ok(())
}

pub(super) fn incarnation(wire: v1::Incarnation) -> Incarnation {
    Incarnation {
        counter: wire.counter,
        random: wire.random,
    }
}

pub(super) fn incarnation_to_wire(incarnation: Incarnation) -> v1::Incarnation {
    v1::Incarnation {
        counter: incarnation.counter,
        random: incarnation.random,
    }
}

pub(super) fn checkpoint(wire: v1::Checkpoint) -> Read<Checkpoint> {
    let life = wire.incarnation.map(incarnation);
    Ok(Checkpoint {
        incarnation: life.ok_or_else(|| missing("the incarnation of a checkpoint"))?,
        seq: seq("the seq of a checkpoint", wire.seq)?,
        chain: Chain(bytes16("the chain of a checkpoint", &wire.chain)?),
    })
}

pub(super) fn checkpoint_to_wire(checkpoint: Checkpoint) -> v1::Checkpoint {
    v1::Checkpoint {
        incarnation: Some(incarnation_to_wire(checkpoint.incarnation)),
        seq: checkpoint.seq,
        chain: checkpoint.chain.0.to_vec(),
    }
}

pub(super) fn digest(wire: &v1::Digest) -> Read<Digest> {
    Ok(Digest {
        count: wire.count,
        sum: u128::from_be_bytes(bytes16("the sum of a digest", &wire.sum)?),
    })
}

pub(super) fn digest_to_wire(digest: Digest) -> v1::Digest {
    v1::Digest {
        count: digest.count,
        sum: digest.sum.to_be_bytes().to_vec(),
    }
}
