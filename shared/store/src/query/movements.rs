//! What transactions make of stock lines: Σ movements, what unconfirmed issues reserve, and numbers that are taken twice.

use std::collections::HashMap;

use sea_orm::Value;
use supplysync_model::{
    Amount, Channel, Fault, Seq, StockLine, StockLineId, StoreId, TransactionId, TransactionStatus,
};

use super::{Versioned, column};
use crate::Queries;
use crate::projection::code::{self, status_number};

/// Stock lines reckoned, and doubled numbers read, at a time.
const PAGE: usize = 500;

/// What the transactions say of one stock line, in millionths of a pack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Confirmed movements, added up.
    pub total: i64,
    /// What issues that are still new have reserved.
    pub reserved: i64,
}

/// A stock line, and what the transactions make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reckoned {
    /// As it is.
    pub line: Versioned<StockLine>,
    /// The packs that confirmed movements add up to; below zero when more went out than came in.
    pub total: Amount,
    /// That less what unconfirmed issues reserve.
    pub available: Amount,
}

impl Queries {
    /// A page of a store's stock lines, by id, each with what the transactions make of it.
    pub async fn reckoned_stock(
        &self,
        store: StoreId,
        after: Option<StockLineId>,
    ) -> Result<Vec<Reckoned>, Fault> {
        let after = after.map_or(Vec::new(), |id| id.to_bytes().to_vec());
        let sql =
            format!("SELECT id FROM stock_line WHERE store_id = $1 AND id > $2 ORDER BY id LIMIT {PAGE}");
        let values = vec![code::bytes(store.to_bytes()), after.into()];
        let rows = self.conn().rows(sql, values).await?;
        let ids: Vec<Vec<u8>> = rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let moved = self.movements(&ids).await?;
        let keys: Vec<StockLineId> = ids
            .iter()
            .map(|id| code::id(id.clone()))
            .collect::<Result<_, _>>()?;
        let mut lines = self.stock_lines(&keys).await?;
        lines.sort_unstable_by_key(|line| line.value.id);
        let reckoned = lines.into_iter().map(|line| {
            let moved = moved.get(line.value.id.to_bytes().as_slice());
            let Moved { total, reserved } = moved.copied().unwrap_or_default();
            Reckoned {
                line,
                total: Amount::from_micros(total),
                available: Amount::from_micros(total.saturating_sub(reserved)),
            }
        });
        Ok(reckoned.collect())
    }

    /// How many transactions of a store can't be read by this version of the program, so that nothing adds up.
    pub async fn unreadable_transactions(&self, store: StoreId) -> Result<u64, Fault> {
        let [_, history] = Channel::of_store(store);
        let sql = "SELECT COUNT(*) FROM parked p JOIN record r ON r.kind = p.kind AND r.id = p.id \
                   JOIN channel c ON c.number = r.channel WHERE c.name = $1 AND NOT r.deleted";
        let row = self.conn().row(sql, vec![history.to_string().into()]).await?;
        Ok(row.map_or(Ok(0), |row| column::<i64>(&row, 0))? as u64)
    }

    /// What the transactions say of these stock lines; one that none mentions is left out.
    pub(crate) async fn movements(&self, lines: &[Vec<u8>]) -> Result<HashMap<Vec<u8>, Moved>, Fault> {
        let marks: Vec<_> = (2..lines.len() + 2).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT l.stock_line_id, t.transaction_type, t.status >= $1, CAST(SUM(l.packs) AS BIGINT) \
             FROM stock_transaction_line l JOIN stock_transaction t ON t.id = l.transaction_id \
             WHERE l.stock_line_id IN ({}) GROUP BY l.stock_line_id, t.transaction_type, t.status >= $1",
            marks.join(", ")
        );
        let mut values = vec![status_number(TransactionStatus::Confirmed).into()];
        values.extend(lines.iter().map(|id| Value::from(id.clone())));
        let mut moved: HashMap<Vec<u8>, Moved> = HashMap::new();
        for row in self.conn().rows(sql, values).await? {
            let packs: i64 = column(&row, 3)?;
            let adds = code::transaction_type(column(&row, 1)?)?.adds_stock();
            let confirmed: bool = column(&row, 2)?;
            let sum = moved.entry(column(&row, 0)?).or_default();
            match (confirmed, adds) {
                (true, true) => sum.total = sum.total.saturating_add(packs),
                (true, false) => sum.total = sum.total.saturating_sub(packs),
                (false, true) => {}
                (false, false) => sum.reserved = sum.reserved.saturating_add(packs),
            }
        }
        Ok(moved)
    }

    /// Of what this site wrote in a store beyond a seq, the transactions whose number another one of the same type has, by
    /// number; a page of them.
    pub async fn doubled_transactions(
        &self,
        store: StoreId,
        beyond: Seq,
    ) -> Result<Vec<TransactionId>, Fault> {
        let kind = supplysync_model::Kind::TRANSACTION.0;
        let sql = format!(
            "SELECT t.id FROM stock_transaction t JOIN record r ON r.kind = {kind} AND r.id = t.id \
             WHERE t.store_id = $1 AND r.origin_site = $2 AND r.revision = r.seq AND r.seq > $3 \
             AND EXISTS (SELECT 1 FROM stock_transaction o WHERE o.store_id = t.store_id \
             AND o.transaction_type = t.transaction_type AND o.number = t.number AND o.id <> t.id) \
             ORDER BY t.number, t.id LIMIT {PAGE}"
        );
        let values = vec![
            code::bytes(store.to_bytes()),
            i32::from(self.sync_id().get()).into(),
            (beyond as i64).into(),
        ];
        let rows = self.conn().rows(sql, values).await?;
        rows.iter().map(|row| code::id(column(row, 0)?)).collect()
    }
}
