//! Rebuilding every projection from the records, page by page in key order; and reading a stored record.

use sea_orm::QueryResult;
use supplysync_model::{Epoch, Fault, Kind, Record, RecordHash, RecordId, RecordKey};
use supplysync_record_codec::RecordBody;

use super::{Projected, apply, is_gone, write};
use crate::TxConn;
use crate::fault::{damaged, database};
use crate::raw;

/// Records projected at a time.
const PAGE: usize = 500;

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

/// Empties the typed tables and fills them from the records, in the caller's transaction.
pub(super) async fn rebuild(conn: &TxConn) -> Result<(), Fault> {
    for kind in Kind::KNOWN {
        for (table, _) in write::tables(kind) {
            conn.execute(format!("DELETE FROM {table}"), vec![]).await?;
        }
    }
    conn.execute("DELETE FROM parked", vec![]).await?;
    let sql = format!(
        "SELECT {RECORD_COLUMNS} FROM record r JOIN channel c ON c.number = r.channel \
         WHERE (r.kind, r.id) > ($1, $2) ORDER BY r.kind, r.id LIMIT {PAGE}"
    );
    let mut after = (0i64, Vec::new());
    loop {
        let rows = conn
            .rows(sql.as_str(), vec![after.0.into(), after.1.clone().into()])
            .await?;
        let records = rows.iter().map(stored_record).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = records.last() else {
            return Ok(());
        };
        after = (last.key.kind.0.into(), last.key.id.to_bytes().to_vec());
        project_page(conn, &records).await?;
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
