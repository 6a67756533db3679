//! What comes of a repair: counted batch by batch, and judged by the comparison that ends the load.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::Value;
use supplysync_model::{Fault, Record, RecordKey, StoreId, SyncId};
use supplysync_sync_core::{ApplyRequest, Comparison};

use super::{Repair, RepairState};
use crate::held::Held;
use crate::{AuditEntry, WriteTx, held};

/// The open repairs that a batch belongs to, by channel number.
#[derive(Debug, Default)]
pub(crate) struct OpenRepairs(BTreeMap<i32, Repair>);

impl WriteTx {
    pub(crate) async fn open_repairs(&self, peer: SyncId, numbers: &[i32]) -> Result<OpenRepairs, Fault> {
        let sql = "SELECT 1 FROM repair WHERE peer = $1 AND ended_at IS NULL LIMIT 1";
        let values = vec![i32::from(peer.get()).into()];
        if self.conn().row(sql, values).await?.is_none() {
            return Ok(OpenRepairs::default());
        }
        let open = self.repairs().await?.into_iter();
        let open = open.filter(|repair| {
            repair.peer == peer && repair.state == RepairState::Open && numbers.contains(&repair.number)
        });
        Ok(OpenRepairs(open.map(|repair| (repair.number, repair)).collect()))
    }

    /// Notes what a repair writes and removes. What goes stays readable in the audit log: the owner does not have it.
    pub(crate) async fn note_repairs(
        &mut self,
        open: &mut OpenRepairs,
        applied: &[&Record],
        leftovers: &[(RecordKey, Held)],
    ) -> Result<(), Fault> {
        for repair in open.0.values_mut() {
            let replaced = applied.iter().filter(|record| record.channel == repair.channel);
            let replaced = replaced.count() as u64;
            let gone: Vec<_> = leftovers
                .iter()
                .filter(|(_, held)| held.channel == repair.number)
                .map(|(key, _)| *key)
                .collect();
            repair.replaced += replaced;
            repair.removed += gone.len() as u64;
            if replaced > 0 || !gone.is_empty() {
                let sql = "UPDATE repair SET replaced = $3, removed = $4 WHERE peer = $1 AND channel = $2";
                let values = vec![
                    i32::from(repair.peer.get()).into(),
                    repair.number.into(),
                    (repair.replaced as i64).into(),
                    (repair.removed as i64).into(),
                ];
                self.conn().execute(sql, values).await?;
            }
            let whom = self.site_in_words(repair.peer).await?;
            let gone = held::whole(self.conn(), gone).await?;
            let entries = gone.iter().map(|record| AuditEntry {
                at: self.now(),
                principal: self.who(repair),
                from: String::new(),
                action: "repair.remove".to_owned(),
                subject: record.key.to_string(),
                old: in_words(record),
                new: format!("{whom}, the owner, does not have it"),
            });
            let entries: Vec<_> = entries.collect();
            self.audit_all(entries).await?;
        }
        Ok(())
    }

    /// Ends the repairs whose load this batch ends, by what was compared then.
    pub(crate) async fn end_repairs(
        &mut self,
        open: OpenRepairs,
        request: &ApplyRequest,
        comparisons: &[Comparison],
    ) -> Result<(), Fault> {
        let ended: BTreeSet<_> = (request.parts.iter().filter(|part| part.caught_up))
            .map(|part| part.channel)
            .collect();
        for repair in open.0.values().filter(|repair| ended.contains(&repair.channel)) {
            let compared = comparisons
                .iter()
                .find(|compared| compared.channel == repair.channel);
            let equal = compared.map(|compared| compared.equal);
            let sql = "UPDATE repair SET ended_at = $3, equal = $4 WHERE peer = $1 AND channel = $2";
            let values = vec![
                i32::from(repair.peer.get()).into(),
                repair.number.into(),
                self.now().0.into(),
                Value::from(equal),
            ];
            self.conn().execute(sql, values).await?;
            let (what, whom) = (
                self.channel_in_words(repair.channel).await?,
                self.site_in_words(repair.peer).await?,
            );
            let came_to = match compared {
                None => "was not compared".to_owned(),
                Some(compared) if compared.equal => format!("is equal to {whom} at seq {}", compared.seq),
                Some(compared) => format!("STILL DIFFERS from {whom} at seq {}", compared.seq),
            };
            let done = done(repair.replaced, repair.removed);
            match equal {
                Some(false) => tracing::error!("repaired the {what} from {whom}: {done}; it {came_to}"),
                _ => tracing::warn!("repaired the {what} from {whom}: {done}; it {came_to}"),
            }
            let entry = AuditEntry {
                at: self.now(),
                principal: self.who(repair),
                from: String::new(),
                action: "repair.end".to_owned(),
                subject: what,
                old: String::new(),
                new: format!("{done} from {whom}; it {came_to}"),
            };
            self.audit(entry).await?;
        }
        Ok(())
    }

    fn who(&self, repair: &Repair) -> String {
        let itself = || format!("site/{}", self.sync_id());
        repair.asked_by.clone().unwrap_or_else(itself)
    }

    /// Repairs of stores that went elsewhere are called off.
    pub(crate) async fn call_off_repairs(&mut self, stores: &[StoreId]) -> Result<(), Fault> {
        let open = self.repairs().await?;
        let lost = |repair: &&Repair| {
            repair.state == RepairState::Open
                && repair
                    .channel
                    .store()
                    .is_some_and(|store| stores.contains(&store))
        };
        for repair in open.iter().filter(lost) {
            self.call_off_repair(repair).await?;
        }
        Ok(())
    }
}

/// What a repair did, in words.
fn done(replaced: u64, removed: u64) -> String {
    let records = |count: u64| match count {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    };
    match (replaced, removed) {
        (0, 0) => "nothing had to be replaced".to_owned(),
        (replaced, 0) => format!("{} replaced", records(replaced)),
        (0, removed) => format!("{} removed", records(removed)),
        (replaced, removed) => format!("{} replaced, {} removed", records(replaced), records(removed)),
    }
}

fn in_words(record: &Record) -> String {
    let body = supplysync_record_codec::RecordBody::of_record(record);
    let version = format!("{}.{}", record.epoch, record.revision);
    match body {
        Ok(body) => format!("{version} of {}: {body:?}", record.channel),
        Err(error) => format!("{version} of {}: {error}", record.channel),
    }
}
