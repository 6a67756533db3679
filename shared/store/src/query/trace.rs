//! Where a record is and what it says: its envelope, its decoded body, who has it and who waits for it.

use supplysync_model::{Fault, Kind, Record, RecordId, RecordKey, Seq, SyncId};
use supplysync_record_codec::RecordBody;
use uuid::Uuid;

use super::column;
use super::cursors::owner_of;
use super::quarantine::Quarantined;
use super::whereabouts::Whereabouts;
use crate::held::record_id;
use crate::projection::code::text_key;
use crate::{NotKept, Queries, StoredRecord};

/// Records that one search shows at most.
const SHOWN: usize = 20;

/// Everything this site knows of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The record as stored.
    pub record: Record,
    /// Its place in this site's feed.
    pub seq: Seq,
    /// Its owner.
    pub owner: Option<SyncId>,
    /// What it says; `None` for a tombstone of store data, and for what this version can't read.
    pub body: Option<RecordBody>,
    /// Why it is not projected, when it is parked.
    pub parked: Option<String>,
    /// What was refused of it here.
    pub quarantined: Vec<Quarantined>,
    /// Whether this site routes the store without keeping a copy.
    pub not_kept: bool,
    /// Where else it is, or should be, by site: as far as this one can know.
    pub places: Vec<(SyncId, Whereabouts)>,
}

impl Queries {
    /// Records that a text names: an id, a code of an item, name or store, a unit's name, or a transaction's number.
    /// At most 20.
    pub async fn find_records(&self, text: &str) -> Result<Vec<RecordKey>, Fault> {
        let text = text.trim();
        let keys = match Uuid::try_parse(text) {
            Ok(id) => self.records_with_id(RecordId::new(id)).await?,
            Err(_) => self.records_called(text).await?,
        };
        Ok(keys.into_iter().take(SHOWN).collect())
    }

    /// Everything this site knows of a record; `None` when it does not hold it.
    pub async fn trace(&self, key: RecordKey) -> Result<Option<Trace>, Fault> {
        let Some(StoredRecord { record, seq }) = self.get_record(key).await? else {
            return Ok(None);
        };
        let owner = owner_of(record.channel, &self.owners().await?);
        let parked = self
            .conn()
            .row(
                "SELECT reason FROM parked WHERE kind = $1 AND id = $2",
                vec![i32::from(key.kind.0).into(), key.id.to_bytes().to_vec().into()],
            )
            .await?;
        let quarantined = self.quarantine_of(key).await?;
        let places = self.places(&record, seq, owner, &quarantined).await?;
        let not_kept = match record.channel.store() {
            Some(store) => matches!(
                self.not_kept_of(store).await?,
                Some(NotKept::Leaving | NotKept::Gone)
            ),
            None => false,
        };
        Ok(Some(Trace {
            owner,
            seq,
            body: RecordBody::of_record(&record).ok(),
            parked: parked.map(|row| column(&row, 0)).transpose()?,
            quarantined,
            not_kept,
            places,
            record,
        }))
    }

    /// Entries of open quarantine about a record that is not held here itself.
    pub async fn quarantined_only(&self, text: &str) -> Result<Vec<Uuid>, Fault> {
        let Ok(id) = Uuid::try_parse(text.trim()) else {
            return Ok(Vec::new());
        };
        let known: Vec<_> = Kind::KNOWN.iter().map(|kind| kind.0.to_string()).collect();
        let sql = format!(
            "SELECT id FROM quarantine WHERE resolved_at IS NULL AND record_id = $1 AND kind IN ({}) ORDER BY id LIMIT {SHOWN}",
            known.join(", ")
        );
        let rows = self.conn().rows(sql, vec![id.as_bytes().to_vec().into()]).await?;
        rows.iter()
            .map(|row| record_id(column(row, 0)?).map(|id| id.uuid()))
            .collect()
    }

    async fn records_with_id(&self, id: RecordId) -> Result<Vec<RecordKey>, Fault> {
        let known: Vec<_> = Kind::KNOWN.iter().map(|kind| kind.0.to_string()).collect();
        let sql = format!(
            "SELECT kind FROM record WHERE id = $1 AND kind IN ({}) ORDER BY kind",
            known.join(", ")
        );
        let rows = self.conn().rows(sql, vec![id.to_bytes().to_vec().into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(RecordKey {
                    kind: Kind(column::<i32>(row, 0)? as u16),
                    id,
                })
            })
            .collect()
    }

    async fn records_called(&self, text: &str) -> Result<Vec<RecordKey>, Fault> {
        let mut found = Vec::new();
        let coded = [
            (Kind::UNIT, "unit", "name_key"),
            (Kind::ITEM, "item", "code_key"),
            (Kind::NAME, "name", "code_key"),
            (Kind::STORE, "store", "code_key"),
        ];
        for (kind, table, key) in coded {
            let sql = format!("SELECT id FROM {table} WHERE {key} = $1 ORDER BY id LIMIT {SHOWN}");
            for row in self.conn().rows(sql, vec![text_key(text).into()]).await? {
                found.push(RecordKey {
                    kind,
                    id: record_id(column(&row, 0)?)?,
                });
            }
        }
        if let Ok(number) = text.parse::<i64>() {
            // By store and type, which an index on the number leads with.
            let sql = format!(
                "SELECT t.id FROM store s CROSS JOIN (SELECT 1 AS kind UNION ALL SELECT 2 UNION ALL SELECT 3 \
                 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7) k \
                 JOIN stock_transaction t ON t.store_id = s.id AND t.transaction_type = k.kind AND t.number = $1 \
                 ORDER BY t.id LIMIT {SHOWN}"
            );
            for row in self.conn().rows(sql, vec![number.into()]).await? {
                found.push(RecordKey {
                    kind: Kind::TRANSACTION,
                    id: record_id(column(&row, 0)?)?,
                });
            }
        }
        Ok(found)
    }
}
