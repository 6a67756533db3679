//! The ledger (P8): for each store and receiver, the owner's live records = held + quarantined + pending.
//! Counted on both ends by themselves: as the sender from its records and the receiver's acknowledged counts, as the
//! receiver from what it holds and the sender's stamped total.

use std::collections::{BTreeMap, HashMap};

use supplysync_model::{Channel, Fault, StoreId, SyncId};

use super::column;
use super::cursors::{CursorRow, beyond, owner_of};
use crate::{Queries, TxConn, raw};

/// Which end counted a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The one that sends: the owner, or the primary passing a copy on.
    Sender,
    /// The one that receives.
    Receiver,
}

/// The counts of one store at one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRow {
    /// The store; `None` for master data.
    pub store: Option<StoreId>,
    /// Where the store is active; the primary for master data.
    pub owner: Option<SyncId>,
    /// Who receives.
    pub receiver: SyncId,
    /// Which end this site is.
    pub side: Side,
    /// The owner's live records; `None` while the receiver has not been caught up, so does not know.
    pub owner_records: Option<u64>,
    /// Live records that the receiver holds whose latest version is not in open quarantine there.
    pub held: u64,
    /// Of the held, those not projectable yet. A sender is not told: 0.
    pub parked: u64,
    /// Live records in open quarantine at the receiver, each once.
    pub quarantined: u64,
    /// The owner's records, deleted ones too, whose latest version is not there; `None` while that is not known.
    pub pending: Option<u64>,
}

impl LedgerRow {
    /// Whether nothing is unaccounted for: with nothing pending, the owner's records are held or quarantined.
    pub fn balanced(&self) -> bool {
        match (self.owner_records, self.pending) {
            (Some(records), Some(0)) => records == self.held + self.quarantined,
            _ => true,
        }
    }

    fn add(&mut self, other: &LedgerRow) {
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b);
        self.owner_records = sum(self.owner_records, other.owner_records);
        self.pending = sum(self.pending, other.pending);
        self.held += other.held;
        self.parked += other.parked;
        self.quarantined += other.quarantined;
    }
}

impl Queries {
    /// Every store that this site sends or receives, with its receivers, and master data; one store if asked.
    pub async fn ledger(&self, store: Option<StoreId>) -> Result<Vec<LedgerRow>, Fault> {
        let owners = self.owners().await?;
        let cursors = self.cursors().await?;
        let digests = self.stored_digests().await?;
        let parked = parked_by_channel(self.conn()).await?;
        let quarantined = self.quarantined_by_channel(None).await?;
        let mut rows = BTreeMap::new();
        for (channel, receiver) in self.to_send(&owners).await? {
            let number = self.channel_number(channel).await?;
            let row = cursors
                .iter()
                .find(|row| !row.we_receive && row.peer == receiver && row.channel == channel);
            let records = number
                .and_then(|number| digests.get(&number))
                .map_or(0, |digest| digest.count);
            let pending = match number {
                Some(number) => beyond(self.conn(), number, row.map(|row| row.cursor)).await?.all,
                None => 0,
            };
            let entry = LedgerRow {
                store: channel.store(),
                owner: owner_of(channel, &owners),
                receiver,
                side: Side::Sender,
                owner_records: Some(records),
                held: row.map_or(0, |row| row.held),
                parked: 0,
                quarantined: row.map_or(0, |row| row.quarantined),
                // A receiver that took everything and compared nothing knows the store as another site's by now.
                pending: Some(pending)
                    .filter(|pending| *pending > 0 || row.is_none_or(|row| row.caught_up_at.is_some())),
            };
            enter(&mut rows, entry);
        }
        for row in cursors
            .iter()
            .filter(|row| row.we_receive && !matches!(row.channel, Channel::Site(_)))
        {
            let live = digests.get(&row.number).map_or(0, |digest| digest.count);
            let aside = quarantined
                .get(&(row.number, row.peer))
                .copied()
                .unwrap_or_default();
            let parked = parked.get(&row.number).copied().unwrap_or(0);
            enter(
                &mut rows,
                received(self.sync_id(), row, live, aside, parked, &owners),
            );
        }
        Ok(rows
            .into_values()
            .filter(|row| store.is_none() || row.store == store)
            .collect())
    }

    /// What this site sends to whom, whether it has begun or not.
    pub(super) async fn to_send(
        &self,
        owners: &HashMap<StoreId, SyncId>,
    ) -> Result<Vec<(Channel, SyncId)>, Fault> {
        let here = self.sync_id();
        let mut sent = Vec::new();
        if !here.is_primary() {
            let own = owners.iter().filter(|(_, site)| **site == here);
            sent.extend(
                own.flat_map(|(store, _)| Channel::of_store(*store))
                    .map(|c| (c, SyncId::PRIMARY)),
            );
            return Ok(sent);
        }
        for site in self.sites().await? {
            let id = site.value.sync_id;
            if site.retired || id == here {
                continue;
            }
            sent.push((Channel::Master, id));
            let served = self.stores_served(id).await?.into_iter();
            sent.extend(served.flat_map(Channel::of_store).map(|channel| (channel, id)));
        }
        Ok(sent)
    }

    /// Open quarantine by channel number and sender; of several entries of a record the latest version counts. Of
    /// these channels only, if they are given.
    pub(crate) async fn quarantined_by_channel(
        &self,
        channels: Option<&[i32]>,
    ) -> Result<HashMap<(i32, SyncId), Aside>, Fault> {
        // An empty list is no list to PostgreSQL.
        if channels.is_some_and(<[i32]>::is_empty) {
            return Ok(HashMap::new());
        }
        let among = channels.map(|channels| {
            let numbers: Vec<_> = channels.iter().map(i32::to_string).collect();
            format!(" AND q.channel IN ({})", numbers.join(", "))
        });
        let among = among.unwrap_or_default();
        let sql = format!(
            "SELECT q.channel, q.from_site, \
                   COUNT(DISTINCT CASE WHEN NOT q.deleted THEN q.record_id END), \
                   COUNT(DISTINCT CASE WHEN r.deleted IS NOT NULL AND NOT r.deleted THEN q.record_id END) \
                   FROM quarantine q \
                   LEFT JOIN record r ON r.kind = q.kind AND r.id = q.record_id AND r.channel = q.channel \
                   WHERE q.resolved_at IS NULL AND NOT q.former AND NOT EXISTS (SELECT 1 FROM quarantine n \
                   WHERE n.resolved_at IS NULL AND NOT n.former AND n.channel = q.channel AND n.kind = q.kind \
                   AND n.record_id = q.record_id AND n.from_site = q.from_site \
                   AND (n.epoch, n.revision, n.id) > (q.epoch, q.revision, q.id)){among} \
                   GROUP BY q.channel, q.from_site"
        );
        let mut found = HashMap::new();
        for row in self.conn().rows(sql, vec![]).await? {
            let site = raw::site(column(&row, 1)?)?;
            let aside = Aside {
                live: column::<i64>(&row, 2)? as u64,
                also_held: column::<i64>(&row, 3)? as u64,
            };
            found.insert((column(&row, 0)?, site), aside);
        }
        Ok(found)
    }
}

/// One entry for both channels of a store.
fn enter(rows: &mut BTreeMap<(Option<StoreId>, SyncId, Side), LedgerRow>, entry: LedgerRow) {
    rows.entry((entry.store, entry.receiver, entry.side))
        .and_modify(|row| row.add(&entry))
        .or_insert(entry);
}

/// What is in open quarantine of one channel from one sender.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Aside {
    /// Distinct records whose latest quarantined version is live.
    pub live: u64,
    /// Distinct records of which a live version is held too.
    pub also_held: u64,
}

fn received(
    here: SyncId,
    row: &CursorRow,
    live: u64,
    aside: Aside,
    parked: u64,
    owners: &HashMap<StoreId, SyncId>,
) -> LedgerRow {
    let theirs = row
        .caught_up_at
        .and(row.compared)
        .map(|compared| compared.theirs.count);
    LedgerRow {
        store: row.channel.store(),
        owner: owner_of(row.channel, owners),
        receiver: here,
        side: Side::Receiver,
        owner_records: theirs,
        held: live.saturating_sub(aside.also_held),
        parked,
        quarantined: aside.live,
        pending: theirs.map(|_| 0),
    }
}

/// Live parked records by channel number.
pub(super) async fn parked_by_channel(conn: &TxConn) -> Result<HashMap<i32, u64>, Fault> {
    let sql = "SELECT r.channel, COUNT(*) FROM parked p JOIN record r ON r.kind = p.kind AND r.id = p.id \
               WHERE NOT r.deleted GROUP BY r.channel";
    let rows = conn.rows(sql, vec![]).await?;
    rows.iter()
        .map(|row| Ok((column(row, 0)?, column::<i64>(row, 1)? as u64)))
        .collect()
}
