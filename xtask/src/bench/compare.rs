//! Whether both sides hold the same data, and the data that the workload says. The chain's random salt differs by
//! design, so its column is left out.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use supplysync_model::Digest;
use supplysync_tests::Outcome;

use super::master::STOCK_LINE;
use super::workload::{CHANNEL, Workload};

/// Tables with the columns that must be equal.
const TABLES: &[(&str, &str)] = &[
    (
        "record",
        "kind, id, channel, seq, origin_site, epoch, revision, schema, deleted, hash, body",
    ),
    ("stock_line", "*"),
    ("channel", "*"),
    ("channel_digest", "channel, bucket, count, sum"),
    ("feed_head", "seq"),
    ("feed_chain", "seq"),
    ("cursor", "*"),
    ("peer", "*"),
    ("parked", "*"),
];

/// Compares the two files with each other and with the workload.
pub fn compare(store: &Path, yardstick: &Path, workload: &Workload) -> Outcome<()> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute("ATTACH ?1 AS yardstick", [yardstick.to_string_lossy()])?;
    for (table, columns) in TABLES {
        for (one, other) in [("main", "yardstick"), ("yardstick", "main")] {
            let sql = format!(
                "SELECT COUNT(*) FROM (SELECT {columns} FROM {one}.{table} EXCEPT SELECT {columns} FROM {other}.{table})"
            );
            let more: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
            if more != 0 {
                return Err(format!("{more} rows of {table} are in {one} only").into());
            }
        }
    }
    let expected = i64::try_from(workload.expected().count())?;
    for rows in [
        format!("record WHERE kind = {STOCK_LINE}"),
        "stock_line".to_owned(),
    ] {
        let count: i64 =
            connection.query_row(&format!("SELECT COUNT(*) FROM {rows}"), [], |row| row.get(0))?;
        if count != expected {
            return Err(format!("{count} rows of {rows}, {expected} were sent").into());
        }
    }
    compare_records(&connection, workload)?;
    compare_digest(&connection, workload.digest())
}

fn compare_records(connection: &Connection, workload: &Workload) -> Outcome<()> {
    let mut statement = connection.prepare("SELECT hash, body FROM record WHERE kind = ?1 ORDER BY id")?;
    let mut rows = statement.query([STOCK_LINE])?;
    for record in workload.expected() {
        let row = rows
            .next()?
            .ok_or_else(|| format!("{} is not there", record.key))?;
        if row.get::<_, [u8; 16]>(0)? != record.hash.0 || row.get::<_, Vec<u8>>(1)? != record.body {
            return Err(format!("{} is not the version that was sent last", record.key).into());
        }
    }
    Ok(())
}

fn compare_digest(connection: &Connection, expected: Digest) -> Outcome<()> {
    let mut statement = connection.prepare(
        "SELECT d.count, d.sum FROM channel_digest d JOIN channel c ON c.number = d.channel WHERE c.name = ?1",
    )?;
    let mut rows = statement.query([CHANNEL.to_string()])?;
    let mut total = Digest::default();
    while let Some(row) = rows.next()? {
        let count = row.get::<_, i64>(0)?.cast_unsigned();
        let sum = u128::from_be_bytes(row.get::<_, [u8; 16]>(1)?);
        total.fold(Digest { count, sum });
    }
    if total == expected {
        Ok(())
    } else {
        Err(format!("the digest is {total:?}, not {expected:?}").into())
    }
}
