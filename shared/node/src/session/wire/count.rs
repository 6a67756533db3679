//! How many parts and records a payload brings, counted before any of it is decoded: an empty one is two bytes on the
//! wire, and hundreds in memory.

use bytes::Buf;
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// `BatchPayload.parts`.
const PARTS: u32 = 1;
/// `Part.records`.
const RECORDS: u32 = 5;

/// What a payload brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) parts: usize,
    pub(super) records: usize,
}

pub(super) fn count(payload: &[u8]) -> Result<Count, DecodeError> {
    let mut count = Count::default();
    each(payload, PARTS, |part| {
        count.parts += 1;
        each(part, RECORDS, |_| {
            count.records += 1;
            Ok(())
        })
    })?;
    Ok(count)
}

/// Hands over each message that `message` holds in `field`; skips all else.
fn each(
    mut message: &[u8],
    field: u32,
    mut found: impl FnMut(&[u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    while message.has_remaining() {
        let (tag, wire_type) = decode_key(&mut message)?;
        let value = message;
        skip_field(wire_type, tag, &mut message, DecodeContext::default())?;
        if tag == field && wire_type == WireType::LengthDelimited {
            let (mut inner, _) = value.split_at(value.len() - message.len());
            decode_varint(&mut inner)?;
            found(inner)?;
        }
    }
    Ok(())
}
