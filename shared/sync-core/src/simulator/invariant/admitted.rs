//! P10: certificate, registered Sync ID and database lineage agree, or nothing is exchanged.

use supplysync_model::{Checkpoint, SyncId};

use super::{Check, Violation};
use crate::simulator::world::event::End;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p10_right_identity";

/// No database is let in, and no batch applied, unless what the receiver knows of the sender's feed is in the past
/// of the sender's database.
pub fn invariant_p10_right_identity(world: &World, seen: &Observation) -> Check {
    match seen {
        Observation::Leased(site, life, judged) => let_in(world, *site, *life, *judged),
        Observation::Admitted(site, life) => let_in(
            world,
            *site,
            *life,
            world.processes[0].store.peer(*site).checkpoint,
        ),
        Observation::Spoke(at, peer) => {
            let holder = world.processes[0].store.lease_holder(*peer);
            if at.end == End::Satellite || holder == Some(at.connection) {
                return Ok(());
            }
            let what = format!(
                "session {} stores what site {peer} sent, {holder:?} speaks for it",
                at.connection
            );
            Err(Violation::new(NAME, what))
        }
        Observation::Applied {
            process,
            life,
            request,
            known,
            ..
        } => {
            let sender = *life;
            let past = &world.truth.lives[sender];
            let known = known.filter(|known| !is_outlived(world, request.peer, known));
            let points = [known, Some(request.checkpoint)];
            for point in points.into_iter().flatten() {
                if !past.knows(point.seq, point.chain) {
                    let what = format!(
                        "process {process} applied a batch of site {} from another past than it knows at {}",
                        request.peer, point.seq
                    );
                    return Err(Violation::new(NAME, what));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a primary that was put back knows a site by a life that has ended since: that says nothing of the one there is.
fn is_outlived(world: &World, site: SyncId, known: &Checkpoint) -> bool {
    let mut lives = world
        .processes
        .iter()
        .filter(|process| process.site == site)
        .filter_map(|process| process.store.incarnation());
    world.truth.doubtful.contains(&SyncId::PRIMARY)
        && lives.any(|life| life.counter > known.incarnation.counter)
}

fn let_in(world: &World, site: SyncId, life: usize, known: Option<Checkpoint>) -> Check {
    match known.filter(|known| !is_outlived(world, site, known)) {
        Some(known) if !world.truth.lives[life].knows(known.seq, known.chain) => {
            let what = format!(
                "a database of site {site} was let in though the primary knows it at {}, which is not in its past",
                known.seq
            );
            Err(Violation::new(NAME, what))
        }
        _ => Ok(()),
    }
}

/// In the end, a database whose past is not the one that the primary knows is frozen, and no other is.
pub(super) fn at_peace(world: &World) -> Check {
    let primary = &world.processes[0].store;
    for satellite in world.satellites() {
        let process = &world.processes[satellite];
        if world.is_removed(satellite) {
            continue;
        }
        let known = primary.peer(process.site);
        let same_life = known
            .checkpoint
            .is_none_or(|known| process.store.incarnation() == Some(known.incarnation));
        let same_past = known
            .checkpoint
            .is_none_or(|known| world.truth.lives[process.life].knows(known.seq, known.chain));
        let right = same_life && same_past;
        if right == process.frozen {
            let what = format!(
                "process {satellite} of site {}: its past is the one known to the primary: {right}; frozen: {}",
                process.site, process.frozen
            );
            return Err(Violation::new(NAME, what));
        }
        if process.frozen && !world.truth.doubtful.contains(&process.site) {
            let what = format!(
                "site {} is frozen though nothing happened to its database",
                process.site
            );
            return Err(Violation::new(NAME, what));
        }
    }
    if primary.sync_id() != SyncId::PRIMARY {
        return Err(Violation::new(NAME, "the primary is another site"));
    }
    Ok(())
}
