//! Stores whose data this site routes without keeping a copy: their records are here, and have no rows. Rows go and come
//! back in bounded steps, so that nobody waits long for the feed's lock.

use std::collections::{BTreeSet, HashMap};

use sea_orm::Value;
use supplysync_model::{Channel, Fault, Kind, Record, RecordKey, StoreId};

use super::code::{self, bytes};
use super::raw::{Rows, Table, by_keys};
use super::{Projected, RECORD_COLUMNS, rebuild, remove, stored_record};
use crate::held::record_id;
use crate::query::column;
use crate::{Queries, Store, TxConn, WriteTx};

/// The stores that are not kept; one that is not named is, so that a new store is kept.
pub(crate) const NOT_KEPT: &[&str] = &["CREATE TABLE store_not_kept (store_id BLOB NOT NULL PRIMARY KEY)"];

/// How far rows are taken away (phase 0, then 1) or brought back (2, up to the place reached: part 0 stock, 1 history).
pub(crate) const NOT_KEPT_IN_STEPS: &[&str] = &[
    "ALTER TABLE store_not_kept ADD COLUMN phase INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE store_not_kept ADD COLUMN at_part INTEGER",
    "ALTER TABLE store_not_kept ADD COLUMN at_kind INTEGER",
    "ALTER TABLE store_not_kept ADD COLUMN at_id BLOB",
];

const TABLE: Table = Table {
    name: "store_not_kept",
    columns: &["store_id", "phase", "at_part", "at_kind", "at_id"],
    key: 1,
    lasting: &[],
    keep: 0,
};

/// In the order in which rows go: what refers to others first.
const KINDS: [(Kind, &str); 2] = [
    (Kind::TRANSACTION, "stock_transaction"),
    (Kind::STOCK_LINE, "stock_line"),
];

/// What this site has of the rows of a store that it does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Some, which go.
    Leaving,
    /// None.
    Gone,
    /// It is to be kept again: those up to this place in its two channels.
    Returning(Option<(Part, RecordKey)>),
}

/// A channel of a store: stock (0) before history (1), which refers to it.
pub type Part = usize;

/// Takes out what belongs to a store that is not kept. Read in the transaction that applies.
pub(super) async fn leave_out<'a>(
    conn: &TxConn,
    mut changes: Vec<Projected<'a>>,
) -> Result<Vec<Projected<'a>>, Fault> {
    let stores: BTreeSet<_> = (changes.iter())
        .filter_map(|change| change.record.channel.store())
        .collect();
    let left_out = of_stores(conn, stores).await?;
    if !left_out.is_empty() {
        changes.retain(|change| {
            let channel = change.record.channel;
            match channel.store().and_then(|store| left_out.get(&store)) {
                None => true,
                // What is beyond is read when its turn comes.
                Some(NotKept::Returning(Some(at))) => (part_of(channel), change.record.key) <= *at,
                Some(_) => false,
            }
        });
    }
    Ok(changes)
}

fn part_of(channel: Channel) -> Part {
    usize::from(matches!(channel, Channel::StoreHistory(_)))
}

const HEAD: &str = "SELECT store_id, phase, at_part, at_kind, at_id FROM store_not_kept";

async fn of_stores(
    conn: &TxConn,
    stores: impl IntoIterator<Item = StoreId>,
) -> Result<HashMap<StoreId, NotKept>, Fault> {
    let keys = stores.into_iter().map(|store| bytes(store.to_bytes())).collect();
    let mut found = HashMap::new();
    for (sql, values) in by_keys(conn.backend(), &format!("{HEAD} WHERE store_id IN "), keys) {
        for row in conn.rows(sql, values).await? {
            let (store, state) = not_kept(&row)?;
            found.insert(store, state);
        }
    }
    Ok(found)
}

fn not_kept(row: &sea_orm::QueryResult) -> Result<(StoreId, NotKept), Fault> {
    let state = match column::<i32>(row, 1)? {
        0 => NotKept::Leaving,
        1 => NotKept::Gone,
        _ => {
            let part: Option<i32> = column(row, 2)?;
            let kind: Option<i32> = column(row, 3)?;
            let id: Option<Vec<u8>> = column(row, 4)?;
            let at = part.zip(kind).zip(id).map(|((part, kind), id)| {
                let id = record_id(id)?;
                let kind = Kind(kind as u16);
                Ok((part as Part, RecordKey { kind, id }))
            });
            NotKept::Returning(at.transpose()?)
        }
    };
    Ok((code::id(column(row, 0)?)?, state))
}

impl Queries {
    /// The stores whose data this site routes without keeping it. Bounded by the number of stores.
    pub async fn not_kept(&self) -> Result<HashMap<StoreId, NotKept>, Fault> {
        let rows = self
            .conn()
            .rows(format!("{HEAD} ORDER BY store_id LIMIT 100000"), vec![])
            .await?;
        rows.iter().map(not_kept).collect()
    }

    /// What this site has of a store that it does not keep; `None` for one that it keeps.
    pub(crate) async fn not_kept_of(&self, store: StoreId) -> Result<Option<NotKept>, Fault> {
        Ok(of_stores(self.conn(), [store]).await?.remove(&store))
    }

    /// Some more records of a store's two channels, in key order, and the place of the last of them.
    async fn records_beyond(
        &self,
        store: StoreId,
        after: Option<(Part, RecordKey)>,
        limit: usize,
    ) -> Result<(Vec<Record>, Option<(Part, RecordKey)>), Fault> {
        let first = after.map_or(0, |(part, _)| part);
        for (part, channel) in Channel::of_store(store).into_iter().enumerate().skip(first) {
            let Some(number) = self.channel_number(channel).await? else {
                continue;
            };
            let after = after.filter(|(reached, _)| *reached == part).map(|(_, key)| key);
            let sql = format!(
                "SELECT {RECORD_COLUMNS} FROM record r JOIN channel c ON c.number = r.channel \
                 WHERE r.channel = $1 AND (r.kind, r.id) > ($2, $3) ORDER BY r.kind, r.id LIMIT {limit}"
            );
            let values = vec![
                number.into(),
                after.map_or(0, |key| i32::from(key.kind.0)).into(),
                after.map_or(Vec::new(), |key| key.id.to_bytes().to_vec()).into(),
            ];
            let rows = self.conn().rows(sql, values).await?;
            let records = rows.iter().map(stored_record).collect::<Result<Vec<_>, _>>()?;
            if let Some(last) = records.last() {
                let reached = (part, last.key);
                return Ok((records, Some(reached)));
            }
        }
        Ok((Vec::new(), None))
    }

    async fn step_due(&self) -> Result<Option<(StoreId, NotKept)>, Fault> {
        let sql = format!("{HEAD} WHERE phase <> 1 ORDER BY store_id LIMIT 1");
        let row = self.conn().row(sql, vec![]).await?;
        row.map(|row| not_kept(&row)).transpose()
    }
}

impl Store {
    /// Takes away or brings back the rows of some more records of a store that is not, or is again, kept. Whether there
    /// may be more to do.
    pub async fn keeping_step(&self, records: usize) -> Result<bool, Fault> {
        let look = self.read("is there a step of keeping to do", |tx| {
            Box::pin(async move { Ok(tx.step_due().await?.is_some()) })
        });
        if !look.await? {
            return Ok(false);
        }
        self.write("keep a store or stop", move |tx| {
            Box::pin(tx.keeping_step(records))
        })
        .await
    }
}

impl WriteTx {
    /// Stops keeping the data of stores: their rows go step by step, their records stay and are routed as before.
    pub async fn stop_keeping(&mut self, stores: &[StoreId]) -> Result<(), Fault> {
        self.set_not_kept(stores, NotKept::Leaving).await
    }

    /// Keeps the data of stores again: rows for every record that came meanwhile are made step by step.
    pub async fn keep_again(&mut self, stores: &[StoreId]) -> Result<(), Fault> {
        self.set_not_kept(stores, NotKept::Returning(None)).await
    }

    async fn set_not_kept(&mut self, stores: &[StoreId], state: NotKept) -> Result<(), Fault> {
        let (phase, at) = match state {
            NotKept::Leaving => (0, None),
            NotKept::Gone => (1, None),
            NotKept::Returning(at) => (2, at),
        };
        let mut rows = Rows::new(&TABLE);
        for store in stores {
            rows.push([
                bytes(store.to_bytes()),
                phase.into(),
                at.map(|(part, _)| part as i32).into(),
                at.map(|(_, key)| i32::from(key.kind.0)).into(),
                at.map(|(_, key)| key.id.to_bytes().to_vec()).into(),
            ]);
        }
        rows.upsert(self.conn()).await
    }

    async fn keeping_step(&mut self, limit: usize) -> Result<bool, Fault> {
        match self.step_due().await? {
            None => return Ok(false),
            Some((store, NotKept::Returning(at))) => self.fill_more(store, at, limit).await?,
            Some((store, _)) => {
                if !self.empty_more(store, limit).await? {
                    self.set_not_kept(&[store], NotKept::Gone).await?;
                }
            }
        }
        Ok(true)
    }

    /// Makes the rows of some more records of a store.
    async fn fill_more(
        &mut self,
        store: StoreId,
        after: Option<(Part, RecordKey)>,
        limit: usize,
    ) -> Result<(), Fault> {
        let (records, reached) = self.records_beyond(store, after, limit).await?;
        if records.is_empty() {
            return self.kept_whole(store).await;
        }
        // First, or what is read now would be left out.
        self.set_not_kept(&[store], NotKept::Returning(reached)).await?;
        rebuild::project_page(self.conn(), &records).await
    }

    async fn kept_whole(&mut self, store: StoreId) -> Result<(), Fault> {
        let sql = "DELETE FROM store_not_kept WHERE store_id = $1";
        self.conn()
            .execute(sql, vec![bytes(store.to_bytes())])
            .await
            .map(drop)
    }

    /// Whether there were rows to take away.
    async fn empty_more(&mut self, store: StoreId, limit: usize) -> Result<bool, Fault> {
        let id = || -> Vec<Value> { vec![bytes(store.to_bytes())] };
        for (kind, table) in KINDS {
            let sql = format!("SELECT id FROM {table} WHERE store_id = $1 ORDER BY id LIMIT {limit}");
            let rows = self.conn().rows(sql, id()).await?;
            let keys = (rows.iter()).map(|row| {
                Ok(RecordKey {
                    kind,
                    id: record_id(column(row, 0)?)?,
                })
            });
            let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
            if !keys.is_empty() {
                remove(self.conn(), &keys).await?;
                return Ok(true);
            }
        }
        // What waited for something it refers to; this site will not ask for it.
        let channels = Channel::of_store(store).map(|channel| channel.to_string().into());
        let parked = "DELETE FROM parked WHERE EXISTS (SELECT 1 FROM record r JOIN channel c ON c.number = r.channel \
                      WHERE r.kind = parked.kind AND r.id = parked.id AND c.name IN ($1, $2))";
        self.conn().execute(parked, channels.into()).await?;
        Ok(false)
    }
}
