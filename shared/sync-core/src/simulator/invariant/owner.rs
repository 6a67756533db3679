//! P1: a record is written only on its owner.

use super::{Check, Violation};
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p1_single_writer";

/// Every version held anywhere was written by the owner of its channel; nobody else is let write.
pub fn invariant_p1_single_writer(world: &World, seen: &Observation) -> Check {
    match seen {
        Observation::ForbiddenWrite(site, channel) => {
            let what = format!("site {site} was let write in {channel}, which it does not own");
            Err(Violation::new(NAME, what))
        }
        Observation::Committed(id) => {
            let store = &world.processes[*id].store;
            let after = world.truth.shadows.get(*id).map_or(0, |shadow| shadow.seq);
            for channel in store.channels() {
                for held in store.feed(channel, after) {
                    let record = &held.record;
                    if world.truth.is_foul(record.key, record.hash) {
                        continue;
                    }
                    let site = record.origin_site;
                    if !world.truth.was_owner(site, channel, record.epoch) {
                        let what = format!(
                            "process {id} holds {} of {channel} written by site {site} under {}, which it never had",
                            record.key, record.epoch
                        );
                        return Err(Violation::new(NAME, what));
                    }
                    if !world.truth.written.contains(&(record.key, record.hash)) {
                        let what =
                            format!("process {id} holds a version of {} that nobody wrote", record.key);
                        return Err(Violation::new(NAME, what));
                    }
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
