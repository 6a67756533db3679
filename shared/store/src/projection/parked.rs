//! Parked records: applied but not projectable yet, with what they wait for; retried when that comes, and at start-up.

use std::collections::HashSet;

use supplysync_model::{Fault, Record, RecordKey};
use supplysync_record_codec::RecordBody;

use super::code::{bytes, optional_bytes};
use super::raw::{Rows, Table, by_keys, by_kind, delete_records};
use super::rebuild::{RECORD_COLUMNS, stored_record};
use crate::TxConn;

/// Records taken up again at a time.
const SOME: usize = 500;

const PARKED: Table = Table {
    name: "parked",
    columns: &["kind", "id", "reason", "missing_kind", "missing_id"],
    key: 2,
    lasting: &[],
    keep: 0,
};

/// Why a record is parked.
#[derive(Debug, Clone)]
pub(super) struct Why {
    /// In words.
    pub reason: String,
    /// The record that it waits for; `None` when it waits for an upgrade of this program.
    missing: Option<RecordKey>,
}

impl Why {
    pub(super) fn missing(key: RecordKey) -> Why {
        Why {
            reason: format!("waits for {key}"),
            missing: Some(key),
        }
    }

    pub(super) fn unreadable(record: &Record) -> Why {
        let reason = format!(
            "{} of schema {}: waits for an upgrade",
            record.key.kind, record.schema
        );
        Why {
            reason,
            missing: None,
        }
    }
}

/// Whether anything is parked.
pub(super) async fn any(conn: &TxConn) -> Result<bool, Fault> {
    Ok(conn.row("SELECT 1 FROM parked LIMIT 1", vec![]).await?.is_some())
}

/// Notes records as parked, or that they now wait for something else.
pub(super) async fn park(conn: &TxConn, waiting: &[(RecordKey, Why)]) -> Result<(), Fault> {
    let mut rows = Rows::new(&PARKED);
    for (key, why) in waiting {
        rows.push([
            i64::from(key.kind.0).into(),
            bytes(key.id.to_bytes()),
            why.reason.as_str().into(),
            why.missing.map(|missing| i64::from(missing.kind.0)).into(),
            optional_bytes(why.missing.map(|missing| missing.id.to_bytes())),
        ]);
    }
    rows.upsert(conn).await
}

/// Forgets that records were parked.
pub(super) async fn unpark(conn: &TxConn, keys: &[RecordKey]) -> Result<(), Fault> {
    delete_records(conn, PARKED.name, keys).await
}

/// Takes up what waited for records that have come; what that completes may complete more.
pub(super) async fn retry_waiting_for(conn: &TxConn, come: Vec<RecordKey>) -> Result<(), Fault> {
    let mut come = come;
    while !come.is_empty() {
        let mut projected = Vec::new();
        for (kind, ids) in by_kind(come.iter().copied()) {
            let head = format!(
                "SELECT {RECORD_COLUMNS} FROM parked p JOIN record r ON r.kind = p.kind AND r.id = p.id \
                 JOIN channel c ON c.number = r.channel WHERE p.missing_kind = {} AND p.missing_id IN ",
                kind.0
            );
            for (sql, values) in by_keys(conn.backend(), &head, ids) {
                let sql = format!("{sql} LIMIT {SOME}");
                // A record that is taken up waits for something else afterwards, or for nothing: this ends.
                loop {
                    let rows = conn.rows(sql.as_str(), values.clone()).await?;
                    let records = rows.iter().map(stored_record).collect::<Result<Vec<_>, _>>()?;
                    projected.extend(take_up(conn, &records).await?);
                    if records.len() < SOME {
                        break;
                    }
                }
            }
        }
        come = projected;
    }
    Ok(())
}

/// Takes up everything that is parked: an upgrade may have taught this program what it did not know. Returns how many
/// records are projected now.
pub(super) async fn retry_all(conn: &TxConn) -> Result<u64, Fault> {
    let mut after = (0i64, Vec::new());
    let mut count = 0;
    while let Some((last, taken)) = retry_some(conn, after).await? {
        after = last;
        count += taken;
    }
    Ok(count)
}

/// Takes up some more of what is parked, by key: the last of it, and how many records are projected now; `None` at the end.
pub(super) async fn retry_some(
    conn: &TxConn,
    after: (i64, Vec<u8>),
) -> Result<Option<((i64, Vec<u8>), u64)>, Fault> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS} FROM parked p JOIN record r ON r.kind = p.kind AND r.id = p.id \
         JOIN channel c ON c.number = r.channel WHERE (p.kind, p.id) > ($1, $2) ORDER BY p.kind, p.id LIMIT {SOME}"
    );
    let rows = conn.rows(sql, vec![after.0.into(), after.1.into()]).await?;
    let records = rows.iter().map(stored_record).collect::<Result<Vec<_>, _>>()?;
    let Some(last) = records.last() else {
        return Ok(None);
    };
    let last = (last.key.kind.0.into(), last.key.id.to_bytes().to_vec());
    let count = take_up(conn, &records).await?.len() as u64;
    Ok(Some((last, count)))
}

/// Tries to project parked records; returns the keys of those that are projected now.
async fn take_up(conn: &TxConn, records: &[Record]) -> Result<Vec<RecordKey>, Fault> {
    let mut waiting = Vec::new();
    let mut bodies = Vec::with_capacity(records.len());
    for record in records {
        match RecordBody::of_record(record) {
            Ok(body) => bodies.push((record, body)),
            Err(error) => waiting.push((
                record.key,
                Why {
                    reason: error.to_string(),
                    missing: None,
                },
            )),
        }
    }
    // They are not parked while they are tried: a stock line and its transaction may come up together.
    unpark(conn, &records.iter().map(|record| record.key).collect::<Vec<_>>()).await?;
    let readable: Vec<_> = bodies.iter().map(|(record, body)| (*record, body)).collect();
    waiting.extend(super::project(conn, &readable, true).await?);
    park(conn, &waiting).await?;
    let waiting: HashSet<_> = waiting.iter().map(|(key, _)| *key).collect();
    Ok(records
        .iter()
        .map(|record| record.key)
        .filter(|key| !waiting.contains(key))
        .collect())
}
