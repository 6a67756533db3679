//! P7: at most one site writes a store at any moment; what was written under a lost ownership is never applied and
//! never thrown away; a store goes with everything that its old site wrote.

use supplysync_model::{Channel, Epoch, StoreId, SyncId};

use super::{Check, Violation};
use crate::Direction;
use crate::simulator::world::process::Process;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p7_fenced_moves";

/// One writer, no stale write applied, and every hand-over is of what the primary had.
pub fn invariant_p7_fenced_moves(world: &World, seen: &Observation) -> Check {
    match seen {
        Observation::Committed(0) => {
            one_writer(world)?;
            handed_over(world)
        }
        Observation::Committed(_) => one_writer(world),
        Observation::Applied { process, request, .. } if request.direction == Direction::Push => {
            let store = &world.processes[*process].store;
            for record in request.parts.iter().flat_map(|part| &part.records) {
                let applied = store
                    .get_record(record.key)
                    .is_some_and(|held| held.record.hash == record.hash);
                let known = world.truth.shadows[*process]
                    .records
                    .get(&record.key)
                    .is_some_and(|(hash, _)| *hash == record.hash);
                let present = record.channel.store().and_then(|of| world.truth.present.get(&of));
                let valid =
                    present.is_some_and(|(site, epoch)| *site == request.peer && *epoch == record.epoch);
                // A primary that was put back takes what came to a site from others, what the present site of a store wrote
                // under an earlier ownership, and what it had before.
                let came = record.origin_site != request.peer
                    || present.is_some_and(|(site, _)| *site == request.peer)
                    || world.truth.ever_arrived.contains(&(record.key, record.hash));
                let given_back = world.truth.doubtful.contains(&SyncId::PRIMARY) && came;
                if applied && !known && !valid && !given_back {
                    let what = format!(
                        "{} of site {} was applied under epoch {}, which is not the present one",
                        record.key, request.peer, record.epoch
                    );
                    return Err(Violation::new(NAME, what));
                }
            }
            Ok(())
        }
        Observation::BeganUnready(process, store) => {
            let what = format!("process {process} began to write store {store} without what was handed over");
            Err(Violation::new(NAME, what))
        }
        _ => Ok(()),
    }
}

/// Of the sites that would let somebody write a store now, all but one were skipped by force, and know it not yet.
fn one_writer(world: &World) -> Check {
    for store in &world.stores {
        let mut writers: Vec<_> = world
            .processes
            .iter()
            .filter(|process| !world.truth.doubtful.contains(&process.site))
            .filter_map(|process| Some((process.store.accepts(*store)?, process.site)))
            .collect();
        writers.sort_unstable();
        let unfenced = writers
            .iter()
            .filter(|(epoch, _)| !world.truth.fenced.contains(&(*store, *epoch)));
        let same_epoch = writers.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if unfenced.count() > 1 || same_epoch {
            let what = format!("store {store} may be written by {writers:?} at one time");
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}

/// What a new assignment names is what the primary held, and, without force, what the old site had when it stopped.
fn handed_over(world: &World) -> Check {
    let primary = &world.processes[0];
    for assignment in primary.store.assignments() {
        let (Some(given), Some((from, epoch))) = (
            assignment.hand_over,
            world.truth.present.get(&assignment.store).copied(),
        ) else {
            continue;
        };
        // One that was made by a lost life of the primary's database came back before the store itself.
        let life = primary.store.incarnation().map_or(0, |life| life.counter);
        let renewed = assignment.site.is_primary() && from.is_primary();
        let came_back = world.truth.doubtful.contains(&SyncId::PRIMARY)
            && (assignment.epoch.incarnation < life || renewed);
        if epoch == assignment.epoch || came_back {
            continue;
        }
        let held = primary.store.totals(assignment.store);
        if given.totals != held {
            let what = format!("{:?} was handed over, the primary has {held:?}", given.totals);
            return Err(Violation::new(NAME, what));
        }
        let forced = world.truth.fenced.contains(&(assignment.store, epoch));
        if forced || from.is_primary() || world.truth.doubtful.contains(&from) {
            continue;
        }
        let old = world.processes.iter().find(|process| process.site == from);
        // Who writes past the checks keeps no promise.
        let fouled = |old: &Process| {
            let mut held = Channel::of_store(assignment.store)
                .into_iter()
                .flat_map(|of| old.store.feed(of, 0));
            held.any(|held| world.truth.is_foul(held.record.key, held.record.hash))
        };
        if let Some(old) = old
            && old.store.totals(assignment.store) != given.totals
            && !fouled(old)
        {
            let what = format!(
                "store {} left site {from} with {:?}, site {from} has {:?}",
                assignment.store,
                given.totals,
                old.store.totals(assignment.store)
            );
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}

/// In the end what any site was let write has been at the primary, or is in quarantine there or where it was written;
/// and no move between sites that can speak is left hanging.
pub(super) fn at_peace(world: &World) -> Check {
    let primary = &world.processes[0];
    for ((process, key, epoch), (site, hash)) in &world.truth.let_write {
        // A site that recovered, needlessly perhaps, wrote anew what the primary might not know.
        let line = world.truth.became(*key, *hash);
        let mut became = line.iter();
        let arrived = became.any(|hash| world.truth.arrived.contains(&(*key, *hash)));
        // A primary that was put back gave the ownership another number, and its site wrote over its own work.
        let later = (*process, *key, *epoch)..=(*process, *key, Epoch::from_packed(u64::MAX));
        let written_over = world.truth.doubtful.contains(&SyncId::PRIMARY)
            && world.truth.let_write.range(later).nth(1).is_some();
        // What is written on a site that is off the network stays there.
        let writer = &world.processes[*process];
        let removed = writer.trouble.removed;
        if world.truth.doubtful.contains(site) || arrived || written_over || removed {
            continue;
        }
        let kept = [primary, writer].into_iter().any(|process| {
            let mut aside = process.store.quarantine().iter();
            aside.any(|kept| kept.record.key == *key && line.contains(&kept.record.hash))
        });
        // Who writes past the checks replaces what was not sent yet.
        let fouled = world
            .truth
            .foul
            .iter()
            .any(|(at, foul, _)| at == process && foul == key);
        if !kept && !fouled {
            let what = format!("site {site} was let write {key} as {hash:?}, and it is nowhere");
            return Err(Violation::new(NAME, what));
        }
    }
    match unfinished(world) {
        None => Ok(()),
        Some(store) => {
            let what = format!("the move of store {store} hangs");
            Err(Violation::new(NAME, what))
        }
    }
}

/// A move under way that nothing keeps from coming to its end.
pub(in crate::simulator) fn unfinished(world: &World) -> Option<StoreId> {
    let primary = &world.processes[0].store;
    let mut under_way = primary.moves().filter_map(|(store, row)| {
        let present = primary.assignment(*store)?;
        Some((*store, [present.site, row.to]))
    });
    let found = under_way.find(|(store, ends)| can_finish(world, *store, *ends));
    found.map(|(store, _)| store)
}

fn can_finish(world: &World, store: StoreId, ends: [SyncId; 2]) -> bool {
    let sound = ends.iter().all(|site| {
        !world.truth.doubtful.contains(site)
            && world
                .processes
                .iter()
                .any(|process| process.site == *site && !process.frozen)
    });
    let channels = Channel::of_store(store);
    let aside = world.processes.iter().any(|process| {
        let mut kept = process.store.quarantine().iter();
        kept.any(|kept| channels.contains(&kept.record.channel))
    });
    let foul = world.processes.iter().any(|process| {
        channels.iter().any(|channel| {
            process
                .store
                .feed(*channel, 0)
                .any(|held| world.truth.is_foul(held.record.key, held.record.hash))
        })
    });
    // Who can't read all of it does not take it over before an upgrade.
    let of = |site| world.processes.iter().filter(move |process| process.site == site);
    let reads = of(ends[1]).map(|process| process.trouble.reads).min();
    let unreadable = world.processes.iter().any(|process| {
        let held = channels
            .iter()
            .flat_map(|channel| process.store.feed(*channel, 0));
        held.map(|held| held.record.schema).max() > reads
    });
    sound && !aside && !foul && !unreadable
}
