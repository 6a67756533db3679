//! P3: duplicates, reconnects and repeats change nothing.

use super::{Check, Violation};
use crate::simulator::store::Etag;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p3_exactly_once";

/// No version is written twice in a row, and none gives way to an older one.
pub fn invariant_p3_exactly_once(world: &World, seen: &Observation) -> Check {
    let Observation::Committed(id) = seen else {
        return Ok(());
    };
    let Some(shadow) = world.truth.shadows.get(*id) else {
        return Ok(());
    };
    let store = &world.processes[*id].store;
    for channel in store.channels() {
        for held in store.feed(channel, shadow.seq) {
            let record = &held.record;
            let Some((hash, version)) = shadow.records.get(&record.key) else {
                continue;
            };
            if *hash == record.hash {
                let what = format!("process {id} wrote the same version of {} again", record.key);
                return Err(Violation::new(NAME, what));
            }
            let new = Etag {
                epoch: record.epoch,
                revision: record.revision,
            };
            let foul = world.truth.is_foul(record.key, record.hash)
                || world.truth.is_foul(record.key, *hash)
                || world.truth.doubtful.contains(&record.origin_site)
                || world.truth.doubtful.contains(&store.sync_id())
                // Late work of a site that lost the store gives way to what the network has; it is set aside there or here.
                || [store, &world.processes[0].store]
                    .iter()
                    .any(|at| at.quarantine().iter().any(|kept| kept.record.hash == *hash))
                // What the primary refused is kept in case that it loses it.
                || store.keeps(*hash);
            if new < *version && !foul {
                let what = format!(
                    "process {id} replaced {} {version:?} by the older {new:?}",
                    record.key
                );
                return Err(Violation::new(NAME, what));
            }
        }
    }
    Ok(())
}
