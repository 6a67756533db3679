//! The dictionary of channels: a small number stands for a channel's name in every row.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::Value;
use supplysync_model::{Channel, Fault};

use crate::fault::{damaged, database};
use crate::projection::raw::by_keys;
use crate::{Queries, WriteTx};

/// Numbers of channels as committed. A number never changes, so what is cached stays true.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChannelNumbers(Arc<RwLock<HashMap<Channel, i32>>>);

impl ChannelNumbers {
    pub(crate) fn get(&self, channel: Channel) -> Option<i32> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&channel)
            .copied()
    }

    /// Only numbers that are committed may come in: one given by a transaction that rolled back means nothing.
    pub(crate) fn learn(&self, numbers: impl IntoIterator<Item = (Channel, i32)>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(numbers);
    }
}

impl Queries {
    /// The number of a channel; `None` while nothing was ever written or followed in it.
    pub(crate) async fn channel_number(&self, channel: Channel) -> Result<Option<i32>, Fault> {
        if let Some(number) = self.numbers.get(channel) {
            return Ok(Some(number));
        }
        let sql = "SELECT number FROM channel WHERE name = $1";
        let row = self.conn().row(sql, vec![channel.to_string().into()]).await?;
        row.map(|row| row.try_get_by_index(0).map_err(database))
            .transpose()
    }
}

impl Queries {
    /// The channels of these numbers.
    pub(crate) async fn channels_of(
        &self,
        numbers: impl Iterator<Item = i32>,
    ) -> Result<HashMap<i32, Channel>, Fault> {
        let numbers: BTreeSet<_> = numbers.collect();
        let numbers = numbers.into_iter().map(Value::from).collect();
        let mut channels = HashMap::new();
        for (sql, values) in by_keys(
            self.conn().backend(),
            "SELECT number, name FROM channel WHERE number IN ",
            numbers,
        ) {
            for row in self.conn().rows(sql, values).await? {
                let name: String = row.try_get_by_index(1).map_err(database)?;
                let channel = name
                    .parse()
                    .map_err(|_| damaged(format!("the channel {name:?}")))?;
                channels.insert(row.try_get_by_index(0).map_err(database)?, channel);
            }
        }
        Ok(channels)
    }
}

impl WriteTx {
    /// The number of a channel, given now if it has none.
    pub(crate) async fn number_channel(&mut self, channel: Channel) -> Result<i32, Fault> {
        let given = self.new_numbers.iter().find(|(known, _)| *known == channel);
        if let Some((_, number)) = given {
            return Ok(*number);
        }
        if let Some(number) = self.channel_number(channel).await? {
            return Ok(number);
        }
        let sql = "INSERT INTO channel (number, name, records, bytes) \
                   SELECT COALESCE(MAX(number), 0) + 1, $1, 0, 0 FROM channel RETURNING number";
        let row = self.conn().row(sql, vec![channel.to_string().into()]).await?;
        let row = row.ok_or_else(|| damaged("a channel without a number"))?;
        let number = row.try_get_by_index(0).map_err(database)?;
        self.new_numbers.push((channel, number));
        Ok(number)
    }
}
