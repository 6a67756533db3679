//! Making projections again from the records, page by page in key order; and reading a stored record.

use sea_orm::QueryResult;
use supplysync_model::{Epoch, Fault, Kind, Record, RecordHash, RecordId, RecordKey};
use supplysync_record_codec::RecordBody;

use super::{NotKept, Projected, apply, is_gone, parked};
use crate::fault::{damaged, database};
use crate::{Store, TxConn, WriteTx, raw};

/// The columns that [`stored_record`] reads, of `record r JOIN channel c`.
pub(crate) const RECORD_COLUMNS: &str =
    "r.kind, r.id, c.name, r.origin_site, r.epoch, r.revision, r.schema, r.deleted, r.hash, r.body, r.seq";

/// A row of [`RECORD_COLUMNS`] as a record.
pub(crate) fn stored_record(row: &QueryResult) -> Result<Record, Fault> {
    let channel: String = row.try_get_by_index(2).map_err(database)?;
    let id: Vec<u8> = row.try_get_by_index(1).map_err(database)?;
    let hash: Vec<u8> = row.try_get_by_index(8).map_err(database)?;
    let body: Vec<u8> = row.try_get_by_index(9).map_err(database)?;
    Ok(Record {
        key: RecordKey {
            kind: Kind(row.try_get_by_index::<i32>(0).map_err(database)? as u16),
            id: RecordId::from_bytes(
                id.try_into()
                    .map_err(|_| damaged("a record id that is not 16 bytes long"))?,
            ),
        },
        channel: channel
            .parse()
            .map_err(|_| damaged(format!("the channel {channel:?}")))?,
        origin_site: raw::site(row.try_get_by_index(3).map_err(database)?)?,
        epoch: Epoch::from_packed(row.try_get_by_index::<i64>(4).map_err(database)? as u64),
        revision: row.try_get_by_index::<i64>(5).map_err(database)? as u64,
        schema: row.try_get_by_index::<i32>(6).map_err(database)? as u32,
        deleted: row.try_get_by_index(7).map_err(database)?,
        hash: RecordHash(
            hash.try_into()
                .map_err(|_| damaged("a record hash that is not 16 bytes long"))?,
        ),
        body: body.into(),
    })
}

/// Making all rows of the typed tables again from the records, step by step; whoever reads them meanwhile finds them as they
/// were or as they should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilding {
    place: Place,
    /// Records whose rows were made again.
    pub records: u64,
    /// Rows that went because no record accounts for them.
    pub strays: u64,
    /// Records that were parked, and are not any more.
    pub unparked: u64,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Records(i64, Vec<u8>),
    Strays(usize),
    Parked(i64, Vec<u8>),
    Done,
}

impl Default for Place {
    fn default() -> Place {
        Place::Records(0, Vec::new())
    }
}

impl Rebuilding {
    /// Whether all is made again.
    pub fn is_done(&self) -> bool {
        self.place == Place::Done
    }
}

impl Store {
    /// Takes a rebuilding a step further, of so many records at the most.
    pub async fn rebuild_step(&self, rebuilding: Rebuilding, records: usize) -> Result<Rebuilding, Fault> {
        self.write("rebuild projections", move |tx| {
            let mut rebuilding = rebuilding.clone();
            Box::pin(async move {
                tx.rebuild(&mut rebuilding, records).await?;
                Ok(rebuilding)
            })
        })
        .await
    }
}

impl WriteTx {
    async fn rebuild(&mut self, rebuilding: &mut Rebuilding, limit: usize) -> Result<(), Fault> {
        rebuilding.place = match std::mem::take(&mut rebuilding.place) {
            Place::Records(kind, id) => {
                let sql = format!(
                    "SELECT {RECORD_COLUMNS} FROM record r JOIN channel c ON c.number = r.channel \
                     WHERE (r.kind, r.id) > ($1, $2) ORDER BY r.kind, r.id LIMIT {limit}"
                );
                let rows = self.conn().rows(sql, vec![kind.into(), id.into()]).await?;
                let records = rows.iter().map(stored_record).collect::<Result<Vec<_>, _>>()?;
                let last = records.last().map(|last| last.key);
                rebuilding.records += records.len() as u64;
                self.make_again(records).await?;
                match last {
                    Some(last) => Place::Records(last.kind.0.into(), last.id.to_bytes().to_vec()),
                    None => Place::Strays(0),
                }
            }
            Place::Strays(table) => match self.strays(table).await? {
                None => Place::Parked(0, Vec::new()),
                Some(strays) if strays.is_empty() => Place::Strays(table + 1),
                Some(strays) => {
                    let keys: Vec<_> = strays.iter().map(|(key, _)| *key).collect();
                    super::remove(self.conn(), &keys).await?;
                    rebuilding.strays += keys.len() as u64;
                    Place::Strays(table)
                }
            },
            Place::Parked(kind, id) => match parked::retry_some(self.conn(), (kind, id)).await? {
                Some((last, count)) => {
                    rebuilding.unparked += count;
                    Place::Parked(last.0, last.1)
                }
                None => Place::Done,
            },
            Place::Done => Place::Done,
        };
        Ok(())
    }

    /// Makes the rows of records again; those of stores that are not kept go.
    pub(crate) async fn make_again(&mut self, records: Vec<Record>) -> Result<(), Fault> {
        let not_kept = self.not_kept().await?;
        let (gone, kept): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| {
            let state = record.channel.store().and_then(|store| not_kept.get(&store));
            matches!(state, Some(NotKept::Gone))
        });
        let gone: Vec<_> = gone.iter().map(|record| record.key).collect();
        super::remove(self.conn(), &gone).await?;
        project_page(self.conn(), &kept).await
    }
}

/// Writes the rows of records, in the caller's transaction.
pub(super) async fn project_page(conn: &TxConn, records: &[Record]) -> Result<(), Fault> {
    let bodies: Vec<_> = records
        .iter()
        .map(|record| RecordBody::of_record(record).ok())
        .collect();
    let changes: Vec<_> = records
        .iter()
        .zip(&bodies)
        .map(|(record, body)| Projected {
            record,
            body: body.as_ref(),
            removed: is_gone(record),
        })
        .collect();
    apply(conn, &changes).await.map(drop)
}
