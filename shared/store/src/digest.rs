//! Digests as they are kept: per channel and bucket, changed in the transaction that changes the records.

use std::collections::BTreeMap;

use supplysync_model::{Digest, Fault, RecordHash, RecordId};
use supplysync_sync_core::bucket_of;

use crate::fault::{damaged, database};
use crate::projection::raw::{Rows, Table};
use crate::verify::Counted;
use crate::{Queries, TxConn};

const CHANNEL_DIGEST: Table = Table {
    name: "channel_digest",
    columns: &["channel", "bucket", "count", "sum"],
    key: 2,
    lasting: &[],
    keep: 0,
};

/// What one transaction adds to and takes from the digests and totals of channels.
#[derive(Debug, Default)]
pub(crate) struct Deltas(BTreeMap<i32, Delta>);

#[derive(Debug, Default)]
struct Delta {
    buckets: BTreeMap<u8, Digest>,
    records: i64,
    bytes: i64,
}

impl Deltas {
    /// A record that is there from now on: with what it adds to the channel's totals.
    pub(crate) fn gained(&mut self, channel: i32, bytes: usize) {
        let delta = self.0.entry(channel).or_default();
        delta.records += 1;
        delta.bytes += bytes as i64;
    }

    /// A record that is there no longer, or in this version no longer.
    pub(crate) fn lost(&mut self, channel: i32, bytes: usize) {
        let delta = self.0.entry(channel).or_default();
        delta.records -= 1;
        delta.bytes -= bytes as i64;
    }

    /// A live version comes in.
    pub(crate) fn add(&mut self, channel: i32, id: RecordId, hash: RecordHash) {
        self.bucket(channel, id).add(hash);
    }

    /// A live version goes.
    pub(crate) fn remove(&mut self, channel: i32, id: RecordId, hash: RecordHash) {
        self.bucket(channel, id).remove(hash);
    }

    fn bucket(&mut self, channel: i32, id: RecordId) -> &mut Digest {
        let buckets = &mut self.0.entry(channel).or_default().buckets;
        buckets.entry(bucket_of(id)).or_default()
    }

    /// Writes them; one read and one write a channel.
    pub(crate) async fn store(self, conn: &TxConn) -> Result<(), Fault> {
        let mut rows = Rows::new(&CHANNEL_DIGEST);
        for (channel, delta) in self.0 {
            let sql = "UPDATE channel SET records = records + $1, bytes = bytes + $2 WHERE number = $3";
            conn.execute(
                sql,
                vec![delta.records.into(), delta.bytes.into(), channel.into()],
            )
            .await?;
            let kept = buckets(conn, channel).await?;
            for (bucket, mut change) in delta.buckets {
                change.fold(kept.get(&i32::from(bucket)).copied().unwrap_or_default());
                rows.push([
                    channel.into(),
                    i32::from(bucket).into(),
                    (change.count as i64).into(),
                    change.sum.to_be_bytes().to_vec().into(),
                ]);
            }
        }
        rows.upsert(conn).await
    }
}

/// Replaces what is kept of a channel by what its records say.
pub(crate) async fn replace(conn: &TxConn, channel: i32, counted: &Counted) -> Result<(), Fault> {
    let sql = "UPDATE channel SET records = $1, bytes = $2 WHERE number = $3";
    conn.execute(
        sql,
        vec![counted.records.into(), counted.bytes.into(), channel.into()],
    )
    .await?;
    let mut rows = Rows::new(&CHANNEL_DIGEST);
    for (bucket, digest) in (0i32..).zip(&counted.buckets) {
        rows.push([
            channel.into(),
            bucket.into(),
            (digest.count as i64).into(),
            digest.sum.to_be_bytes().to_vec().into(),
        ]);
    }
    rows.upsert(conn).await
}

impl Queries {
    /// The total of a channel: its buckets folded.
    pub(crate) async fn channel_digest(&self, number: i32) -> Result<Digest, Fault> {
        let mut total = Digest::default();
        for bucket in buckets(self.conn(), number).await?.into_values() {
            total.fold(bucket);
        }
        Ok(total)
    }
}

/// The buckets of a channel as they are kept; empty ones may be missing.
pub(crate) async fn buckets(conn: &TxConn, number: i32) -> Result<BTreeMap<i32, Digest>, Fault> {
    let sql = "SELECT bucket, count, sum FROM channel_digest WHERE channel = $1";
    let rows = conn.rows(sql, vec![number.into()]).await?;
    rows.iter()
        .map(|row| {
            let sum: Vec<u8> = row.try_get_by_index(2).map_err(database)?;
            let count: i64 = row.try_get_by_index(1).map_err(database)?;
            Ok((row.try_get_by_index(0).map_err(database)?, digest(count, sum)?))
        })
        .collect()
}

/// A digest as it is stored: the sum big-endian.
pub(crate) fn digest(count: i64, sum: Vec<u8>) -> Result<Digest, Fault> {
    let sum = sum
        .try_into()
        .map_err(|_| damaged("a digest that is not 16 bytes long"))?;
    Ok(Digest {
        count: count as u64,
        sum: u128::from_be_bytes(sum),
    })
}
