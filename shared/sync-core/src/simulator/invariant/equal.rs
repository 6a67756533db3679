//! P11: whenever a copy is caught up, sender and copy have compared digests of one snapshot at a named seq.

use supplysync_model::{Channel, RecordHash, RecordKey, Seq, SyncId};

use super::{Check, Violation};
use crate::simulator::store::ModelStore;
use crate::simulator::world::event::ProcessId;
use crate::simulator::world::{Observation, World};
use crate::{Direction, OwnerProof};

const NAME: &str = "invariant_p11_proven_equality";

/// Every comparison is of the totals that both really had; a difference is reported, and comes with a cause; what is
/// passed on as proven was proven.
pub fn invariant_p11_proven_equality(world: &World, seen: &Observation) -> Check {
    let Observation::Applied {
        process,
        life,
        request,
        outcome,
        ..
    } = seen
    else {
        return Ok(());
    };
    let store = &world.processes[*process].store;
    let sender = *life;
    for part in &request.parts {
        let compared = outcome
            .comparisons
            .iter()
            .find(|comparison| comparison.channel == part.channel);
        // A move that this very batch completed leaves no word of the site that it was judged by.
        let counts = store.is_judged(part.channel, request.peer, request.direction);
        if part.caught_up != compared.is_some() && counts {
            let what = format!(
                "process {process} caught up in {}: {}, compared: {compared:?}",
                part.channel, part.caught_up
            );
            return Err(Violation::new(NAME, what));
        }
        let Some(compared) = compared else {
            continue;
        };
        let theirs = world.truth.lives[sender].digest(part.channel, request.checkpoint.seq);
        let ours = store.digest(part.channel);
        if compared.theirs != theirs || compared.ours != ours || compared.seq != request.checkpoint.seq {
            let what = format!(
                "process {process} compared {compared:?}; the totals were {theirs:?} and {ours:?} at {}",
                request.checkpoint.seq
            );
            return Err(Violation::new(NAME, what));
        }
        let claimed_equal = compared.equal && !compared.explained;
        if claimed_equal != (ours == theirs) {
            let what =
                format!("process {process} says of different totals that they are equal: {compared:?}");
            return Err(Violation::new(NAME, what));
        }
        let refused = store
            .quarantine()
            .iter()
            .any(|kept| kept.open && kept.from_site == request.peer && kept.record.channel == part.channel);
        if compared.explained && !refused {
            let what = format!("process {process} explains a difference by nothing: {compared:?}");
            return Err(Violation::new(NAME, what));
        }
        if ours != theirs && !has_cause(world, *process, part.channel) {
            let what = format!("process {process} differs without a cause: {compared:?}");
            return Err(Violation::new(NAME, what));
        }
        passed_on(
            world,
            part.channel,
            part.owner_proof,
            request.checkpoint.seq,
            sender,
        )?;
    }
    Ok(())
}

/// Whether somebody wrote past the checks in a channel that this process receives, or a database is in doubt.
fn has_cause(world: &World, process: ProcessId, channel: Channel) -> bool {
    let here = &world.processes[process];
    let doubtful = &world.truth.doubtful;
    doubtful.contains(&here.site)
        || world
            .truth
            .owner(channel)
            .is_some_and(|owner| doubtful.contains(&owner))
        || holds_foul(world, &here.store, channel)
        || here
            .store
            .quarantine()
            .iter()
            .any(|kept| kept.record.channel == channel)
}

fn holds_foul(world: &World, store: &ModelStore, channel: Channel) -> bool {
    let foul = |key: RecordKey, hash: RecordHash| world.truth.is_foul(key, hash);
    store
        .feed(channel, 0)
        .any(|held| foul(held.record.key, held.record.hash))
}

/// Whether a sender has something that comes so that nobody can read it.
fn holds_poison(world: &World, store: &ModelStore, channel: Channel) -> bool {
    let poison = |key: RecordKey, hash: RecordHash| {
        let mut poisoned = world.truth.poisoned.iter();
        poisoned.any(|(_, poison, contents)| *poison == key && *contents == hash)
    };
    store
        .feed(channel, 0)
        .any(|held| poison(held.record.key, held.record.hash))
}

/// What the primary passes on, it has proven: the owner's total at that seq is one that the primary had.
fn passed_on(world: &World, channel: Channel, proof: Option<OwnerProof>, at: Seq, life: usize) -> Check {
    let (Some(proof), Some(owner)) = (proof, world.truth.owner(channel)) else {
        return Ok(());
    };
    let assignment = channel
        .store()
        .and_then(|store| world.processes[0].store.assignment(store));
    let given = assignment.and_then(|assignment| assignment.hand_over);
    if given.is_some_and(|given| given.seq >= at) {
        // Read when the store was another site's: in that one's counting.
        return Ok(());
    }
    if world.truth.doubtful.contains(&owner) {
        return Ok(());
    }
    let life_of = |site| {
        world
            .processes
            .iter()
            .find(|process| process.site == site)
            .map(|process| process.life)
    };
    let Some(theirs) = life_of(owner).map(|life| world.truth.lives[life].digest(channel, proof.seq)) else {
        return Ok(());
    };
    let primary = &world.truth.lives[life];
    let had = primary
        .digests
        .get(&channel)
        .is_some_and(|totals| totals.values().any(|total| *total == theirs));
    if had || theirs.count == 0 {
        return Ok(());
    }
    let what = format!(
        "the primary passes on that {channel} is equal to its owner at {}, and it never was",
        proof.seq
    );
    Err(Violation::new(NAME, what))
}

/// In the end every copy that is granted equals what the primary holds, the last comparison says so, and what is
/// not granted is not followed.
pub(super) fn at_peace(world: &World) -> Check {
    let primary = &world.processes[0];
    for satellite in world.satellites() {
        let here = &world.processes[satellite];
        let unsure = world.truth.doubtful.contains(&here.site) && !here.recovered;
        if world.is_frozen(satellite) || world.is_removed(satellite) || unsure {
            continue;
        }
        let pulled: Vec<_> = primary
            .store
            .served_channels(here.site)
            .into_iter()
            .map(|served| served.channel)
            .collect();
        let followed: Vec<_> = here
            .store
            .cursors()
            .filter(|((_, _, direction), _)| *direction == Direction::Pull)
            .map(|((_, channel, _), _)| *channel)
            .collect();
        if followed != pulled {
            let what = format!("site {} follows {followed:?}, granted are {pulled:?}", here.site);
            return Err(Violation::new(NAME, what));
        }
        for channel in pulled {
            same(world, &primary.store, &here.store, channel, Direction::Pull)?;
        }
        for channel in here.store.push_channels() {
            if !primary.store.is_judged(channel, here.site, Direction::Push) {
                continue;
            }
            same(world, &here.store, &primary.store, channel, Direction::Push)?;
        }
    }
    Ok(())
}

/// Whether the primary has more of a store than its site only because others gave back what another database of that site
/// had sent to a lost primary, after this one had recovered on the one that was put back, before anybody said that it goes
/// on. Whoever differs so is told, and loaded afresh from the owner: that is no part of the simulator.
fn is_of_a_twin(world: &World, from: &ModelStore, to: &ModelStore, channel: Channel) -> bool {
    let site = from.sync_id();
    let twins = world
        .processes
        .iter()
        .filter(|process| process.site == site)
        .count()
        > 1;
    let mut more = to.feed(channel, 0).filter(|held| {
        let known = from.get_record(held.record.key).map(|known| known.record.hash);
        known != Some(held.record.hash)
    });
    twins
        && world.truth.doubtful.contains(&SyncId::PRIMARY)
        && world.truth.doubtful.contains(&site)
        && more.all(|held| held.record.origin_site == site)
}

fn same(world: &World, from: &ModelStore, to: &ModelStore, channel: Channel, direction: Direction) -> Check {
    let (theirs, ours) = (from.digest(channel), to.digest(channel));
    let compared = to
        .cursor(from.sync_id(), channel, direction)
        .and_then(|row| row.compared);
    let Some(compared) = compared else {
        let what = format!("site {} never compared {channel}", to.sync_id());
        return Err(Violation::new(NAME, what));
    };
    let foul = holds_foul(world, from, channel)
        || holds_foul(world, to, channel)
        || holds_poison(world, from, channel);
    let equal = theirs == ours && compared.equal && compared.theirs == theirs && compared.ours == ours;
    let told = theirs != ours
        && (foul && (compared.explained || !compared.equal)
            || !compared.equal && is_of_a_twin(world, from, to, channel));
    if equal || told {
        return Ok(());
    }
    let what = format!(
        "{channel}: site {} has {theirs:?}, site {} {ours:?}, the last comparison is {compared:?}",
        from.sync_id(),
        to.sync_id()
    );
    Err(Violation::new(NAME, what))
}
