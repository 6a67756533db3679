//! Which channels go to which site, and what is in them.

use std::collections::HashMap;

use futures::FutureExt;
use supplysync_model::{Channel, Fault, SyncId};
use supplysync_sync_core::Served;

use crate::fault::{damaged, database};
use crate::projection::raw::by_keys;
use crate::{Queries, Store};

/// What is in a channel here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelTotal {
    pub number: i32,
    /// Records, tombstones included.
    pub records: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

impl Store {
    /// The channels that a site is served, in rank order, with what is in them (primary).
    pub async fn served_channels(&self, site: SyncId) -> Result<Vec<Served>, Fault> {
        self.read("served channels", move |tx| {
            async move { tx.served_channels(site).await }.boxed()
        })
        .await
    }

    /// The channels of the stores assigned to this site, in rank order (satellite).
    pub async fn push_channels(&self) -> Result<Vec<Channel>, Fault> {
        self.read("push channels", |tx| {
            async move { tx.push_channels().await }.boxed()
        })
        .await
    }
}

impl Queries {
    /// The channels that a site is served, in rank order, with what is in them: master data, what only it must know,
    /// the copies granted to it, and what is on its way to it. What is active on the site itself it owns, and pushes;
    /// only while it recovers is it sent that.
    pub async fn served_channels(&self, site: SyncId) -> Result<Vec<Served>, Fault> {
        let mut channels = vec![Channel::Master, Channel::Site(site)];
        let copies = self.stores_served(site).await?;
        let starts = self.starts_for(site, &copies).await?;
        channels.extend(copies.into_iter().flat_map(Channel::of_store));
        if self.is_recovering(site).await? {
            let own = self.stores_of_site(site).await?;
            channels.extend(own.into_iter().flat_map(Channel::of_store));
        }
        channels.sort_unstable();
        channels.dedup();
        let totals = self.channel_totals(&channels).await?;
        let served = channels.into_iter().map(|channel| {
            let total = totals.get(&channel);
            Served {
                channel,
                records: total.map_or(0, |total| total.records),
                bytes: total.map_or(0, |total| total.bytes),
                start: channel.store().and_then(|store| starts.get(&store).copied()),
            }
        });
        Ok(served.collect())
    }

    /// The channels of the stores assigned to this site, and of those that it lost while work of it was on its way; in
    /// rank order: all stock, then all history. None while this site recovers: what it has may be of another past; nor while
    /// the primary is given back what it lost, of which this site's part goes first.
    pub async fn push_channels(&self) -> Result<Vec<Channel>, Fault> {
        if let Some(met) = self.met_life().await? {
            if !met.given_back {
                return self.gives_back().await;
            }
            if met.gathering {
                return Ok(Vec::new());
            }
        }
        if self.recovery_holding_back().await?.is_some() {
            return Ok(Vec::new());
        }
        let mut stores = self.stores_of_site(self.sync_id()).await?;
        stores.extend(self.lost_stores().await?);
        let mut channels: Vec<_> = stores.into_iter().flat_map(Channel::of_store).collect();
        channels.sort_unstable();
        channels.dedup();
        Ok(channels)
    }

    /// Numbers and totals of channels; one in which nothing was ever written or followed is missing.
    pub(crate) async fn channel_totals(
        &self,
        channels: &[Channel],
    ) -> Result<HashMap<Channel, ChannelTotal>, Fault> {
        let head = "SELECT name, number, records, bytes FROM channel WHERE name IN ";
        let names = channels
            .iter()
            .map(|channel| channel.to_string().into())
            .collect();
        let mut totals = HashMap::with_capacity(channels.len());
        for (sql, values) in by_keys(self.conn().backend(), head, names) {
            for row in self.conn().rows(sql, values).await? {
                let name: String = row.try_get_by_index(0).map_err(database)?;
                let channel = name
                    .parse()
                    .map_err(|_| damaged(format!("the channel {name:?}")))?;
                let total = ChannelTotal {
                    number: row.try_get_by_index(1).map_err(database)?,
                    records: row.try_get_by_index::<i64>(2).map_err(database)? as u64,
                    bytes: row.try_get_by_index::<i64>(3).map_err(database)? as u64,
                };
                totals.insert(channel, total);
            }
        }
        Ok(totals)
    }
}
