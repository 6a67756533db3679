//! How many parts and records a payload brings, and how many fields a frame, counted before any of it is decoded: an
//! empty one is two bytes on the wire, and hundreds in memory.

use bytes::Buf;
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use supplysync_model::limits::MAX_FRAME_FIELDS;

use super::Violation;

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

/// Refuses a frame whose message has longer lists than any honest one, before they are decoded. A batch's payload is one
/// field here; what is in it is counted when it is inflated. Whether the rest can be decoded is not asked.
pub fn check_lists(frame: &[u8]) -> Result<(), Violation> {
    let mut fields = 0;
    count_fields(frame, |message| fields += count_fields(message, |_| {}));
    if fields > MAX_FRAME_FIELDS {
        return Err(Violation::new(format!(
            "a message has more than {MAX_FRAME_FIELDS} fields"
        )));
    }
    Ok(())
}

/// How many fields a message has, up to the first that can't be read; those with a length are handed over.
fn count_fields(mut message: &[u8], mut found: impl FnMut(&[u8])) -> usize {
    let mut fields = 0;
    while message.has_remaining() {
        match next_field(&mut message) {
            Ok((_, inner)) => inner.into_iter().for_each(&mut found),
            Err(_) => break,
        }
        fields += 1;
    }
    fields
}

/// Moves past a field; its number, and its bytes if it has a length.
fn next_field<'a>(message: &mut &'a [u8]) -> Result<(u32, Option<&'a [u8]>), DecodeError> {
    let (tag, wire_type) = decode_key(message)?;
    let value = *message;
    skip_field(wire_type, tag, message, DecodeContext::default())?;
    if wire_type != WireType::LengthDelimited {
        return Ok((tag, None));
    }
    let (mut inner, _) = value.split_at(value.len() - message.len());
    decode_varint(&mut inner)?;
    Ok((tag, Some(inner)))
}

/// Hands over each message that `message` holds in `field`; skips all else.
fn each(
    mut message: &[u8],
    field: u32,
    mut found: impl FnMut(&[u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    while message.has_remaining() {
        let (tag, inner) = next_field(&mut message)?;
        if let Some(inner) = inner.filter(|_| tag == field) {
            found(inner)?;
        }
    }
    Ok(())
}
