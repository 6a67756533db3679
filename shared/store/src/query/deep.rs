//! Deep verification: every record rehashed, decoded and compared with its row in the typed tables; rows that no
//! record accounts for; and Σ movements = stock. It finds what was edited behind the program's back.

use std::collections::HashMap;

use supplysync_model::{Amount, Channel, Fault, Kind, Record, RecordKey, StoreId};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::record_hash;

use super::column;
use super::cursors::CursorRow;
use crate::held::record_id;
use crate::projection::code;
use crate::projection::{RECORD_COLUMNS, is_gone, is_projected, stored_record};
use crate::{Etag, NotKept, Queries};

/// Records compared at a time.
const PAGE: usize = 500;
/// Findings that are kept; the rest are counted.
const KEPT: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The channel, when it is known.
    pub channel: Option<Channel>,
    /// The record, when it is about one.
    pub record: Option<RecordKey>,
    /// What is wrong, in words.
    pub message: String,
}

/// Findings as they come; only the first hundred are kept.
#[derive(Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    total: u64,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        channel: Option<Channel>,
        record: Option<RecordKey>,
        message: impl Into<String>,
    ) {
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push(Finding {
                channel,
                record,
                message: message.into(),
            });
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Finding>, u64) {
        (self.kept, self.total)
    }
}

/// A projected row, as the record that it was made from would read.
#[derive(PartialEq)]
struct Row {
    body: RecordBody,
    etag: Etag,
    retired: bool,
}

impl Queries {
    /// Every record against its hash, its body and its row.
    pub(super) async fn check_records(&self, findings: &mut Findings) -> Result<(), Fault> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS}, p.reason FROM record r JOIN channel c ON c.number = r.channel \
             LEFT JOIN parked p ON p.kind = r.kind AND p.id = r.id \
             WHERE (r.kind, r.id) > ($1, $2) ORDER BY r.kind, r.id LIMIT {PAGE}"
        );
        let not_kept = self.not_kept().await?;
        let mut after = (0i64, Vec::new());
        loop {
            let rows = self
                .conn()
                .rows(sql.as_str(), vec![after.0.into(), after.1.clone().into()])
                .await?;
            let mut records = Vec::with_capacity(rows.len());
            for row in &rows {
                records.push((stored_record(row)?, column::<Option<String>>(row, 11)?.is_some()));
            }
            let Some((last, _)) = records.last() else {
                return Ok(());
            };
            after = (last.key.kind.0.into(), last.key.id.to_bytes().to_vec());
            self.check_page(&records, &not_kept, findings).await?;
        }
    }

    async fn check_page(
        &self,
        records: &[(Record, bool)],
        not_kept: &HashMap<StoreId, NotKept>,
        findings: &mut Findings,
    ) -> Result<(), Fault> {
        let projected = self.rows_of(records.iter().map(|(record, _)| record.key)).await?;
        for (record, parked) in records {
            let mut wrong = |message: &str| findings.add(Some(record.channel), Some(record.key), message);
            if record_hash(record) != record.hash {
                wrong("the record was changed without its hash: restore it from its owner or a backup");
            }
            let row = projected.get(&record.key);
            let not_kept = record.channel.store().and_then(|store| not_kept.get(&store));
            if matches!(not_kept, Some(NotKept::Leaving | NotKept::Returning(_))) {
                // Rows are on their way out or in.
                continue;
            }
            if is_gone(record) {
                if row.is_some() {
                    wrong("deleted, but still in the typed tables");
                }
                continue;
            }
            if not_kept.is_some() {
                if row.is_some() {
                    wrong("in the typed tables, though this site does not keep the store");
                }
                continue;
            }
            // A parked record has no row, or that of an older version.
            let Some(body) = RecordBody::of_record(record).ok().filter(|_| !parked) else {
                if !parked {
                    wrong("the body can't be read, and the record is not parked");
                }
                continue;
            };
            let should = Row {
                body,
                etag: Etag {
                    epoch: record.epoch,
                    revision: record.revision,
                },
                retired: record.deleted,
            };
            match row {
                None if !is_projected(record.key.kind) => {}
                None => wrong("missing from the typed tables"),
                Some(row) if *row != should => wrong("the row in the typed tables differs from the record"),
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn rows_of(&self, keys: impl Iterator<Item = RecordKey>) -> Result<HashMap<RecordKey, Row>, Fault> {
        let mut kinds: HashMap<Kind, Vec<_>> = HashMap::new();
        for key in keys {
            kinds.entry(key.kind).or_default().push(key.id);
        }
        let mut rows = HashMap::new();
        macro_rules! read {
            ($ids:expr, $query:ident) => {{
                let ids: Vec<_> = $ids.iter().map(|id| (*id).into()).collect();
                for found in self.$query(&ids).await? {
                    let body = RecordBody::from(found.value);
                    rows.insert(
                        body.key(),
                        Row {
                            body,
                            etag: found.etag,
                            retired: found.retired,
                        },
                    );
                }
            }};
        }
        for (kind, ids) in kinds {
            match kind {
                Kind::UNIT => read!(ids, units),
                Kind::ITEM => read!(ids, items),
                Kind::NAME => read!(ids, names),
                Kind::STORE => read!(ids, stores),
                Kind::ASSIGNMENT => read!(ids, assignments),
                Kind::REVOKED_OPERATOR => read!(ids, revoked_operators_by_id),
                Kind::STOCK_LINE => read!(ids, stock_lines),
                Kind::TRANSACTION => read!(ids, transactions),
                // As many as there are sites.
                Kind::SITE | Kind::SITE_SETTINGS => {
                    for id in ids {
                        let site = code::sync_id(id.uuid().as_u128() as i64)?;
                        let found = match kind {
                            Kind::SITE => self
                                .site(site)
                                .await?
                                .map(|s| (s.value.into(), s.etag, s.retired)),
                            _ => self
                                .site_settings(site)
                                .await?
                                .map(|s| (s.value.into(), s.etag, s.retired)),
                        };
                        if let Some((body, etag, retired)) = found {
                            rows.insert(RecordKey { kind, id }, Row { body, etag, retired });
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(rows)
    }

    /// Rows of the typed tables that no record accounts for.
    pub(super) async fn check_strays(&self, findings: &mut Findings) -> Result<(), Fault> {
        let tables = [
            (Kind::UNIT, "unit", "id"),
            (Kind::ITEM, "item", "id"),
            (Kind::NAME, "name", "id"),
            (Kind::STORE, "store", "id"),
            (Kind::ASSIGNMENT, "store_assignment", "store_id"),
            (Kind::REVOKED_OPERATOR, "revoked_operator", "id"),
            (Kind::STOCK_LINE, "stock_line", "id"),
            (Kind::TRANSACTION, "stock_transaction", "id"),
        ];
        for (kind, table, key) in tables {
            let sql = format!(
                "SELECT t.{key} FROM {table} t LEFT JOIN record r ON r.kind = {} AND r.id = t.{key} \
                 WHERE r.id IS NULL LIMIT {KEPT}",
                kind.0
            );
            for row in self.conn().rows(sql, vec![]).await? {
                let key = RecordKey {
                    kind,
                    id: record_id(column(&row, 0)?)?,
                };
                findings.add(
                    None,
                    Some(key),
                    "a row in the typed tables that no record accounts for",
                );
            }
        }
        let sql = format!(
            "SELECT DISTINCT l.transaction_id FROM stock_transaction_line l \
             LEFT JOIN stock_transaction t ON t.id = l.transaction_id WHERE t.id IS NULL LIMIT {KEPT}"
        );
        for row in self.conn().rows(sql, vec![]).await? {
            let key = RecordKey {
                kind: Kind::TRANSACTION,
                id: record_id(column(&row, 0)?)?,
            };
            findings.add(
                None,
                Some(key),
                "lines in the typed tables of a transaction that is not there",
            );
        }
        Ok(())
    }

    /// Σ movements = stock, for each stock line of the stores active here and of copies that are caught up.
    pub(super) async fn check_stock(
        &self,
        cursors: &[CursorRow],
        findings: &mut Findings,
    ) -> Result<(), Fault> {
        let owners = self.owners().await?;
        let not_kept = self.not_kept().await?;
        let complete = |store: &StoreId| {
            if not_kept.contains_key(store) {
                return false;
            }
            let whole = |channel| {
                cursors
                    .iter()
                    .any(|c| c.we_receive && c.channel == channel && c.caught_up_at.is_some())
            };
            owners.get(store) == Some(&self.sync_id()) || Channel::of_store(*store).into_iter().all(whole)
        };
        for store in owners.keys().filter(|store| complete(store)) {
            let mut after = Vec::new();
            loop {
                let sql = format!(
                    "SELECT id, packs_total FROM stock_line WHERE store_id = $1 AND id > $2 ORDER BY id LIMIT {PAGE}"
                );
                let rows = self
                    .conn()
                    .rows(sql, vec![store.to_bytes().to_vec().into(), after.clone().into()])
                    .await?;
                let mut lines: Vec<(Vec<u8>, i64)> = Vec::with_capacity(rows.len());
                for row in &rows {
                    lines.push((column(row, 0)?, column(row, 1)?));
                }
                let Some((last, _)) = lines.last() else {
                    break;
                };
                after = last.clone();
                self.check_movements(*store, &lines, findings).await?;
            }
        }
        Ok(())
    }

    async fn check_movements(
        &self,
        store: StoreId,
        lines: &[(Vec<u8>, i64)],
        findings: &mut Findings,
    ) -> Result<(), Fault> {
        let ids: Vec<_> = lines.iter().map(|(id, _)| id.clone()).collect();
        let moved = self.movements(&ids).await?;
        for (id, total) in lines {
            let sum = moved.get(id).map_or(0, |moved| moved.total);
            if sum != *total {
                let key = RecordKey {
                    kind: Kind::STOCK_LINE,
                    id: record_id(id.clone())?,
                };
                let (stock, sum) = (Amount::from_micros(*total), Amount::from_micros(sum));
                let words = format!("the stock is {stock} packs, its movements add up to {sum}");
                findings.add(Some(Channel::StoreStock(store)), Some(key), words);
            }
        }
        Ok(())
    }
}
