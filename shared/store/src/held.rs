//! What is held of records that are about to change: read once, it serves the verdicts, exactly-once and the digests.

use std::collections::HashMap;

use sea_orm::QueryResult;
use supplysync_model::{Epoch, Fault, Kind, Record, RecordHash, RecordId, RecordKey, Seq, SyncId};

use crate::fault::{damaged, database};
use crate::projection::raw::{by_keys, by_kind};
use crate::projection::{RECORD_COLUMNS, stored_record};
use crate::{TxConn, raw};

/// The columns that [`held`] reads, of `record`.
const COLUMNS: &str =
    "kind, id, channel, seq, origin_site, epoch, revision, schema, deleted, hash, LENGTH(body)";

/// A record as it is held, without its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// The number of its channel.
    pub channel: i32,
    /// Its place in this site's feed.
    pub seq: Seq,
    pub origin_site: SyncId,
    pub epoch: Epoch,
    pub revision: Seq,
    pub schema: u32,
    pub deleted: bool,
    pub hash: RecordHash,
    /// The length of its body.
    pub bytes: usize,
}

/// Those of the records that are held.
pub(crate) async fn by_key(
    conn: &TxConn,
    keys: impl IntoIterator<Item = RecordKey>,
) -> Result<HashMap<RecordKey, Held>, Fault> {
    let mut found = HashMap::new();
    for (kind, ids) in by_kind(keys) {
        let head = format!("SELECT {COLUMNS} FROM record WHERE kind = {} AND id IN ", kind.0);
        for (sql, values) in by_keys(conn.backend(), &head, ids) {
            for row in conn.rows(sql, values).await? {
                let (key, held) = held(&row)?;
                found.insert(key, held);
            }
        }
    }
    Ok(found)
}

/// Those of the records that are held, with their bodies.
pub(crate) async fn whole(
    conn: &TxConn,
    keys: impl IntoIterator<Item = RecordKey>,
) -> Result<Vec<Record>, Fault> {
    let mut found = Vec::new();
    for (kind, ids) in by_kind(keys) {
        let head = format!(
            "SELECT {RECORD_COLUMNS} FROM record r JOIN channel c ON c.number = r.channel WHERE r.kind = {} AND r.id IN ",
            kind.0
        );
        for (sql, values) in by_keys(conn.backend(), &head, ids) {
            for row in conn.rows(sql, values).await? {
                found.push(stored_record(&row)?);
            }
        }
    }
    Ok(found)
}

/// The records of a channel in a range of keys, exclusive below and inclusive above: at most `limit`, in key order.
pub(crate) async fn in_range(
    conn: &TxConn,
    channel: i32,
    after: Option<RecordKey>,
    through: Option<RecordKey>,
    limit: usize,
) -> Result<Vec<(RecordKey, Held)>, Fault> {
    let mut sql = format!("SELECT {COLUMNS} FROM record WHERE channel = $1");
    let mut values = vec![channel.into()];
    for (bound, key) in [(">", after), ("<=", through)] {
        if let Some(key) = key {
            let at = values.len() + 1;
            sql.push_str(&format!(" AND (kind, id) {bound} (${at}, ${})", at + 1));
            values.push(i32::from(key.kind.0).into());
            values.push(key.id.to_bytes().to_vec().into());
        }
    }
    sql.push_str(&format!(" ORDER BY kind, id LIMIT {limit}"));
    conn.rows(sql, values).await?.iter().map(held).collect()
}

fn held(row: &QueryResult) -> Result<(RecordKey, Held), Fault> {
    let key = RecordKey {
        kind: Kind(row.try_get_by_index::<i32>(0).map_err(database)? as u16),
        id: record_id(row.try_get_by_index(1).map_err(database)?)?,
    };
    let hash: Vec<u8> = row.try_get_by_index(9).map_err(database)?;
    let hash = hash
        .try_into()
        .map_err(|_| damaged("a record hash that is not 16 bytes long"))?;
    let held = Held {
        channel: row.try_get_by_index(2).map_err(database)?,
        seq: row.try_get_by_index::<i64>(3).map_err(database)? as Seq,
        origin_site: raw::site(row.try_get_by_index(4).map_err(database)?)?,
        epoch: Epoch::from_packed(row.try_get_by_index::<i64>(5).map_err(database)? as u64),
        revision: row.try_get_by_index::<i64>(6).map_err(database)? as Seq,
        schema: row.try_get_by_index::<i32>(7).map_err(database)? as u32,
        deleted: row.try_get_by_index(8).map_err(database)?,
        hash: RecordHash(hash),
        bytes: row.try_get_by_index::<i32>(10).map_err(database)? as usize,
    };
    Ok((key, held))
}

pub(crate) fn record_id(bytes: Vec<u8>) -> Result<RecordId, Fault> {
    let id = bytes.try_into().map(RecordId::from_bytes);
    id.map_err(|_| damaged("a record id that is not 16 bytes long"))
}
