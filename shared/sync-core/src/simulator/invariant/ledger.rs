//! P8: nothing silent. What is refused is kept; the ledger adds up on both ends.

use super::{Check, Violation};
use supplysync_model::{Channel, SyncId};

use crate::Direction;
use crate::simulator::store::ModelStore;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p8_nothing_silent";

/// Each refused change is in quarantine with its reason, and so is local work that a pull replaced.
pub fn invariant_p8_nothing_silent(world: &World, seen: &Observation) -> Check {
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
    for refusal in &outcome.refused {
        // One that is kept already keeps its first reason; that it is the very version is looked at below.
        let kept = store
            .quarantine()
            .iter()
            .any(|kept| kept.record.key == refusal.key);
        if !kept {
            let what = format!(
                "process {process} refused {} ({}), and it is not in quarantine",
                refusal.key, refusal.reason.0
            );
            return Err(Violation::new(NAME, what));
        }
    }
    for record in request.parts.iter().flat_map(|part| &part.records) {
        let there = store
            .get_record(record.key)
            .is_some_and(|held| held.record.hash == record.hash)
            || store.quarantine().iter().any(|kept| kept.record == *record)
            || !store.is_judged(record.channel, request.peer, request.direction)
                && request.direction == Direction::Pull
            // Of what is given back to a primary the latest counts; whether that is so in the end is looked at then.
            || world.truth.doubtful.contains(&SyncId::PRIMARY)
                && store.get_record(record.key).is_some_and(|held| {
                    let held = (held.record.epoch, held.record.revision);
                    held > (record.epoch, record.revision)
                });
        if !there && !world.truth.doubtful.contains(&request.peer) {
            let what = format!(
                "process {process} took {} and has it neither as a record nor in quarantine",
                record.key
            );
            return Err(Violation::new(NAME, what));
        }
    }
    let primary = &world.processes[0].store;
    for ((at, key), (channel, hash)) in &world.truth.foul_last {
        // An owner may write over it; whoever only receives the channel must keep it.
        if at != process || world.truth.owner(*channel) == Some(store.sync_id()) {
            continue;
        }
        let there = store
            .get_record(*key)
            .is_some_and(|held| held.record.hash == *hash)
            || store.quarantine().iter().any(|kept| kept.record.hash == *hash)
            // Pushed while this site had the store: then the primary keeps it.
            || primary.quarantine().iter().any(|kept| kept.record.hash == *hash);
        if !there {
            let what = format!("process {process} replaced its own unacknowledged {key} without keeping it");
            return Err(Violation::new(NAME, what));
        }
    }
    balanced(world, *process)
}

fn balanced(world: &World, process: usize) -> Check {
    let of = &world.processes[process];
    if world.truth.doubtful.contains(&of.site) {
        return Ok(());
    }
    for row in of.store.ledger() {
        let spoiled = world.truth.foul.iter().any(|(at, key, hash)| {
            let fouled = &world.processes[*at];
            let held = fouled.store.get_record(*key);
            let mut aside = fouled.store.quarantine().iter();
            held.is_some_and(|held| held.record.channel == row.channel && held.record.hash == *hash)
                || fouled.site == row.receiver
                    && aside.any(|kept| kept.record.channel == row.channel && kept.record.hash == *hash)
                    && !is_heard(&of.store, &fouled.store, row.channel)
        });
        if !row.balanced() && !spoiled && !world.truth.doubtful.contains(&row.receiver) {
            let what = format!("the ledger of process {process} does not add up: {row:?}");
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}

/// Whether a sender has heard where the receiver is in a channel: until then it counts what that had before.
fn is_heard(sender: &ModelStore, receiver: &ModelStore, channel: Channel) -> bool {
    let known = sender.cursor(receiver.sync_id(), channel, sender.sends());
    let stands = receiver.cursor(sender.sync_id(), channel, receiver.receives());
    known.map(|row| row.cursor) == stands.map(|row| row.cursor)
}

/// Once everything has drained nothing is pending, and every row adds up.
pub(super) fn at_peace(world: &World) -> Check {
    for process in 0..world.processes.len() {
        balanced(world, process)?;
    }
    Ok(())
}
