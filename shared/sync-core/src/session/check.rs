//! What is wrong with a message before anything is done with it.

use supplysync_model::limits::MAX_BATCH_RECORDS;

use crate::{Batch, Cursor, Direction, Hello, Part};

/// The first flaw of a batch, if any: what no honest sender makes.
pub(crate) fn flaw_of_batch(batch: &Batch, direction: Direction) -> Option<&'static str> {
    if batch.parts.is_empty() {
        return Some("a batch carries nothing");
    }
    if batch.records() > MAX_BATCH_RECORDS {
        return Some("a batch carries too many records");
    }
    if !batch
        .parts
        .windows(2)
        .all(|pair| pair[0].channel < pair[1].channel)
    {
        return Some("the parts of a batch are not in rank order");
    }
    batch.parts.iter().find_map(|part| {
        if seq_of(part.through) > batch.checkpoint.seq {
            return Some("a batch goes beyond its own snapshot");
        }
        flaw_of_part(part, direction)
    })
}

fn flaw_of_part(part: &Part, direction: Direction) -> Option<&'static str> {
    if part.digest.is_some() && !part.caught_up {
        return Some("a digest came with a part that is not caught up");
    }
    match (direction, part.from, part.through) {
        (_, Some(Cursor::Following { seq: from }), Cursor::Following { seq: through }) if from <= through => {
            None
        }
        // A load replaces key ranges: the primary gets one only where it asked for a repair, and so has a cursor for it.
        (Direction::Push, None, _) => Some("a push does not follow"),
        (Direction::Pull, None, _) => None,
        (_, Some(Cursor::Loading { head, .. }), Cursor::Following { seq }) if head <= seq => None,
        (
            _,
            Some(Cursor::Loading { head, last }),
            Cursor::Loading {
                head: next_head,
                last: next,
            },
        ) if head == next_head && last < next => None,
        _ => Some("a cursor goes backwards"),
    }
}

/// The first flaw of a Hello, if any.
pub(crate) fn flaw_of_hello(hello: &Hello) -> Option<&'static str> {
    if hello.head.map(|head| head.incarnation) != hello.incarnation {
        return Some("the head of the feed is of another incarnation");
    }
    let known = hello.checkpoint.map_or(0, |checkpoint| checkpoint.seq);
    if hello.cursors.iter().any(|(_, cursor)| seq_of(*cursor) > known) {
        return Some("a cursor is beyond the checkpoint that was applied with it");
    }
    None
}

fn seq_of(cursor: Cursor) -> u64 {
    match cursor {
        Cursor::Loading { head, .. } => head,
        Cursor::Following { seq } => seq,
    }
}

#[cfg(test)]
mod tests;
