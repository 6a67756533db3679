//! Where a record is and what it says: its envelope, its decoded body, who has it and who waits for it.

use supplysync_model::{Fault, Kind, Record, RecordId, RecordKey, Seq, SyncId};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::Cursor;
use uuid::Uuid;

use super::column;
use super::cursors::{CursorRow, owner_of};
use super::quarantine::Quarantined;
use crate::held::record_id;
use crate::projection::code::text_key;
use crate::{Queries, StoredRecord};

/// Records that one search shows at most.
const SHOWN: usize = 20;

/// Whether a record's latest version is at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// It came from there, or is written there.
    Origin,
    /// Acknowledged: it is durable there.
    Acknowledged,
    /// Not acknowledged yet.
    Pending,
}

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
    /// Where else it is, or should be, among the sites that this one exchanges its channel with.
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
        let cursors = self.cursors().await?;
        let of_channel = cursors.iter().filter(|row| row.channel == record.channel);
        let mut places: Vec<_> = of_channel.map(|row| (row.peer, place(row, key, seq))).collect();
        places.sort_by_key(|(site, _)| *site);
        Ok(Some(Trace {
            owner,
            seq,
            body: RecordBody::of_record(&record).ok(),
            parked: parked.map(|row| column(&row, 0)).transpose()?,
            quarantined: self.quarantine_of(key).await?,
            places,
            record,
        }))
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

fn place(row: &CursorRow, key: RecordKey, seq: Seq) -> Whereabouts {
    let there = match row.cursor {
        _ if row.we_receive => return Whereabouts::Origin,
        Cursor::Following { seq: through } => seq <= through,
        Cursor::Loading { head, last } => seq <= head && last.is_some_and(|last| key <= last),
    };
    if there {
        Whereabouts::Acknowledged
    } else {
        Whereabouts::Pending
    }
}

#[cfg(test)]
mod tests {
    use supplysync_model::Channel;
    use supplysync_sync_core::Direction;

    use super::*;

    #[test]
    fn a_record_is_pending_until_the_receiver_has_passed_it() {
        let key = |byte| RecordKey {
            kind: Kind::ITEM,
            id: RecordId::from_bytes([byte; 16]),
        };
        let row = |cursor| CursorRow {
            peer: SyncId::PRIMARY,
            channel: Channel::Master,
            number: 1,
            direction: Direction::Pull,
            we_receive: false,
            cursor,
            held: 0,
            quarantined: 0,
            caught_up_at: None,
            compared: None,
            proven: None,
            owner: None,
        };
        let following = row(Cursor::Following { seq: 7 });
        assert_eq!(place(&following, key(1), 7), Whereabouts::Acknowledged);
        assert_eq!(place(&following, key(1), 8), Whereabouts::Pending);
        let loading = row(Cursor::Loading {
            head: 9,
            last: Some(key(5)),
        });
        assert_eq!(place(&loading, key(5), 9), Whereabouts::Acknowledged);
        assert_eq!(place(&loading, key(6), 3), Whereabouts::Pending);
        assert_eq!(place(&loading, key(5), 10), Whereabouts::Pending);
    }
}
