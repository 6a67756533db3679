//! The large multi-row statements: one carries hundreds of rows, into the typed tables and the record store's own.
//! Statements about the feed's head are in `crate::raw`.

use std::collections::BTreeMap;

use sea_orm::{DbBackend, Value};
use supplysync_model::{Fault, Kind, RecordKey};

use super::code::bytes;
use crate::TxConn;

/// Rows in one statement. Few sizes, so that each is prepared once and used again; at 17 columns the largest stays
/// far below SQLite's 32,766 parameters.
const SIZES: [usize; 4] = [500, 50, 5, 1];

/// A table as it is written: its columns, the key first.
pub(crate) struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns; the first `key` of them are the primary key.
    pub columns: &'static [&'static str],
    /// How many columns make the key.
    pub key: usize,
    /// Columns that a row that is there keeps, whatever the new value: their indexes stay untouched.
    pub lasting: &'static [&'static str],
    /// The last so many columns keep what they hold when the new value is null.
    pub keep: usize,
}

/// Rows of one table on their way into it, column by column in the table's order.
pub(crate) struct Rows {
    table: &'static Table,
    values: Vec<Value>,
}

impl Rows {
    pub(crate) fn new(table: &'static Table) -> Rows {
        Rows {
            table,
            values: Vec::new(),
        }
    }

    /// Adds a row; as many values as the table has columns.
    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.table.columns.len(), "{}", self.table.name);
        self.values.extend(row);
    }

    /// Inserts the rows; one that is there already is overwritten.
    pub(crate) async fn upsert(self, conn: &TxConn) -> Result<(), Fault> {
        let width = self.table.columns.len();
        let mut left = self.values.len() / width;
        let mut values = self.values.into_iter();
        while left > 0 {
            let size = SIZES.into_iter().find(|size| *size <= left).unwrap_or(1);
            let some = values.by_ref().take(size * width).collect();
            conn.execute(self.table.upsert_sql(conn.backend(), size), some)
                .await?;
            left -= size;
        }
        Ok(())
    }
}

impl Table {
    fn upsert_sql(&self, backend: DbBackend, rows: usize) -> String {
        let mut sql = format!("INSERT INTO {} ({}) VALUES ", self.name, self.columns.join(", "));
        push_groups(&mut sql, backend, rows, self.columns.len());
        let (key, _) = self.columns.split_at(self.key);
        sql.push_str(&format!(" ON CONFLICT ({}) DO ", key.join(", ")));
        let kept_from = self.columns.len() - self.keep;
        let rest = self.columns.iter().enumerate().skip(self.key);
        let set: Vec<_> = rest
            .filter(|(_, column)| !self.lasting.contains(column))
            .map(|(at, column)| {
                if at < kept_from {
                    format!("{column} = excluded.{column}")
                } else {
                    format!("{column} = COALESCE(excluded.{column}, {}.{column})", self.name)
                }
            })
            .collect();
        if set.is_empty() {
            sql.push_str("NOTHING");
        } else {
            sql.push_str(&format!("UPDATE SET {}", set.join(", ")));
        }
        sql
    }
}

/// Deletes rows by one column, set-based.
pub(super) async fn delete(conn: &TxConn, table: &str, column: &str, keys: Vec<Value>) -> Result<(), Fault> {
    for (sql, values) in by_keys(
        conn.backend(),
        &format!("DELETE FROM {table} WHERE {column} IN "),
        keys,
    ) {
        conn.execute(sql, values).await?;
    }
    Ok(())
}

/// Deletes rows of a table whose key is that of a record, set-based.
pub(crate) async fn delete_records(conn: &TxConn, table: &str, keys: &[RecordKey]) -> Result<(), Fault> {
    for (kind, ids) in by_kind(keys.iter().copied()) {
        let head = format!("DELETE FROM {table} WHERE kind = {} AND id IN ", kind.0);
        for (sql, values) in by_keys(conn.backend(), &head, ids) {
            conn.execute(sql, values).await?;
        }
    }
    Ok(())
}

/// The ids of records by their kind.
pub(crate) fn by_kind(keys: impl IntoIterator<Item = RecordKey>) -> BTreeMap<Kind, Vec<Value>> {
    let mut kinds: BTreeMap<Kind, Vec<Value>> = BTreeMap::new();
    for key in keys {
        kinds.entry(key.kind).or_default().push(bytes(key.id.to_bytes()));
    }
    kinds
}

/// `head` followed by a list of keys, in as few statements as the sizes allow.
pub(crate) fn by_keys(backend: DbBackend, head: &str, keys: Vec<Value>) -> Vec<(String, Vec<Value>)> {
    let mut statements = Vec::new();
    let mut left = keys.len();
    let mut keys = keys.into_iter();
    while left > 0 {
        let size = SIZES.into_iter().find(|size| *size <= left).unwrap_or(1);
        let mut sql = head.to_owned();
        push_groups(&mut sql, backend, 1, size);
        statements.push((sql, keys.by_ref().take(size).collect()));
        left -= size;
    }
    statements
}

/// `(?, ?), (?, ?)`. SQLite looks numbered parameters up one by one, which is slow by the thousand: it gets plain ones.
fn push_groups(sql: &mut String, backend: DbBackend, groups: usize, width: usize) {
    let mut number = 0;
    for group in 0..groups {
        sql.push_str(if group == 0 { "(" } else { ", (" });
        for column in 0..width {
            number += 1;
            if column > 0 {
                sql.push_str(", ");
            }
            match backend {
                DbBackend::Postgres => sql.push_str(&format!("${number}")),
                _ => sql.push('?'),
            }
        }
        sql.push(')');
    }
}
