//! P2 and P8 for a primary that was put back: what its sites had of it is there again, or is in quarantine.

use super::{Check, Violation};
use crate::simulator::store::Etag;
use crate::simulator::world::World;

const NAME: &str = "invariant_p8_nothing_silent_in_giving_back";

/// What came to a site that gave back everything, the primary has in that version or a later one, or set aside.
pub(super) fn at_peace(world: &World) -> Check {
    let primary = &world.processes[0].store;
    for (key, (satellite, version, hash)) in &world.truth.given {
        let giver = &world.processes[*satellite];
        // Who writes past the checks replaces what was not given back yet.
        let fouled = world.truth.foul.iter().any(|(_, foul, _)| foul == key);
        if giver.frozen || fouled || world.truth.doubtful.contains(&giver.site) {
            continue;
        }
        let held = primary.get_record(*key).map(|held| Etag {
            epoch: held.record.epoch,
            revision: held.record.revision,
        });
        // Its next version may have been written over it before it was given back.
        let aside = primary.quarantine().iter().any(|kept| {
            let later = (kept.record.epoch, kept.record.revision) > (version.epoch, version.revision);
            kept.record.hash == *hash || kept.record.key == *key && later
        });
        if held.is_none_or(|held| held < *version) && !aside {
            let what = format!(
                "site {} had {key} as {version:?}, the primary has {held:?} after it was put back",
                giver.site
            );
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}
