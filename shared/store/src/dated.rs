//! Copies that nobody keeps up any more, because they were withdrawn or the store went elsewhere: as of when they are.
//! Which stores' data a site should hold is in `peer::serve`.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::Value;
use supplysync_model::{Channel, Fault, StoreId, SyncId, Timestamp};
use supplysync_sync_core::Direction;

use crate::fault::damaged;
use crate::projection::code::{self, bytes};
use crate::projection::raw::{Rows, Table};
use crate::query::column;
use crate::{Queries, WriteTx};

/// `at` is when it was last complete; null if it never was.
pub(crate) const SCHEMA: &[&str] =
    &["CREATE TABLE dated_copy (store_id BLOB NOT NULL PRIMARY KEY, at BIGINT)"];

const TABLE: Table = Table {
    name: "dated_copy",
    columns: &["store_id", "at"],
    key: 1,
    lasting: &[],
    keep: 0,
};

impl Queries {
    /// Whether a copy of the store was ever given up.
    pub(crate) async fn is_dated(&self, store: StoreId) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM dated_copy WHERE store_id = $1";
        let row = self.conn().row(sql, vec![bytes(store.to_bytes())]).await?;
        Ok(row.is_some())
    }

    /// The stores of which any stock or history is held here.
    pub(crate) async fn stores_held(&self) -> Result<BTreeSet<StoreId>, Fault> {
        let sql = "SELECT name FROM channel WHERE records > 0 ORDER BY number LIMIT 250000";
        let rows = self.conn().rows(sql, vec![]).await?;
        let mut held = BTreeSet::new();
        for row in &rows {
            let name: String = column(row, 0)?;
            let channel: Channel = name
                .parse()
                .map_err(|_| damaged(format!("the channel {name:?}")))?;
            held.extend(channel.store());
        }
        Ok(held)
    }

    /// When each copy that is not kept up was last complete. A line is there of any store that was ever given up, also
    /// of one that is kept up again.
    pub(crate) async fn dated_copies(&self) -> Result<BTreeMap<StoreId, Option<Timestamp>>, Fault> {
        let sql = "SELECT store_id, at FROM dated_copy ORDER BY store_id LIMIT 100000";
        let rows = self.conn().rows(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                let at: Option<i64> = column(row, 1)?;
                Ok((code::id(column(row, 0)?)?, at.map(Timestamp)))
            })
            .collect()
    }
}

impl WriteTx {
    /// Dates the copies whose channels are about to be followed no longer: both channels must have been complete then.
    pub(crate) async fn date_copies(&mut self, channels: &[Channel]) -> Result<(), Fault> {
        let stores: BTreeSet<_> = channels.iter().filter_map(|channel| channel.store()).collect();
        if stores.is_empty() {
            return Ok(());
        }
        let known = self.cursors_with(SyncId::PRIMARY, Direction::Pull).await?;
        let complete = |channel| {
            let row = known.iter().find(|row| row.channel == channel)?;
            row.caught_up_at
        };
        let followed: BTreeSet<_> = known.iter().filter_map(|row| row.channel.store()).collect();
        let dates = stores.intersection(&followed).map(|store| {
            let [stock, history] = Channel::of_store(*store).map(complete);
            (
                *store,
                stock.zip(history).map(|(stock, history)| stock.min(history)),
            )
        });
        self.save_dates(dates.collect()).await
    }

    /// Dates a store that was active here: it was the truth as long as this site is known to have had it.
    pub(crate) async fn date_lost(
        &mut self,
        store: StoreId,
        noticed: Option<Timestamp>,
    ) -> Result<(), Fault> {
        let known = self.cursors_with(SyncId::PRIMARY, Direction::Pull).await?;
        let master = known.iter().find(|row| row.channel == Channel::Master);
        let heard = master.and_then(|row| row.caught_up_at);
        self.save_dates(vec![(store, noticed.max(heard))]).await
    }

    async fn save_dates(&mut self, dates: Vec<(StoreId, Option<Timestamp>)>) -> Result<(), Fault> {
        let mut rows = Rows::new(&TABLE);
        for (store, at) in dates {
            rows.push([bytes(store.to_bytes()), Value::from(at.map(|at| at.0))]);
        }
        rows.upsert(self.conn()).await
    }

    pub(crate) async fn forget_date(&mut self, store: StoreId) -> Result<(), Fault> {
        let sql = "DELETE FROM dated_copy WHERE store_id = $1";
        self.conn()
            .execute(sql, vec![bytes(store.to_bytes())])
            .await
            .map(drop)
    }
}
