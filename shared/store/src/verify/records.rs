//! Every record rehashed, decoded and compared with its row in the typed tables: it finds what was edited behind the
//! program's back.

use std::collections::HashMap;

use supplysync_model::{Fault, Kind, Record, RecordKey, StoreId};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::record_hash;

use super::finding::{Finding, Findings, Flaw};
use crate::projection::code;
use crate::projection::{RECORD_COLUMNS, is_gone, is_projected, stored_record};
use crate::query::column;
use crate::{Etag, NotKept, Queries};

/// Records compared at a time.
const PAGE: usize = 500;
/// A projected row, as the record that it was made from would read.
#[derive(PartialEq)]
struct Row {
    body: RecordBody,
    etag: Etag,
    retired: bool,
}

impl Queries {
    /// Some more records against their hashes, bodies and rows; the last of them, unless there is none.
    pub(super) async fn check_records(
        &self,
        after: (i64, Vec<u8>),
        findings: &mut Findings,
    ) -> Result<Option<(i64, Vec<u8>)>, Fault> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS}, p.reason FROM record r JOIN channel c ON c.number = r.channel \
             LEFT JOIN parked p ON p.kind = r.kind AND p.id = r.id \
             WHERE (r.kind, r.id) > ($1, $2) ORDER BY r.kind, r.id LIMIT {PAGE}"
        );
        let rows = self
            .conn()
            .rows(sql, vec![after.0.into(), after.1.into()])
            .await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            records.push((stored_record(row)?, column::<Option<String>>(row, 11)?.is_some()));
        }
        let Some((last, _)) = records.last() else {
            return Ok(None);
        };
        let after = (last.key.kind.0.into(), last.key.id.to_bytes().to_vec());
        self.check_page(&records, &self.not_kept().await?, findings)
            .await?;
        Ok(Some(after))
    }

    async fn check_page(
        &self,
        records: &[(Record, bool)],
        not_kept: &HashMap<StoreId, NotKept>,
        findings: &mut Findings,
    ) -> Result<(), Fault> {
        let projected = self.rows_of(records.iter().map(|(record, _)| record.key)).await?;
        for (record, parked) in records {
            let mut found = |flaw, message: &str| {
                findings.add(Finding::new(
                    flaw,
                    Some(record.channel),
                    Some(record.key),
                    message,
                ));
            };
            if record_hash(record) != record.hash {
                found(
                    Flaw::Content,
                    "the record is not what its hash says: it was changed behind the program's back",
                );
            }
            let mut wrong = |message: &str| found(Flaw::Row, message);
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
}
