//! P6: a reader never sees a transaction without its item, its name or its stock line, as new as it was written on.

use super::{Check, Violation};
use crate::simulator::body;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p6_order";

/// Every record that a live record refers to is there, at least in the revision that it was written on.
pub fn invariant_p6_order(world: &World, seen: &Observation) -> Check {
    let Observation::Committed(id) = seen else {
        return Ok(());
    };
    let store = &world.processes[*id].store;
    if world.truth.doubtful.contains(&store.sync_id()) {
        return Ok(());
    }
    for held in store.records() {
        for reference in body::references(&held.record) {
            let there = store.get_record(reference.key).map(|held| held.record.revision);
            if there.is_none_or(|revision| revision < reference.revision) {
                let what = format!(
                    "process {id} shows {} of {}, which refers to {} of revision {}; there is {there:?}",
                    held.record.key, held.record.channel, reference.key, reference.revision
                );
                return Err(Violation::new(NAME, what));
            }
        }
    }
    Ok(())
}
