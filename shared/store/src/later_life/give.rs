//! What a satellite gives back to a later life of the primary's database: which channels, which records of them, and how far
//! it is.

use std::collections::{BTreeSet, HashMap};

use supplysync_model::{Channel, Fault, Kind, RecordKey, Seq, SiteReport, StoreId, SyncId};
use supplysync_sync_core::{Ack, ChannelAck, Cursor, Direction};

use super::number;
use crate::cursor::{self, direction_number};
use crate::fault::database;
use crate::held::record_id;
use crate::{Queries, WriteTx};

/// Which records of a channel go up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upward {
    /// What this site wrote.
    Own,
    /// What it wrote, and what came with the store.
    Whole,
    /// Up to this seq, what came from others, and up to the other what it wrote in a store that went elsewhere since.
    Back { through: Seq, taken: Seq },
}

impl Queries {
    /// The channels of what is to be given back: all but those of the stores that are active here, which are pushed then.
    pub(crate) async fn gives_back(&self) -> Result<Vec<Channel>, Fault> {
        if self.met_life().await?.is_none_or(|met| met.given_back) {
            return Ok(Vec::new());
        }
        let own = self.stores_of_site(self.sync_id()).await?;
        let sql = "SELECT name FROM channel WHERE records > 0 ORDER BY number LIMIT 1000000";
        let mut channels = Vec::new();
        for row in self.conn().rows(sql, vec![]).await? {
            let name: String = row.try_get_by_index(0).map_err(database)?;
            if let Ok(channel) = name.parse::<Channel>()
                && channel.store().is_none_or(|store| !own.contains(&store))
            {
                channels.push(channel);
            }
        }
        channels.sort_unstable();
        Ok(channels)
    }

    /// Which records of these channels go up when they are pushed from there on.
    pub(crate) async fn upward(
        &self,
        asked: &[(Channel, Option<Cursor>)],
    ) -> Result<HashMap<Channel, Upward>, Fault> {
        let Some(met) = self.met_life().await? else {
            return Ok(HashMap::new());
        };
        let own = self.stores_of_site(self.sync_id()).await?;
        let lost = self.lost_stores().await?;
        let channels: Vec<_> = asked.iter().map(|(channel, _)| *channel).collect();
        let totals = self.channel_totals(&channels).await?;
        let numbers = totals.values().map(|total| total.number).collect();
        let acknowledged =
            cursor::of_channels(self.conn(), SyncId::PRIMARY, Direction::Push, numbers).await?;
        let goes = asked.iter().map(|(channel, from)| {
            let upward = match (channel.store().is_some_and(|store| own.contains(&store)), from) {
                (true, Some(Cursor::Following { seq })) if *seq < met.head => Upward::Whole,
                (true, _) => Upward::Own,
                // What came with a store that it had in the life that is lost, and not in this one, goes up, too.
                (false, Some(Cursor::Following { seq }))
                    if met.given_back
                        && *seq < met.head
                        && channel.store().is_some_and(|store| lost.contains(&store)) =>
                {
                    Upward::Whole
                }
                (false, _) if met.given_back => Upward::Own,
                (false, _) => {
                    let row = totals
                        .get(channel)
                        .and_then(|total| acknowledged.get(&total.number));
                    Upward::Back {
                        through: met.head,
                        taken: match row {
                            Some(Cursor::Following { seq }) => *seq,
                            _ => 0,
                        },
                    }
                }
            };
            (*channel, upward)
        });
        Ok(goes.collect())
    }

    /// Whether the primary, which was put back, may lack what came with a store that was active here.
    pub(crate) async fn may_be_lost_there(&self, store: StoreId) -> Result<bool, Fault> {
        let Some(met) = self.met_life().await? else {
            return Ok(false);
        };
        let sql = format!(
            "SELECT 1 FROM channel c LEFT JOIN cursor u ON u.channel = c.number AND u.peer = $1 AND u.direction = {} \
             AND u.state = 1 WHERE c.name IN ($2, $3) AND COALESCE(u.seq, 0) < $4 AND EXISTS \
             (SELECT 1 FROM record r WHERE r.channel = c.number AND r.seq > COALESCE(u.seq, 0)) LIMIT 1",
            direction_number(Direction::Push)
        );
        let [stock, history] = Channel::of_store(store).map(|channel| channel.to_string());
        let primary = i32::from(SyncId::PRIMARY.get());
        let values = vec![
            primary.into(),
            stock.into(),
            history.into(),
            (met.head as i64).into(),
        ];
        Ok(self.conn().row(&sql, values).await?.is_some())
    }

    /// Whether the primary still has to hear that everything is given back.
    pub(crate) async fn is_giving_back(&self) -> Result<bool, Fault> {
        Ok(self.met_life().await?.is_some_and(|met| !met.given_back))
    }

    /// What there is to say of giving back: that it is done.
    pub(crate) async fn report_given_back(&self) -> Result<Option<SiteReport>, Fault> {
        let Some(met) = self.met_life().await?.filter(|met| !met.given_back) else {
            return Ok(None);
        };
        let sql = "SELECT c.name, g.seq FROM given_back g JOIN channel c ON c.number = g.channel \
                   ORDER BY c.number LIMIT 1000000";
        let mut given = HashMap::new();
        for row in self.conn().rows(sql, vec![]).await? {
            let name: String = row.try_get_by_index(0).map_err(database)?;
            given.insert(name, number(&row, 1)?);
        }
        let owed = self.gives_back().await?;
        let arrived = |channel: &Channel| {
            given
                .get(&channel.to_string())
                .is_some_and(|seq| *seq >= met.head)
        };
        Ok(owed
            .iter()
            .all(arrived)
            .then_some(SiteReport::GivenBack(met.life)))
    }

    /// Work of this site that the primary refused, or may have refused in a store that went elsewhere, as far as it is here
    /// still.
    pub(crate) async fn refused_here(&self) -> Result<Vec<RecordKey>, Fault> {
        let sql = "SELECT w.kind, w.id, w.unanswered, c.name FROM refused_work w JOIN record r ON r.kind = w.kind \
                   AND r.id = w.id AND r.seq = w.seq JOIN channel c ON c.number = r.channel \
                   ORDER BY w.kind, w.id LIMIT 100000";
        let own = self.stores_of_site(self.sync_id()).await?;
        let mut keys = Vec::new();
        for row in self.conn().rows(sql, vec![]).await? {
            let unanswered: bool = row.try_get_by_index(2).map_err(database)?;
            let name: String = row.try_get_by_index(3).map_err(database)?;
            let store = name.parse::<Channel>().ok().and_then(|channel| channel.store());
            if unanswered && store.is_some_and(|store| own.contains(&store)) {
                continue;
            }
            keys.push(RecordKey {
                kind: Kind(row.try_get_by_index::<i32>(0).map_err(database)? as u16),
                id: record_id(row.try_get_by_index(1).map_err(database)?)?,
            });
        }
        Ok(keys)
    }
}

impl WriteTx {
    /// Notes what the primary acknowledges of what is given back; the channels that are this site's own to push are left,
    /// because only of those it says how far this site's own work has arrived (satellite).
    pub(crate) async fn note_given<'a>(&mut self, ack: &'a Ack) -> Result<Vec<&'a ChannelAck>, Fault> {
        let acked: std::slice::Iter<'a, ChannelAck> = ack.channels.iter();
        // Once everything is given back only this site's own work goes up.
        if !self.is_giving_back().await? {
            return Ok(acked.collect());
        }
        let mine: BTreeSet<_> = self.stores_of_site(self.sync_id()).await?.into_iter().collect();
        let (own, given): (Vec<&'a ChannelAck>, Vec<&'a ChannelAck>) =
            acked.partition(|acked| acked.channel.store().is_some_and(|store| mine.contains(&store)));
        let refused = self.channels_of_refused(ack).await?;
        let mut differing = Vec::new();
        let sql = "INSERT INTO given_back (channel, seq) VALUES ($1, $2) ON CONFLICT (channel) \
                   DO UPDATE SET seq = excluded.seq";
        for acked in given {
            let Cursor::Following { seq } = acked.cursor else {
                continue;
            };
            let number = self.number_channel(acked.channel).await?;
            let values = vec![number.into(), (seq as i64).into()];
            self.conn().execute(sql, values).await?;
            if refused.contains(&number) {
                differing.extend(acked.channel.store().map(|_| acked.channel));
            }
        }
        // A copy of which something was refused is loaded afresh, also if the word that all is given back gets lost.
        self.forget_cursors(SyncId::PRIMARY, Direction::Pull, &differing)
            .await?;
        Ok(own)
    }

    /// The numbers of the channels in which something was refused.
    async fn channels_of_refused(&self, ack: &Ack) -> Result<BTreeSet<i32>, Fault> {
        let keys = ack.refused.iter().map(|refusal| refusal.key);
        let held = crate::held::by_key(self.conn(), keys).await?;
        Ok(held.values().map(|held| held.channel).collect())
    }

    /// Notes which of this site's own work the primary refused: it does not go to a later life of the primary's database as
    /// if that had lost it (satellite).
    pub(crate) async fn note_refused(&mut self, ack: &Ack) -> Result<(), Fault> {
        if ack.refused.is_empty() {
            return Ok(());
        }
        let here = self.sync_id();
        let keys = ack.refused.iter().map(|refusal| refusal.key);
        let held = crate::held::by_key(self.conn(), keys).await?;
        let own = held
            .iter()
            .filter(|(_, old)| old.origin_site == here && old.revision == old.seq);
        let sql = "INSERT INTO refused_work (kind, id, seq) VALUES ($1, $2, $3) ON CONFLICT (kind, id) \
                   DO UPDATE SET seq = excluded.seq, unanswered = FALSE";
        for (key, old) in own {
            let values = vec![
                i32::from(key.kind.0).into(),
                key.id.to_bytes().to_vec().into(),
                (old.seq as i64).into(),
            ];
            self.conn().execute(sql, values).await?;
        }
        Ok(())
    }
}
