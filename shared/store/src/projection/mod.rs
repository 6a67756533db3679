//! Projections: typed tables written in the transaction that writes the records.

use supplysync_model::{Fault, Record, RecordKey};
use supplysync_record_codec::RecordBody;

use crate::TxConn;

/// The typed tables; `BLOB` becomes `BYTEA` on PostgreSQL.
pub(crate) const SCHEMA: &[&str] = &[];

/// A record just written, for its projection.
#[derive(Debug, Clone, Copy)]
pub struct Projected<'a> {
    /// The record as stored.
    pub record: &'a Record,
    /// Its body, decoded before the transaction; `None` for an unknown kind or schema, and for a removal.
    pub body: Option<&'a RecordBody>,
    /// Whether it is a tombstone without a body: its row goes.
    pub removed: bool,
}

/// A record that is applied but can't be projected yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Which record.
    pub key: RecordKey,
    /// What it waits for, in words.
    pub reason: String,
}

/// Projects a whole batch, set-based; keeps the `parked` table itself and returns what it parked now.
pub async fn apply(conn: &TxConn, changes: &[Projected<'_>]) -> Result<Vec<Parked>, Fault> {
    let _ = (conn, changes);
    Ok(Vec::new())
}

/// Removes the projections of records that vanished.
pub async fn remove(conn: &TxConn, keys: &[RecordKey]) -> Result<(), Fault> {
    let _ = (conn, keys);
    Ok(())
}
