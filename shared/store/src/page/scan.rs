//! Scanning one channel, by seq or by key: first only lengths, which say where the page ends, then the bodies of just
//! those records, so that big bodies beyond the page are never fetched.

use sea_orm::{QueryResult, Value};
use supplysync_model::{Fault, Kind, Record, RecordKey, Seq};
use supplysync_sync_core::Direction;

use crate::Queries;
use crate::fault::database;
use crate::held::record_id;
use crate::projection::{RECORD_COLUMNS, stored_record};

use super::Source;
use crate::later_life::Upward;

/// What may still go into the page.
#[derive(Debug)]
pub(super) struct Room {
    records: usize,
    bytes: usize,
    empty: bool,
}

impl Room {
    pub(super) fn new(max_records: usize, max_bytes: usize) -> Room {
        Room {
            records: max_records.max(1),
            bytes: max_bytes,
            empty: true,
        }
    }

    /// Takes a record in, if it fits; one alone may be larger than the page.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.records > 0 && (bytes <= self.bytes || self.empty);
        if fits {
            self.records -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
            self.empty = false;
        }
        fits
    }
}

/// A run of records, and whether there is more behind it.
#[derive(Debug, Default)]
pub(super) struct Slice {
    pub records: Vec<Record>,
    /// The last record's seq (following) and key (loading).
    pub last_seq: Seq,
    pub last_key: Option<RecordKey>,
    pub rest: bool,
}

impl Queries {
    /// Records after `seq`, in seq order. What is pushed is this site's own, unless the primary may have lost more.
    pub(super) async fn following(&self, source: Source, seq: Seq, room: &mut Room) -> Result<Slice, Fault> {
        let Some(number) = source.number.filter(|_| seq < self.head.seq) else {
            return Ok(Slice::default());
        };
        let mut bounds = "r.channel = $1 AND r.seq > $2".to_owned();
        let mut values = vec![number.into(), (seq as i64).into()];
        if source.direction == Direction::Push {
            // What came back from the primary keeps the number that it was written with.
            let own = "r.origin_site = $3 AND r.revision = r.seq";
            match source.upward {
                Upward::Whole => {}
                Upward::Own => {
                    bounds.push_str(&format!(" AND {own}"));
                    values.push(i32::from(self.sync_id().get()).into());
                }
                Upward::Back { through, taken } => {
                    let refused = "EXISTS (SELECT 1 FROM refused_work w WHERE w.kind = r.kind AND w.id = r.id AND w.seq = r.seq)";
                    bounds.push_str(&format!(
                        " AND r.seq <= $4 AND (NOT ({own}) OR r.seq <= $5 AND NOT {refused})"
                    ));
                    let here = i32::from(self.sync_id().get());
                    values.extend([here.into(), (through as i64).into(), (taken as i64).into()]);
                }
            }
        }
        let (last, rest) = self.fitting(&bounds, "r.seq", &values, room).await?;
        let Some(last) = last else {
            return Ok(Slice {
                rest,
                ..Slice::default()
            });
        };
        let last_seq: i64 = last.try_get_by_index(0).map_err(database)?;
        values.push(last_seq.into());
        let bounds = format!("{bounds} AND r.seq <= ${}", values.len());
        let records = self.records(&bounds, "r.seq", values).await?;
        Ok(Slice {
            records,
            last_seq: last_seq as Seq,
            last_key: None,
            rest,
        })
    }

    /// Records after a key, in key order.
    pub(super) async fn loading(
        &self,
        source: Source,
        after: Option<RecordKey>,
        room: &mut Room,
    ) -> Result<Slice, Fault> {
        let Some(number) = source.number else {
            return Ok(Slice::default());
        };
        let mut bounds = "r.channel = $1".to_owned();
        let mut values = vec![number.into()];
        if let Some(after) = after {
            bounds.push_str(" AND (r.kind, r.id) > ($2, $3)");
            values.extend(key_values(after));
        }
        let (last, rest) = self.fitting(&bounds, "r.kind, r.id", &values, room).await?;
        let Some(last) = last else {
            return Ok(Slice {
                rest,
                ..Slice::default()
            });
        };
        let last_key = RecordKey {
            kind: Kind(last.try_get_by_index::<i32>(0).map_err(database)? as u16),
            id: record_id(last.try_get_by_index(1).map_err(database)?)?,
        };
        let at = values.len() + 1;
        values.extend(key_values(last_key));
        let bounds = format!("{bounds} AND (r.kind, r.id) <= (${at}, ${})", at + 1);
        let records = self.records(&bounds, "r.kind, r.id", values).await?;
        Ok(Slice {
            records,
            last_seq: 0,
            last_key: Some(last_key),
            rest,
        })
    }

    /// Whether anything in the channel is beyond a seq.
    pub(super) async fn moved_since(&self, source: Source, seq: Seq) -> Result<bool, Fault> {
        let Some(number) = source.number.filter(|_| seq < self.head.seq) else {
            return Ok(false);
        };
        let sql = "SELECT 1 FROM record WHERE channel = $1 AND seq > $2 LIMIT 1";
        let values = vec![number.into(), (seq as i64).into()];
        Ok(self.conn().row(sql, values).await?.is_some())
    }

    /// How far the page reaches: the columns of `order` of the last record that fits, and whether there are more.
    async fn fitting(
        &self,
        bounds: &str,
        order: &str,
        values: &[Value],
        room: &mut Room,
    ) -> Result<(Option<QueryResult>, bool), Fault> {
        let sql = format!(
            "SELECT {order}, LENGTH(r.body) FROM record r WHERE {bounds} ORDER BY {order} LIMIT {}",
            room.records + 1
        );
        let length = order.split(',').count();
        let mut last = None;
        for row in self.conn().rows(sql, values.to_vec()).await? {
            let bytes: i32 = row.try_get_by_index(length).map_err(database)?;
            if !room.take(bytes as usize) {
                return Ok((last, true));
            }
            last = Some(row);
        }
        Ok((last, false))
    }

    async fn records(&self, bounds: &str, order: &str, values: Vec<Value>) -> Result<Vec<Record>, Fault> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM record r JOIN channel c ON c.number = r.channel \
             WHERE {bounds} ORDER BY {order}"
        );
        self.conn()
            .rows(sql, values)
            .await?
            .iter()
            .map(stored_record)
            .collect()
    }
}

fn key_values(key: RecordKey) -> [Value; 2] {
    [i32::from(key.kind.0).into(), key.id.to_bytes().to_vec().into()]
}
