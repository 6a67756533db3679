//! P2: a change is acknowledged after the receiver's durable commit, never before.

use supplysync_model::SyncId;

use super::{Check, Violation};
use crate::Cursor;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p2_no_acknowledged_loss";

/// What an ack names is durable where the ack comes from, when it is sent.
pub fn invariant_p2_no_acknowledged_loss(world: &World, seen: &Observation) -> Check {
    let Observation::AckSent(process, peer, ack) = seen else {
        return Ok(());
    };
    let store = &world.processes[*process].store;
    if ack.head.seq > store.seq() {
        let what = format!(
            "process {process} acknowledges with head {}, its durable head is {}",
            ack.head.seq,
            store.seq()
        );
        return Err(Violation::new(NAME, what));
    }
    for acked in &ack.channels {
        let durable = store.cursor(*peer, acked.channel, store.receives());
        // What a site sent before it was taken off the network stays; how far it was is forgotten.
        // So is where a primary that was put back stood in what another database of the site had given back to it.
        let put_back = world.truth.doubtful.contains(&SyncId::PRIMARY);
        let forgotten = durable.is_none() && (world.is_site_removed(*peer) || put_back);
        if !forgotten && !durable.is_some_and(|row| reaches(row.cursor, acked.cursor)) {
            let what = format!(
                "process {process} acknowledges {} up to {:?}, durable is {:?}",
                acked.channel,
                acked.cursor,
                durable.map(|row| row.cursor)
            );
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}

/// Whether a receiver at `durable` has everything that it had at `acked`.
fn reaches(durable: Cursor, acked: Cursor) -> bool {
    match (durable, acked) {
        (Cursor::Following { seq }, Cursor::Following { seq: acked }) => seq >= acked,
        (Cursor::Following { seq }, Cursor::Loading { head, .. }) => seq >= head,
        (
            Cursor::Loading { head, last },
            Cursor::Loading {
                head: noted,
                last: acked,
            },
        ) => head == noted && last >= acked,
        (Cursor::Loading { .. }, Cursor::Following { .. }) => false,
    }
}

/// What an owner wrote last is still there on the owner, and at the primary, whatever happened in between.
pub(super) fn at_peace(world: &World) -> Check {
    for (key, last) in &world.truth.latest() {
        let Some(owner) = world.truth.owner(last.channel) else {
            continue;
        };
        if [owner, last.site]
            .iter()
            .any(|site| world.truth.doubtful.contains(site))
        {
            continue;
        }
        let at_owner = || world.processes.iter().filter(|process| process.site == owner);
        // What an owner wrote past its own checks replaced it there, perhaps before it was sent.
        let fouled = world.processes.iter().any(|process| {
            let held = process.store.get_record(*key);
            held.is_some_and(|held| world.truth.is_foul(*key, held.record.hash))
        });
        for process in world.processes.iter().take(1).chain(at_owner()) {
            let held = process.store.get_record(*key).map(|held| held.record.hash);
            let aside = process
                .store
                .quarantine()
                .iter()
                .any(|kept| kept.record.key == *key && kept.record.hash == last.hash);
            // A store is handed over by what it holds: the tombstone of what the new site never had does not go along.
            let kept = world.processes[0].store.get_record(*key);
            let gone =
                held.is_none() && process.site != last.site && kept.is_some_and(|kept| kept.record.deleted);
            if held != Some(last.hash) && !fouled && !aside && !gone {
                let what = format!(
                    "site {} wrote {key} as {:?}, site {} has {held:?}",
                    last.site, last.hash, process.site
                );
                return Err(Violation::new(NAME, what));
            }
        }
    }
    Ok(())
}
