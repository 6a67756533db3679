//! How fresh what this site holds of each store is: active here, a copy (proven or not), or not kept.

use supplysync_model::{Channel, Fault, Seq, Store, StoreId, SyncId, Timestamp};
use supplysync_sync_core::Cursor;

use super::cursors::CursorRow;
use crate::Queries;

/// What this site can say of a store's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The store is active here: this is the truth.
    ActiveHere,
    /// A copy that was proven equal to the owner.
    Proven {
        /// The owner's seq at which it was.
        seq: Seq,
        /// When.
        at: Timestamp,
    },
    /// A copy that follows, but was not compared with the owner yet.
    Unproven,
    /// A copy that is still being loaded: part of it is missing.
    Loading,
    /// A copy that was compared and differs, unexplained.
    Different {
        /// When.
        at: Timestamp,
    },
    /// No copy is kept here: nothing can be said, which is not zero.
    NotKept,
    /// The store is active nowhere yet.
    NotAssigned,
}

/// A store with the freshness of what this site holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFreshness {
    /// The store.
    pub store: Store,
    /// Where it is active.
    pub owner: Option<SyncId>,
    /// How fresh it is.
    pub freshness: Freshness,
    /// Seconds since the copy was last known to have all that its sender had; `None` when it never was, 0 when the
    /// store is active here.
    pub age_seconds: Option<u64>,
}

impl Queries {
    /// How fresh the stock of these stores is, in the order given; unknown stores are left out.
    pub async fn freshness(&self, stores: &[StoreId]) -> Result<Vec<StoreFreshness>, Fault> {
        let owners = self.owners().await?;
        let cursors = self.cursors().await?;
        let not_kept = self.not_kept().await?;
        let mut found: Vec<_> = self
            .stores(stores)
            .await?
            .into_iter()
            .map(|store| store.value)
            .collect();
        found.sort_by_key(|store| stores.iter().position(|id| *id == store.id));
        let of_store = |store: Store| {
            let owner = owners.get(&store.id).copied();
            let channel = Channel::StoreStock(store.id);
            let copy = cursors
                .iter()
                .find(|row| row.we_receive && row.channel == channel);
            // What comes of a store that is not kept is routed, and says nothing here.
            let copy = copy.filter(|_| !not_kept.contains(&store.id));
            let freshness = freshness(self.sync_id(), owner, copy);
            let age_seconds = match freshness {
                Freshness::ActiveHere => Some(0),
                _ => copy
                    .and_then(|row| row.caught_up_at)
                    .map(|at| self.now().millis_since(at) / 1000),
            };
            StoreFreshness {
                store,
                owner,
                freshness,
                age_seconds,
            }
        };
        Ok(found.into_iter().map(of_store).collect())
    }
}

fn freshness(here: SyncId, owner: Option<SyncId>, copy: Option<&CursorRow>) -> Freshness {
    let Some(owner) = owner else {
        return Freshness::NotAssigned;
    };
    if owner == here {
        return Freshness::ActiveHere;
    }
    let Some(copy) = copy else {
        return Freshness::NotKept;
    };
    if matches!(copy.cursor, Cursor::Loading { .. }) {
        return Freshness::Loading;
    }
    match (copy.compared, copy.owner_proof(Some(owner))) {
        (Some(compared), _) if !compared.equal => Freshness::Different { at: compared.at },
        (_, Some(proof)) => Freshness::Proven {
            seq: proof.seq,
            at: proof.at,
        },
        _ => Freshness::Unproven,
    }
}
