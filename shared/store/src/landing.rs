//! The one place where rows of `record` are written and removed: with seqs, digests, channel totals and projections.
//! Whether a record may be written is judged before (`own` for owners, `apply` for receivers).

use std::collections::HashMap;

use sea_orm::Value;
use supplysync_model::{Fault, Record, RecordKey, Seq};
use supplysync_record_codec::RecordBody;

use crate::WriteTx;
use crate::digest::Deltas;
use crate::held::Held;
use crate::projection::raw::{Rows, Table, delete_records};
use crate::projection::{self, Projected};

pub(crate) const RECORD: Table = Table {
    name: "record",
    columns: &[
        "kind",
        "id",
        "channel",
        "seq",
        "origin_site",
        "epoch",
        "revision",
        "schema",
        "deleted",
        "hash",
        "body",
    ],
    key: 2,
    // No record changes its channel: owners and receivers refuse that.
    lasting: &["channel"],
    keep: 0,
};

/// A record to write, with its body decoded before the transaction; `None` when it can't be read or there is none.
pub(crate) struct Landing<'a> {
    pub record: &'a Record,
    pub body: Option<&'a RecordBody>,
}

impl WriteTx {
    /// Writes records in the order given, each key once, over what is held of them. The first gets the seq after the
    /// feed's head, and so on.
    pub(crate) async fn land(
        &mut self,
        landings: &[Landing<'_>],
        held: &HashMap<RecordKey, Held>,
        deltas: &mut Deltas,
    ) -> Result<(), Fault> {
        let mut rows = Rows::new(&RECORD);
        for Landing { record, .. } in landings {
            let channel = self.number_channel(record.channel).await?;
            let seq = self.take_seq(record.hash);
            let here = self.sync_id();
            if let Some(testimony) = &mut self.testimony {
                testimony.note(record, seq, here);
            }
            if let Some(old) = held.get(&record.key) {
                forget(deltas, record.key, old);
            }
            deltas.gained(channel, record.body.len());
            if !record.deleted {
                deltas.add(channel, record.key.id, record.hash);
            }
            rows.push(row(record, channel, seq));
        }
        rows.upsert(self.conn()).await?;
        let projected: Vec<_> = landings
            .iter()
            .map(|landing| Projected {
                record: landing.record,
                body: landing.body,
                removed: projection::is_gone(landing.record),
            })
            .collect();
        projection::apply(self.conn(), &projected).await.map(drop)
    }

    /// Removes records that their owner does not have (any more).
    pub(crate) async fn vanish(
        &mut self,
        gone: &[(RecordKey, Held)],
        deltas: &mut Deltas,
    ) -> Result<(), Fault> {
        if gone.is_empty() {
            return Ok(());
        }
        for (key, old) in gone {
            forget(deltas, *key, old);
        }
        let keys: Vec<_> = gone.iter().map(|(key, _)| *key).collect();
        delete_records(self.conn(), "record", &keys).await?;
        projection::remove(self.conn(), &keys).await
    }
}

/// A record as it is stored.
pub(crate) fn row(record: &Record, channel: i32, seq: Seq) -> [Value; 11] {
    [
        i32::from(record.key.kind.0).into(),
        record.key.id.to_bytes().to_vec().into(),
        channel.into(),
        (seq as i64).into(),
        i32::from(record.origin_site.get()).into(),
        (record.epoch.packed() as i64).into(),
        (record.revision as i64).into(),
        (record.schema as i32).into(),
        record.deleted.into(),
        record.hash.0.to_vec().into(),
        record.body.to_vec().into(),
    ]
}

fn forget(deltas: &mut Deltas, key: RecordKey, old: &Held) {
    deltas.lost(old.channel, old.bytes);
    if !old.deleted {
        deltas.remove(old.channel, key.id, old.hash);
    }
}
