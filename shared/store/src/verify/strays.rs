//! Rows of the typed tables that no record accounts for.

use supplysync_model::{Channel, Fault, Kind, RecordKey, StoreId};

use super::finding::{Finding, Findings, Flaw};
use crate::Queries;
use crate::held::record_id;
use crate::query::column;

/// Rows told of one table at a time: once they are gone, the next verification tells of the rest.
const KEPT: usize = 100;

/// Kind, table, its key, and what says which channel the row is of.
const TABLES: [(Kind, &str, &str, Option<Part>); 8] = [
    (Kind::UNIT, "unit", "id", None),
    (Kind::ITEM, "item", "id", None),
    (Kind::NAME, "name", "id", None),
    (Kind::STORE, "store", "id", None),
    (Kind::ASSIGNMENT, "store_assignment", "store_id", None),
    (Kind::REVOKED_OPERATOR, "revoked_operator", "id", None),
    (Kind::STOCK_LINE, "stock_line", "id", Some(Channel::StoreStock)),
    (
        Kind::TRANSACTION,
        "stock_transaction",
        "id",
        Some(Channel::StoreHistory),
    ),
];

type Part = fn(StoreId) -> Channel;

impl Queries {
    /// Looks at one table; whether there is another.
    pub(super) async fn check_strays(&self, table: usize, findings: &mut Findings) -> Result<bool, Fault> {
        let Some(strays) = self.strays(table).await? else {
            return Ok(false);
        };
        for (key, channel) in strays {
            let words = match channel {
                Some(_) => "a row in the typed tables that no record accounts for",
                None => "lines in the typed tables of a transaction that is not there",
            };
            findings.add(Finding::new(Flaw::Stray, channel, Some(key), words));
        }
        Ok(true)
    }

    /// Rows of one table that no record accounts for, the first hundred, with their channels where those are known; `None`
    /// when there is no such table.
    pub(crate) async fn strays(
        &self,
        table: usize,
    ) -> Result<Option<Vec<(RecordKey, Option<Channel>)>>, Fault> {
        let Some((kind, table, key, part)) = TABLES.get(table) else {
            return match table == TABLES.len() {
                true => self.stray_lines().await.map(Some),
                false => Ok(None),
            };
        };
        let store = match part {
            Some(_) => "t.store_id",
            None => "NULL",
        };
        let sql = format!(
            "SELECT t.{key}, {store} FROM {table} t LEFT JOIN record r ON r.kind = {} AND r.id = t.{key} \
             WHERE r.id IS NULL LIMIT {KEPT}",
            kind.0
        );
        let rows = self.conn().rows(sql, vec![]).await?;
        let strays = rows.iter().map(|row| {
            let key = RecordKey {
                kind: *kind,
                id: record_id(column(row, 0)?)?,
            };
            let channel = match part {
                Some(part) => part(StoreId::from(record_id(column(row, 1)?)?)),
                None => Channel::Master,
            };
            Ok((key, Some(channel)))
        });
        strays.collect::<Result<_, _>>().map(Some)
    }

    async fn stray_lines(&self) -> Result<Vec<(RecordKey, Option<Channel>)>, Fault> {
        let sql = format!(
            "SELECT DISTINCT l.transaction_id FROM stock_transaction_line l \
             LEFT JOIN stock_transaction t ON t.id = l.transaction_id WHERE t.id IS NULL LIMIT {KEPT}"
        );
        let rows = self.conn().rows(sql, vec![]).await?;
        let strays = rows.iter().map(|row| {
            let key = RecordKey {
                kind: Kind::TRANSACTION,
                id: record_id(column(row, 0)?)?,
            };
            Ok((key, None))
        });
        strays.collect()
    }
}
