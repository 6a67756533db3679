//! Projections: typed tables written in the transaction that writes the records, and rebuilt from them at any time.
//! What is asked of these tables is in `query`.

pub(crate) mod code;
pub(crate) mod entity;
mod master_rows;
mod not_kept;
mod parked;
pub(crate) mod raw;
mod rebuild;
mod reference;
mod schema;
mod stock_rows;
mod write;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use sea_orm::Value;
use supplysync_model::{Fault, Kind, Record, RecordKey};
use supplysync_record_codec::RecordBody;

use crate::{TxConn, WriteTx};
use parked::{Why, park, retry_waiting_for, unpark};

pub use not_kept::NotKept;
pub(crate) use not_kept::{NOT_KEPT, NOT_KEPT_IN_STEPS};
pub use rebuild::Rebuilding;
pub(crate) use rebuild::{RECORD_COLUMNS, stored_record};
pub(crate) use schema::{REVOKED_OPERATORS, SCHEMA};

/// A record just written, for its projection.
#[derive(Debug, Clone, Copy)]
pub struct Projected<'a> {
    /// The record as stored.
    pub record: &'a Record,
    /// Its body, decoded before the transaction; `None` for an unknown kind or schema, and for a removal.
    pub body: Option<&'a RecordBody>,
    /// Whether its row goes: see [`is_gone`].
    pub removed: bool,
}

/// Whether a record has no row any more: a tombstone of store data, whatever it carries, or one without a body.
/// Retired master data keeps its body, and its row.
pub(crate) fn is_gone(record: &Record) -> bool {
    record.deleted && (record.body.is_empty() || record.channel.store().is_some())
}

/// Whether records of this kind have rows at all.
pub(crate) fn is_projected(kind: Kind) -> bool {
    !write::tables(kind).is_empty()
}

/// A record that is applied but can't be projected yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which record.
    pub key: RecordKey,
    /// What it waits for, in words.
    pub reason: String,
}

/// Projects a whole batch, set-based, after its records are written; keeps the `parked` table and returns what it
/// parked now. A record that can't be read yet leaves the row of its last readable version in place.
pub async fn apply(conn: &TxConn, changes: &[Projected<'_>]) -> Result<Vec<Parked>, Fault> {
    let changes = not_kept::leave_out(conn, last_of_each(changes)).await?;
    let had_parked = parked::any(conn).await?;
    let mut removed = Vec::new();
    let mut opaque = Vec::new();
    let mut readable = Vec::with_capacity(changes.len());
    for change in changes {
        match change.body {
            _ if change.removed => removed.push(change.record.key),
            Some(body) => readable.push((change.record, body)),
            None => opaque.push((change.record.key, Why::unreadable(change.record))),
        }
    }
    if !removed.is_empty() {
        write::remove(conn, &removed).await?;
    }
    // Before the others are projected: what refers to it waits with it.
    park(conn, &opaque).await?;
    let late = project(conn, &readable, had_parked || !opaque.is_empty()).await?;
    park(conn, &late).await?;
    let waiting = [opaque, late].concat();
    if had_parked {
        let waiting: HashSet<_> = waiting.iter().map(|(key, _)| *key).collect();
        let projected = readable
            .iter()
            .map(|(record, _)| record.key)
            .filter(|key| !waiting.contains(key));
        let settled: Vec<_> = projected.chain(removed).collect();
        unpark(conn, &settled).await?;
        retry_waiting_for(conn, settled).await?;
    }
    Ok(waiting
        .into_iter()
        .map(|(key, why)| Parked {
            key,
            reason: why.reason,
        })
        .collect())
}

/// Removes the projections of records that vanished, and what is noted of them.
pub async fn remove(conn: &TxConn, keys: &[RecordKey]) -> Result<(), Fault> {
    write::remove(conn, keys).await?;
    unpark(conn, keys).await
}

impl WriteTx {
    /// Takes up everything that is parked, as at each start: a newer program may know what an older did not. Returns
    /// how many records are projected now.
    pub async fn retry_parked(&mut self) -> Result<u64, Fault> {
        parked::retry_all(self.conn()).await
    }
}

/// Writes the rows of readable records, kind by kind; returns those that miss something they refer to.
async fn project(
    conn: &TxConn,
    readable: &[(&Record, &RecordBody)],
    any_parked: bool,
) -> Result<Vec<(RecordKey, Why)>, Fault> {
    let (stock, other): (Vec<_>, Vec<_>) = readable
        .iter()
        .copied()
        .partition(|(_, body)| matches!(body, RecordBody::StockLine(_)));
    let (history, master): (Vec<_>, Vec<_>) = other
        .into_iter()
        .partition(|(_, body)| matches!(body, RecordBody::Transaction(_)));
    write::master(conn, &master).await?;
    if stock.is_empty() && history.is_empty() {
        return Ok(Vec::new());
    }
    let (lines, mut waiting) = reference::complete(conn, stock, &[], any_parked).await?;
    write::stock_lines(conn, &lines).await?;
    let (transactions, late) = reference::complete(conn, history, &waiting, any_parked).await?;
    write::transactions(conn, &transactions).await?;
    waiting.extend(late);
    Ok(waiting)
}

/// A statement may not write one row twice: only the last change of a record counts.
fn last_of_each<'a>(changes: &[Projected<'a>]) -> Vec<Projected<'a>> {
    let mut place = HashMap::with_capacity(changes.len());
    let mut last: Vec<Projected<'a>> = Vec::with_capacity(changes.len());
    for change in changes {
        match place.entry(change.record.key) {
            Entry::Occupied(at) => last[*at.get()] = *change,
            Entry::Vacant(free) => {
                free.insert(last.len());
                last.push(*change);
            }
        }
    }
    last
}

fn etag_values(record: &Record) -> [Value; 2] {
    [
        (record.epoch.packed() as i64).into(),
        (record.revision as i64).into(),
    ]
}
