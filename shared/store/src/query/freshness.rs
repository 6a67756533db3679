//! How fresh what this site holds of each store is: active here, a copy (proven or not), or not kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use supplysync_model::{Channel, Fault, Seq, Store, StoreId, SyncId, Timestamp};
use supplysync_sync_core::Cursor;

use super::cursors::CursorRow;
use crate::{NotKept, Queries};

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
    /// A copy that is not kept up any more: withdrawn, or of a store that went elsewhere.
    Dated {
        /// When it was last complete; `None` if it never was.
        at: Option<Timestamp>,
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
    /// Whether anything can be said of a store's data here: what [`Queries::freshness`] calls not kept can't be, and an
    /// empty list of it would read as "nothing there". For one store, from a few rows.
    pub async fn keeps(&self, store: StoreId) -> Result<bool, Fault> {
        let here = self.sync_id();
        let assignment = self.assignment(store).await?;
        if assignment.is_none_or(|assignment| assignment.site == here) {
            return Ok(true);
        }
        if here.is_primary() {
            let state = self.not_kept_of(store).await?;
            return Ok(matches!(state, None | Some(NotKept::Returning(_))));
        }
        let totals = self.channel_totals(&Channel::of_store(store)).await?;
        let held = totals.values().any(|total| total.records > 0);
        Ok(held || self.is_dated(store).await? || self.stores_served(here).await?.contains(&store))
    }

    /// How fresh the stock of these stores is, in the order given; unknown stores are left out.
    pub async fn freshness(&self, stores: &[StoreId]) -> Result<Vec<StoreFreshness>, Fault> {
        let books = Books::read(self).await?;
        let mut found: Vec<_> = self
            .stores(stores)
            .await?
            .into_iter()
            .map(|store| store.value)
            .collect();
        found.sort_by_key(|store| stores.iter().position(|id| *id == store.id));
        let of_store = |store: Store| {
            let owner = books.owners.get(&store.id).copied();
            let copy = books.copy(store.id);
            let freshness = books.freshness(store.id, copy);
            let as_of = match freshness {
                Freshness::Dated { at } => at,
                _ => copy.and_then(|row| row.caught_up_at),
            };
            let age_seconds = match freshness {
                Freshness::ActiveHere => Some(0),
                _ => as_of.map(|at| self.now().millis_since(at) / 1000),
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

/// What is known of all stores.
struct Books {
    here: SyncId,
    owners: HashMap<StoreId, SyncId>,
    cursors: Vec<CursorRow>,
    not_kept: HashMap<StoreId, NotKept>,
    /// Sent here, or to be, though not active here (satellite).
    served: BTreeSet<StoreId>,
    dated: BTreeMap<StoreId, Option<Timestamp>>,
    /// Those in whose stock anything is held.
    held: BTreeSet<StoreId>,
}

impl Books {
    async fn read(tx: &Queries) -> Result<Books, Fault> {
        Ok(Books {
            here: tx.sync_id(),
            owners: tx.owners().await?,
            cursors: tx.cursors().await?,
            not_kept: tx.not_kept().await?,
            served: tx.stores_served(tx.sync_id()).await?.into_iter().collect(),
            dated: tx.dated_copies().await?,
            held: tx.stores_held().await?,
        })
    }

    /// How far the copy is that comes here. What comes of a store that is not kept is routed, and says nothing here.
    fn copy(&self, store: StoreId) -> Option<&CursorRow> {
        let channel = Channel::StoreStock(store);
        let mut received = self.cursors.iter().filter(|row| row.we_receive);
        let copy = received.find(|row| row.channel == channel);
        copy.filter(|_| !self.not_kept.contains_key(&store))
    }

    fn freshness(&self, store: StoreId, copy: Option<&CursorRow>) -> Freshness {
        let Some(owner) = self.owners.get(&store).copied() else {
            return Freshness::NotAssigned;
        };
        if owner == self.here {
            return Freshness::ActiveHere;
        }
        match self.not_kept.get(&store) {
            None => {}
            Some(NotKept::Returning(_)) => return Freshness::Loading,
            Some(_) => return Freshness::NotKept,
        }
        let held = self.held.contains(&store);
        let Some(copy) = copy else {
            return match self.here.is_primary() {
                // Everything comes to the primary; this owner sent nothing yet.
                true if held => Freshness::Unproven,
                true => Freshness::Loading,
                false if self.served.contains(&store) => Freshness::Loading,
                false if held || self.dated.contains_key(&store) => Freshness::Dated {
                    at: self.dated.get(&store).copied().flatten(),
                },
                false => Freshness::NotKept,
            };
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
}
