//! P6: a reader never sees a transaction without its item, its name or its stock line, as new as it was written on.

use supplysync_model::SyncId;

use super::{Check, Violation};
use crate::simulator::body::{self, Reference};
use crate::simulator::store::{Etag, StoredRecord};
use crate::simulator::world::process::Process;
use crate::simulator::world::{Observation, World};
use crate::{Cursor, Direction, is_own_work};

const NAME: &str = "invariant_p6_order";

/// Every record that a live record refers to is there, at least in the version that it was written on.
pub fn invariant_p6_order(world: &World, seen: &Observation) -> Check {
    let Observation::Committed(id) = seen else {
        return Ok(());
    };
    let store = &world.processes[*id].store;
    if world.truth.doubtful.contains(&store.sync_id()) {
        return Ok(());
    }
    let stale = |held: &StoredRecord| {
        let record = &held.record;
        let here = record.origin_site == store.sync_id();
        let of = record.channel.store().and_then(|of| store.assignment(of));
        here && of.is_some_and(|of| record.epoch < of.epoch)
            && !world.truth.arrived.contains(&(record.key, record.hash))
    };
    // A copy that is loaded afresh from a primary that was put back loses first what its transactions refer to.
    let replaced = |held: &StoredRecord| {
        let channel = held.record.channel;
        let row = store.cursor(SyncId::PRIMARY, channel, Direction::Pull);
        let follows = row.is_some_and(|row| matches!(row.cursor, Cursor::Following { .. }));
        world.truth.doubtful.contains(&SyncId::PRIMARY) && !follows
    };
    // What this site wrote under an ownership that it has lost is on its way into quarantine.
    for held in store.records().filter(|held| !stale(held) && !replaced(held)) {
        for reference in body::references(&held.record) {
            // Stock of a site that recovered has the primary's numbers again.
            if world.truth.doubtful.contains(&held.record.origin_site)
                && store.get_record(reference.key).is_some()
            {
                continue;
            }
            let there = store.get_record(reference.key).map(etag);
            // What can't be read is set aside on its way; what depends on it is there, and waits.
            let aside = || {
                let mut poisoned = world.truth.poisoned.iter();
                poisoned.any(|(_, poison, _)| *poison == reference.key)
            };
            let missing = there.is_none_or(|version| version < reference.version);
            if missing && !aside() && !is_lost(world, &reference) {
                let what = format!(
                    "process {id} shows {} of {}, which refers to {} of version {:?}; there is {there:?}",
                    held.record.key, held.record.channel, reference.key, reference.version
                );
                return Err(Violation::new(NAME, what));
            }
        }
    }
    Ok(())
}

/// Whether a version was lost with the primary's database, and its writer has nothing but what it wrote over it, too late, in a
/// store that had gone elsewhere: that is on its way into quarantine.
fn is_lost(world: &World, reference: &Reference) -> bool {
    let nowhere = |process: &Process| {
        let Some(held) = process.store.get_record(reference.key) else {
            return true;
        };
        let of = held.record.channel.store();
        let assignment = of.and_then(|of| process.store.assignment(of));
        let late = is_own_work(process.site, &held.record, held.seq)
            && assignment.is_some_and(|assignment| assignment.site != process.site)
            && !world.truth.arrived.contains(&(reference.key, held.record.hash));
        late || etag(held) < reference.version
    };
    world.truth.doubtful.contains(&SyncId::PRIMARY) && world.processes.iter().all(nowhere)
}

fn etag(held: &StoredRecord) -> Etag {
    Etag {
        epoch: held.record.epoch,
        revision: held.record.revision,
    }
}
