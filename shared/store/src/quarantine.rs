//! Setting changes aside with their reasons (P7, P8). Reading them is in `query::quarantine`.

use std::collections::HashSet;

use sea_orm::Value;
use supplysync_model::{Fault, Reason, Record, RecordHash, RecordKey, SyncId, Timestamp};
use supplysync_sync_core::Refusal;
use uuid::Uuid;

use crate::WriteTx;
use crate::fault::{damaged, database};
use crate::projection::raw::{Rows, Table, by_keys, by_kind};

const QUARANTINE: Table = Table {
    name: "quarantine",
    columns: &[
        "id",
        "kind",
        "record_id",
        "channel",
        "from_site",
        "reason",
        "at",
        "origin_site",
        "epoch",
        "revision",
        "schema",
        "deleted",
        "hash",
        "body",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

/// What becomes of an entry whose record came again in a later version from the same site, and was applied.
const SUPERSEDED: &str = "superseded: a later version of the record came from the same site and was applied";

/// A change to set aside.
#[derive(Clone, Copy)]
pub(crate) struct Aside<'a> {
    pub record: &'a Record,
    pub reason: Reason,
    /// Who sent it; this site itself for work of its own.
    pub from: SyncId,
}

impl Aside<'_> {
    /// As the ack names it.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal {
            key: self.record.key,
            reason: self.reason,
        }
    }
}

impl WriteTx {
    /// Keeps the changes with their reasons. One that is in open quarantine already is not kept twice.
    pub(crate) async fn set_changes_aside(&mut self, changes: &[Aside<'_>]) -> Result<(), Fault> {
        if changes.is_empty() {
            return Ok(());
        }
        let known = self
            .open_versions(changes.iter().map(|change| change.record.key))
            .await?;
        let mut rows = Rows::new(&QUARANTINE);
        let mut again = Vec::new();
        for Aside { record, reason, from } in changes {
            if known.contains(&(record.key, record.hash)) {
                again.push(record.hash.0.to_vec().into());
                continue;
            }
            let channel = self.number_channel(record.channel).await?;
            rows.push(row(self.new_id(), channel, *from, reason.0, self.now(), record));
        }
        // What an earlier life of its sender's database sent as well counts as sent by this one.
        let head = "UPDATE quarantine SET former = FALSE WHERE resolved_at IS NULL AND former AND hash IN ";
        for (sql, values) in by_keys(self.conn().backend(), head, again) {
            self.conn().execute(sql, values).await?;
        }
        rows.upsert(self.conn()).await
    }

    /// Keeps a change that a satellite hands over, under the id that it has there, unless it is in open quarantine already.
    pub(crate) async fn keep_offered(
        &mut self,
        id: Uuid,
        from: SyncId,
        reason: &str,
        change: &Record,
    ) -> Result<(), Fault> {
        let known = self.open_versions([change.key]).await?;
        if known.contains(&(change.key, change.hash)) {
            return Ok(());
        }
        let channel = self.number_channel(change.channel).await?;
        let mut rows = Rows::new(&QUARANTINE);
        rows.push(row(id, channel, from, reason, self.now(), change));
        rows.upsert(self.conn()).await
    }

    /// Resolves what is in open quarantine of records of which a later version of the same site is applied now.
    pub(crate) async fn supersede(&mut self, from: SyncId, applied: &[RecordKey]) -> Result<(), Fault> {
        if applied.is_empty() || !self.any_quarantined().await? {
            return Ok(());
        }
        for (kind, ids) in by_kind(applied.iter().copied()) {
            let head = format!(
                "UPDATE quarantine SET resolved_at = {}, resolution = '{SUPERSEDED}' \
                 WHERE resolved_at IS NULL AND from_site = {from} AND kind = {} AND record_id IN ",
                self.now().0,
                kind.0
            );
            for (sql, values) in by_keys(self.conn().backend(), &head, ids) {
                self.conn().execute(sql, values).await?;
            }
        }
        Ok(())
    }

    /// Ends the quarantine of one entry, saying how; a move that waited for it goes on.
    pub async fn resolve_quarantine(&mut self, id: Uuid, resolution: &str) -> Result<(), Fault> {
        let sql =
            "UPDATE quarantine SET resolved_at = $2, resolution = $3 WHERE id = $1 AND resolved_at IS NULL";
        let values = vec![
            id.as_bytes().to_vec().into(),
            self.now().0.into(),
            resolution.into(),
        ];
        self.conn().execute(sql, values).await?;
        if self.sync_id().is_primary() {
            self.advance_moves().await?;
        }
        Ok(())
    }

    /// Whether anything is in open quarantine.
    pub(crate) async fn any_quarantined(&self) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM quarantine WHERE resolved_at IS NULL LIMIT 1";
        Ok(self.conn().row(sql, vec![]).await?.is_some())
    }

    /// Which versions of these records are in open quarantine.
    pub(crate) async fn open_versions(
        &self,
        keys: impl IntoIterator<Item = RecordKey>,
    ) -> Result<HashSet<(RecordKey, RecordHash)>, Fault> {
        let mut open = HashSet::new();
        for (kind, ids) in by_kind(keys) {
            let head = format!(
                "SELECT record_id, hash FROM quarantine WHERE resolved_at IS NULL AND kind = {} AND record_id IN ",
                kind.0
            );
            for (sql, values) in by_keys(self.conn().backend(), &head, ids) {
                for row in self.conn().rows(sql, values).await? {
                    let id = crate::held::record_id(row.try_get_by_index(0).map_err(database)?)?;
                    let hash: Vec<u8> = row.try_get_by_index(1).map_err(database)?;
                    let hash = hash
                        .try_into()
                        .map_err(|_| damaged("a hash that is not 16 bytes long"))?;
                    open.insert((RecordKey { kind, id }, RecordHash(hash)));
                }
            }
        }
        Ok(open)
    }
}

fn row(id: Uuid, channel: i32, from: SyncId, reason: &str, at: Timestamp, record: &Record) -> [Value; 14] {
    [
        id.as_bytes().to_vec().into(),
        i32::from(record.key.kind.0).into(),
        record.key.id.to_bytes().to_vec().into(),
        channel.into(),
        i32::from(from.get()).into(),
        reason.into(),
        at.0.into(),
        i32::from(record.origin_site.get()).into(),
        (record.epoch.packed() as i64).into(),
        (record.revision as i64).into(),
        (record.schema as i32).into(),
        record.deleted.into(),
        record.hash.0.to_vec().into(),
        record.body.to_vec().into(),
    ]
}
