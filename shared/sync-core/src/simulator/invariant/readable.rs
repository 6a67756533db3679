//! P6 and P8 for what can't be read: it is set aside and nothing else is; a site writes only stores that it can read.

use supplysync_model::{Channel, Reason, StoreId};

use super::{Check, Violation};
use crate::record_hash;
use crate::simulator::store::ModelStore;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p6_readable";

/// No record is held that is not what its owner wrote; only what is damaged is refused as such; no site begins to write
/// a store that was handed over to it before it can read every record.
pub fn invariant_p6_readable(world: &World, seen: &Observation) -> Check {
    match seen {
        Observation::Committed(id) => {
            let store = &world.processes[*id].store;
            let after = world.truth.shadows.get(*id).map_or(0, |shadow| shadow.seq);
            for channel in store.channels() {
                for held in store.feed(channel, after) {
                    if record_hash(&held.record) != held.record.hash {
                        let what = format!("process {id} took {}, which it can't read", held.record.key);
                        return Err(Violation::new(NAME, what));
                    }
                }
            }
            let known = world.truth.shadows.get(*id).map(|shadow| &shadow.writable);
            let unread = |store_id: &&StoreId| {
                let given = store.assignment(**store_id);
                let given = given.is_some_and(|assignment| assignment.hand_over.is_some());
                store.accepts(**store_id).filter(|_| given).is_some_and(|epoch| {
                    let begins = known.is_none_or(|known| !known.contains(&(**store_id, epoch)));
                    begins && has_unreadable(store, **store_id)
                })
            };
            match world.stores.iter().find(unread) {
                None => Ok(()),
                Some(unread) => {
                    let what =
                        format!("process {id} begins to write store {unread}, and can't read all of it");
                    Err(Violation::new(NAME, what))
                }
            }
        }
        Observation::Applied {
            process,
            request,
            outcome,
            ..
        } => {
            let refused = outcome.refused.iter();
            for refusal in refused.filter(|refusal| refusal.reason == Reason::MALFORMED_RECORD) {
                let mut records = request
                    .parts
                    .iter()
                    .flat_map(|part| part.records.iter().map(move |record| (part.channel, record)));
                let damaged = records.any(|(channel, record)| {
                    record.key == refusal.key
                        && (record_hash(record) != record.hash || record.channel != channel)
                });
                if !damaged {
                    let what = format!("process {process} refused {}, which is sound", refusal.key);
                    return Err(Violation::new(NAME, what));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Counted here, so that the store's own count is judged, too.
fn has_unreadable(store: &ModelStore, id: StoreId) -> bool {
    let mut held = Channel::of_store(id)
        .into_iter()
        .flat_map(|channel| store.feed(channel, 0));
    held.any(|held| !held.record.deleted && held.record.schema > store.reads())
}
