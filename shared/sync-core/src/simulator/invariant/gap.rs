//! P4: no cursor is past a change that is not there.

use std::collections::BTreeSet;

use super::{Check, Violation, has_passed};
use crate::simulator::store::ModelStore;
use crate::simulator::world::event::ProcessId;
use crate::simulator::world::{Observation, World};
use crate::{ApplyRequest, Cursor, Direction};

const NAME: &str = "invariant_p4_no_gap";

/// Behind a receiver's cursor, receiver and sender hold the same versions of the same records; what the receiver
/// refused is in its quarantine.
pub fn invariant_p4_no_gap(world: &World, seen: &Observation) -> Check {
    match seen {
        Observation::Applied {
            process,
            request,
            stood,
            ..
        } => {
            in_its_place(*process, request, stood)?;
            replaced(&world.processes[*process].store, *process, request)
        }
        Observation::Committed(id) => nothing_missing(world, *id),
        _ => Ok(()),
    }
}

/// A batch applies only where the receiver stands.
fn in_its_place(process: ProcessId, request: &ApplyRequest, stood: &[Option<Cursor>]) -> Check {
    for (part, stood) in request.parts.iter().zip(stood) {
        let here = stood.or((request.direction == Direction::Push).then_some(Cursor::START));
        if here != part.from {
            let what = format!(
                "process {process} stood at {here:?} in {} and applied a part from {:?}",
                part.channel, part.from
            );
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}

/// A load's part replaces its whole key range: of what was there, nothing is left that is not in it.
fn replaced(store: &ModelStore, process: ProcessId, request: &ApplyRequest) -> Check {
    for part in &request.parts {
        let after = match part.from {
            None => None,
            Some(Cursor::Loading { last, .. }) => last,
            Some(Cursor::Following { .. }) => continue,
        };
        if !store.is_judged(part.channel, request.peer, request.direction) {
            continue;
        }
        let end = match part.through {
            Cursor::Loading { last, .. } => last,
            Cursor::Following { .. } => None,
        };
        let sent: BTreeSet<_> = part.records.iter().map(|record| record.key).collect();
        let leftover = store
            .feed(part.channel, 0)
            .map(|held| held.record.key)
            .find(|key| Some(*key) > after && end.is_none_or(|end| *key <= end) && !sent.contains(key));
        if let Some(key) = leftover {
            let what = format!(
                "process {process} keeps {key} in a key range of {} that was replaced",
                part.channel
            );
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}

fn nothing_missing(world: &World, id: ProcessId) -> Check {
    let receiver = &world.processes[id];
    if world.truth.doubtful.contains(&receiver.site) {
        return Ok(());
    }
    for ((peer, channel, direction), row) in receiver.store.cursors() {
        if *direction != receiver.store.receives() || world.truth.doubtful.contains(peer) {
            continue;
        }
        let Some(sender) = world.processes.iter().find(|process| process.site == *peer) else {
            continue;
        };
        if !receiver.store.is_judged(*channel, *peer, *direction) {
            // A store that has gone to another site since.
            continue;
        }
        for held in sender.store.feed(*channel, 0) {
            let (key, hash) = (held.record.key, held.record.hash);
            // Who handed the store over has not heard of what it never had: neither of its tombstone.
            let never_had = held.record.deleted && receiver.store.get_record(key).is_none();
            if has_passed(row.cursor, key, held.seq)
                && !never_had
                && !has(&receiver.store, key, hash)
                && !world
                    .truth
                    .foul
                    .iter()
                    .any(|(at, foul, _)| *at == id && *foul == key)
            {
                let what = format!(
                    "process {id} is at {:?} in {channel} of site {peer}, past {key} at {}, which is not there",
                    row.cursor, held.seq
                );
                return Err(Violation::new(NAME, what));
            }
        }
        let theirs: BTreeSet<_> = sender
            .store
            .feed(*channel, 0)
            .map(|held| held.record.key)
            .collect();
        for held in receiver.store.feed(*channel, 0) {
            let (key, hash) = (held.record.key, held.record.hash);
            // A store is handed over by what it holds: the tombstone of what the new site never had does not go along.
            let gone = held.record.deleted || world.truth.is_foul(key, hash);
            if has_passed(row.cursor, key, 0) && !theirs.contains(&key) && !gone {
                let what = format!("process {id} holds {key} in {channel}, which site {peer} does not have");
                return Err(Violation::new(NAME, what));
            }
        }
    }
    Ok(())
}

fn has(store: &ModelStore, key: supplysync_model::RecordKey, hash: supplysync_model::RecordHash) -> bool {
    store.get_record(key).is_some_and(|held| held.record.hash == hash)
        || store
            .quarantine()
            .iter()
            .any(|kept| kept.record.key == key && kept.record.hash == hash)
}
