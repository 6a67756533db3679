//! P5: what a transaction moves, it moves together.

use super::{Check, Violation};
use crate::Cursor;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p5_atomic";

/// After an apply the cursors are where the batch ends, the checkpoint covers them, and the chain has the head.
pub fn invariant_p5_atomic(world: &World, seen: &Observation) -> Check {
    let Observation::Applied {
        process,
        request,
        outcome,
        ..
    } = seen
    else {
        return Ok(());
    };
    let store = &world.processes[*process].store;
    for part in &request.parts {
        let row = store.cursor(request.peer, part.channel, request.direction);
        if row.map(|row| row.cursor) != Some(part.through) {
            let what = format!(
                "process {process} applied {} up to {:?}, its cursor is {:?}",
                part.channel,
                part.through,
                row.map(|row| row.cursor)
            );
            return Err(Violation::new(NAME, what));
        }
    }
    let known = store.peer(request.peer).checkpoint.map_or(0, |known| known.seq);
    for ((peer, channel, direction), row) in store.cursors() {
        let at = match row.cursor {
            Cursor::Following { seq } => seq,
            Cursor::Loading { head, .. } => head,
        };
        if *peer == request.peer && *direction == request.direction && at > known {
            let what = format!("process {process} is at {at} in {channel}, its checkpoint is at {known}");
            return Err(Violation::new(NAME, what));
        }
    }
    let chained = store.chains().last_key_value().map_or(0, |(seq, _)| *seq);
    if chained != store.seq() || outcome.head.seq != store.seq() {
        let what = format!(
            "process {process} has head {}, chain up to {chained}, and says {}",
            store.seq(),
            outcome.head.seq
        );
        return Err(Violation::new(NAME, what));
    }
    Ok(())
}
