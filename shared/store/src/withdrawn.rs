//! Removing what a satellite holds of stores that it is granted no copy of any more, where the primary decided so. What is
//! kept instead is dated in `dated`.

use std::collections::BTreeSet;

use supplysync_model::{Channel, Fault, StoreId, SyncId, Withdrawn};
use supplysync_sync_core::Direction;

use crate::digest::Deltas;
use crate::{AuditEntry, Queries, Store, WriteTx, held};

impl Store {
    /// Removes some more records of copies that were withdrawn from this site, if that is what was decided of them. Whether
    /// there may be more to do (satellite).
    pub async fn removal_step(&self, records: usize) -> Result<bool, Fault> {
        let look = self.read("is a withdrawn copy to be removed", |tx| {
            Box::pin(async move { Ok(tx.removable_copy().await?.is_some()) })
        });
        if !look.await? {
            return Ok(false);
        }
        self.write("remove a withdrawn copy", move |tx| {
            Box::pin(tx.removal_step(records))
        })
        .await
    }
}

impl Queries {
    /// A store of which this site holds data that it has no part in: it does not have the store, has nothing of its own
    /// on the way, is not sent it, and follows it no longer.
    async fn removable_copy(&self) -> Result<Option<StoreId>, Fault> {
        let here = self.sync_id();
        let settings = self.site_settings(here).await?.filter(|found| !found.retired);
        if here.is_primary() || settings.is_none_or(|found| found.value.withdrawn == Withdrawn::Keep) {
            return Ok(None);
        }
        let mut wanted: BTreeSet<_> = self.stores_of_site(here).await?.into_iter().collect();
        wanted.extend(self.stores_served(here).await?);
        wanted.extend(self.lost_stores().await?);
        let followed = self.cursors_with(SyncId::PRIMARY, Direction::Pull).await?;
        wanted.extend(followed.iter().filter_map(|row| row.channel.store()));
        let mut held = self.stores_held().await?;
        // A copy may have been empty.
        held.extend(self.dated_copies().await?.into_keys());
        for store in held.difference(&wanted) {
            // What is assigned nowhere may be on its way to be heard of.
            if self.assignment(*store).await?.is_some() && !self.has_unacknowledged(*store).await? {
                return Ok(Some(*store));
            }
        }
        Ok(None)
    }
}

impl WriteTx {
    async fn removal_step(&mut self, limit: usize) -> Result<bool, Fault> {
        let Some(store) = self.removable_copy().await? else {
            return Ok(false);
        };
        let [stock, history] = Channel::of_store(store);
        // What refers to the other goes first.
        for channel in [history, stock] {
            let Some(number) = self.channel_number(channel).await? else {
                continue;
            };
            let page = held::in_range(self.conn(), number, None, None, limit).await?;
            if !page.is_empty() {
                let kept = self.refused_among(&page).await?;
                self.keep_refused(&kept).await?;
                let mut deltas = Deltas::default();
                self.vanish(&page, &mut deltas).await?;
                deltas.store(self.conn()).await?;
                break;
            }
        }
        if !self.stores_held().await?.contains(&store) {
            self.forget_date(store).await?;
            self.note_removal(store).await?;
        }
        Ok(true)
    }

    async fn note_removal(&mut self, store: StoreId) -> Result<(), Fault> {
        let known = self.stores(&[store]).await?;
        let code = known.first().map(|found| found.value.code.clone());
        let entry = AuditEntry {
            at: self.now(),
            principal: format!("site/{}", SyncId::PRIMARY),
            from: String::new(),
            action: "copies.remove".to_owned(),
            subject: code.unwrap_or_else(|| store.to_string()),
            old: "a copy that was withdrawn".to_owned(),
            new: String::new(),
        };
        self.audit(entry).await
    }
}
