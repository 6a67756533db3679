//! Where a copy begins that needs not be loaded: at the hand-over of the store, at a site that holds just what was handed
//! over. The primary says so to the site that handed it over; any site says so of itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use supplysync_model::{Assignment, Channel, Digest, Fault, Seq, StoreId, StoreTotals, SyncId};
use supplysync_sync_core::{Cursor, Part};

use super::list::MoveState;
use crate::projection::code;
use crate::projection::raw::by_keys;
use crate::query::column;
use crate::{Queries, raw};

impl Queries {
    /// The primary's seq at which the site handed each of these stores over, where it reported to hold just what was
    /// handed over then (primary).
    pub(crate) async fn starts_for(
        &self,
        site: SyncId,
        stores: &[StoreId],
    ) -> Result<BTreeMap<StoreId, Seq>, Fault> {
        let given: HashMap<_, _> = self
            .assignments(stores)
            .await?
            .into_iter()
            .filter_map(|found| Some((found.value.store, found.value.hand_over?)))
            .collect();
        let moved = MoveState::Moved.number().unwrap_or_default();
        let head = format!(
            "SELECT m.store_id, m.version, m.from_site, m.released FROM store_move m WHERE m.outcome = {moved} \
             AND m.ended_at > COALESCE((SELECT p.life_began_at FROM peer p WHERE p.site = m.from_site), m.ended_at) \
             AND m.store_id IN "
        );
        let keys = given.keys().map(|store| code::bytes(store.to_bytes())).collect();
        // The last move of each; what another life of a site's database held says nothing of this one.
        let mut last: HashMap<StoreId, (i64, SyncId, Option<StoreTotals>)> = HashMap::new();
        for (sql, values) in by_keys(self.conn().backend(), &head, keys) {
            for row in self.conn().rows(sql, values).await? {
                let (store, version): (StoreId, i64) = (code::id(column(&row, 0)?)?, column(&row, 1)?);
                if last.get(&store).is_some_and(|(later, ..)| *later > version) {
                    continue;
                }
                let released: Option<Vec<u8>> = column(&row, 3)?;
                let released = released.map(|bytes| code::totals(&bytes)).transpose()?;
                last.insert(store, (version, raw::site(column(&row, 2)?)?, released));
            }
        }
        let starts = given.into_iter().filter_map(|(store, given)| {
            let (_, from, released) = last.get(&store)?;
            (*from == site && *released == Some(given.totals)).then_some((store, given.seq))
        });
        Ok(starts.collect())
    }

    /// The primary's seq at which this site held in a store's channel just what the primary held, if it has not changed here
    /// since.
    async fn held_at(&self, assignment: &Assignment, channel: Channel) -> Result<Option<Seq>, Fault> {
        let Some(given) = assignment.hand_over.filter(|_| assignment.site != self.sync_id()) else {
            return Ok(None);
        };
        // What was handed over in a former life of the primary's database it may have lost.
        let met = self.met_life().await?;
        if met.is_some_and(|met| assignment.epoch.incarnation < met.life.counter) {
            return Ok(None);
        }
        let equal = self.holds(channel, given.totals.of(channel)).await?;
        Ok(equal.then_some(given.seq))
    }

    async fn holds(&self, channel: Channel, total: Digest) -> Result<bool, Fault> {
        let held = match self.channel_number(channel).await? {
            Some(number) => self.channel_digest(number).await?,
            None => Digest::default(),
        };
        Ok(held == total)
    }

    /// Where a part may begin though this site has no cursor in its channel (satellite); `assignments` hold what the batch
    /// itself says.
    pub(crate) async fn begins_at_hand_over(
        &self,
        part: &Part,
        assignments: &BTreeMap<StoreId, Assignment>,
    ) -> Result<Option<Cursor>, Fault> {
        let (Some(store), Some(Cursor::Following { seq: from })) = (part.channel.store(), part.from) else {
            return Ok(None);
        };
        // What the Hello went by holds, too: the store may have gone further since.
        let known = [self.assignment(store).await?, assignments.get(&store).cloned()];
        for assignment in known.into_iter().flatten() {
            let held_at = self.held_at(&assignment, part.channel).await?;
            // An earlier hand-over, if another followed that brought nothing new, brings nothing but what is here.
            if held_at.is_some_and(|seq| from <= seq) {
                return Ok(part.from);
            }
        }
        // What the Hello went by may have been overtaken by an earlier batch.
        if let Some(total) = self.stood.at(part.channel, from)
            && self.holds(part.channel, total).await?
        {
            return Ok(part.from);
        }
        Ok(None)
    }

    /// The channels of which this site holds what was handed over, and that it has no cursor in: of few stores, those that
    /// it gave away (satellite).
    pub(crate) async fn hand_over_cursors(
        &self,
        known: &[(Channel, Cursor)],
    ) -> Result<Vec<(Channel, Cursor)>, Fault> {
        let followed: BTreeSet<_> = known.iter().map(|(channel, _)| *channel).collect();
        let held = self.stores_held().await?;
        let held = held.into_iter().filter(|store| {
            let mut channels = Channel::of_store(*store).into_iter();
            channels.any(|channel| !followed.contains(&channel))
        });
        let held: Vec<_> = held.collect();
        let mut cursors = Vec::new();
        for found in self.assignments(&held).await? {
            for channel in Channel::of_store(found.value.store) {
                if !found.retired
                    && !followed.contains(&channel)
                    && let Some(seq) = self.held_at(&found.value, channel).await?
                {
                    cursors.push((channel, Cursor::Following { seq }));
                }
            }
        }
        Ok(cursors)
    }
}
