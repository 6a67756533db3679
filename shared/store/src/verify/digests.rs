//! A channel's digest and totals, added up again from its records in pages. What moves meanwhile is seen by the channel's
//! last seq and totals: then it is added up once more, at last in one snapshot.

use std::collections::BTreeMap;

use supplysync_model::{Channel, Digest, Fault, RecordHash};
use supplysync_sync_core::{BUCKETS, bucket_of};

use super::finding::{Finding, Flaw};
use crate::Queries;
use crate::digest::buckets;
use crate::fault::damaged;
use crate::held::record_id;
use crate::query::column;

/// Records hashed at a time.
const PAGE: usize = 5_000;
/// How often a channel that moves is added up in pages before it is in one snapshot.
const TRIES: u32 = 3;

/// What tells whether anything in a channel changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    records: i64,
    bytes: i64,
    last_seq: i64,
}

/// A channel's buckets and totals as its records say, and when that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    pub buckets: Vec<Digest>,
    pub records: i64,
    pub bytes: i64,
    pub mark: Mark,
}

impl Counted {
    /// The channel's total: its buckets folded.
    pub(crate) fn total(&self) -> Digest {
        let mut total = Digest::default();
        self.buckets.iter().for_each(|bucket| total.fold(*bucket));
        total
    }
}

/// Adding up one channel.
#[derive(Debug)]
pub(crate) struct Scan {
    channel: Channel,
    number: i32,
    tries: u32,
    mark: Option<Mark>,
    after: i64,
    buckets: Vec<Digest>,
    live: u64,
    records: i64,
    bytes: i64,
}

impl Scan {
    pub(crate) fn new(channel: Channel, number: i32) -> Scan {
        Scan {
            channel,
            number,
            tries: 0,
            mark: None,
            after: 0,
            buckets: vec![Digest::default(); usize::from(BUCKETS)],
            live: 0,
            records: 0,
            bytes: 0,
        }
    }

    pub(super) fn live(&self) -> u64 {
        self.live
    }

    /// Adds some more records; whether that were all, and nothing moved meanwhile.
    pub(super) async fn step(&mut self, tx: &Queries) -> Result<bool, Fault> {
        let now = tx.mark_of(self.number).await?;
        let begun = *self.mark.get_or_insert(now);
        if begun != now {
            *self = Scan {
                tries: self.tries + 1,
                mark: Some(now),
                ..Scan::new(self.channel, self.number)
            };
        }
        loop {
            let full = self.page(tx).await?;
            if !full || self.tries < TRIES {
                return Ok(!full);
            }
        }
    }

    /// All of it at once, in the caller's transaction.
    pub(crate) async fn at_once(tx: &Queries, channel: Channel, number: i32) -> Result<Counted, Fault> {
        let mut scan = Scan::new(channel, number);
        let mark = tx.mark_of(number).await?;
        while scan.page(tx).await? {}
        Ok(scan.counted(mark))
    }

    /// Whether there may be more.
    async fn page(&mut self, tx: &Queries) -> Result<bool, Fault> {
        let sql = format!(
            "SELECT seq, id, hash, deleted, LENGTH(body) FROM record WHERE channel = $1 AND seq > $2 \
             ORDER BY seq LIMIT {PAGE}"
        );
        let values = vec![self.number.into(), self.after.into()];
        let rows = tx.conn().rows(sql, values).await?;
        for row in &rows {
            self.after = column(row, 0)?;
            self.records += 1;
            self.bytes += i64::from(column::<i32>(row, 4)?);
            if column::<bool>(row, 3)? {
                continue;
            }
            let hash: Vec<u8> = column(row, 2)?;
            let hash = hash
                .try_into()
                .map(RecordHash)
                .map_err(|_| damaged("a hash that is not 16 bytes long"))?;
            self.buckets[usize::from(bucket_of(record_id(column(row, 1)?)?))].add(hash);
            self.live += 1;
        }
        Ok(rows.len() == PAGE)
    }

    fn counted(self, mark: Mark) -> Counted {
        Counted {
            buckets: self.buckets,
            records: self.records,
            bytes: self.bytes,
            mark,
        }
    }

    /// What is added up against what is kept, in the snapshot of the last step.
    pub(super) async fn verdict(self, tx: &Queries) -> Result<Option<Finding>, Fault> {
        let Some(mark) = self.mark else {
            return Ok(None);
        };
        let kept = buckets(tx.conn(), self.number).await?;
        let wrong = differing(&kept, &self.buckets);
        let totals = (mark.records, mark.bytes) != (self.records, self.bytes);
        if wrong == 0 && !totals {
            return Ok(None);
        }
        let words = match wrong {
            0 => format!(
                "{} records are here, and {} were counted when they were written",
                self.records, mark.records
            ),
            _ => format!("the digest kept is not that of the records, in {wrong} of {BUCKETS} buckets"),
        };
        let mut finding = Finding::new(Flaw::Books, Some(self.channel), None, words);
        finding.counted = Some(self.counted(mark));
        Ok(Some(finding))
    }
}

fn differing(kept: &BTreeMap<i32, Digest>, counted: &[Digest]) -> usize {
    let differs =
        |(bucket, counted): &(i32, &Digest)| kept.get(bucket).copied().unwrap_or_default() != **counted;
    (0i32..).zip(counted).filter(differs).count()
}

impl Queries {
    pub(crate) async fn mark_of(&self, number: i32) -> Result<Mark, Fault> {
        let sql = "SELECT c.records, c.bytes, COALESCE((SELECT MAX(r.seq) FROM record r WHERE r.channel = c.number), 0) \
                   FROM channel c WHERE c.number = $1";
        let row = self.conn().row(sql, vec![number.into()]).await?;
        let row = row.ok_or_else(|| damaged("a channel that is gone"))?;
        Ok(Mark {
            records: column(&row, 0)?,
            bytes: column(&row, 1)?,
            last_seq: column(&row, 2)?,
        })
    }
}
