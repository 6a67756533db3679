//! P2 and P8 for a database that was put back or copied, and then chosen to go on: nothing that it had, and nothing that
//! was written on it since, is lost or dropped in silence.

use supplysync_model::Kind;

use super::{Check, Violation};
use crate::simulator::world::World;

const NAME: &str = "invariant_p8_nothing_silent_in_recovery";

/// What people wrote last on a database that goes on has been at the primary, or is in quarantine there or here.
pub(super) fn at_peace(world: &World) -> Check {
    let primary = &world.processes[0];
    for ((process, key, epoch), (site, hash)) in &world.truth.let_write {
        let writer = &world.processes[*process];
        // Stock is recomputed from the union of transactions.
        if !writer.recovered || writer.frozen || key.kind == Kind::STOCK_LINE {
            continue;
        }
        let line = world.truth.became(*key, *hash);
        let arrived = line
            .iter()
            .any(|hash| world.truth.arrived.contains(&(*key, *hash)));
        let kept = [primary, writer].into_iter().any(|process| {
            let mut aside = process.store.quarantine().iter();
            aside.any(|kept| kept.record.key == *key && line.contains(&kept.record.hash))
        });
        // It was written over there under a later ownership, and that version is looked at itself.
        let mut others = world.truth.let_write.keys();
        let later = others.any(|(at, written, later)| at == process && written == key && later > epoch);
        // A clone that had it wrote over it, and that arrived.
        let overwritten = world
            .truth
            .let_write
            .iter()
            .any(|((at, written, _), (_, later))| {
                let mut became = world.truth.became(*key, *later).into_iter();
                written == key
                    && world.truth.inherited.contains(&(*at, *key, *hash))
                    && became.any(|hash| world.truth.arrived.contains(&(*key, hash)))
            });
        let fouled = world.truth.foul.iter().any(|(_, foul, _)| foul == key);
        if !arrived && !kept && !fouled && !overwritten && !later {
            let what = format!("site {site} recovered, and {key}, written there as {hash:?}, is nowhere");
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}
