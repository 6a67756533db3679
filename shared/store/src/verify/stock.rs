//! Σ movements = stock, for each stock line of the stores active here and of copies that are caught up.

use std::collections::{HashMap, VecDeque};

use supplysync_model::{Amount, Channel, Fault, Kind, RecordKey, StoreId, TransactionStatus};

use super::finding::{Finding, Findings, Flaw};
use crate::Queries;
use crate::held::record_id;
use crate::projection::code::{self, status_number};
use crate::query::column;

/// Stock lines added up at a time.
const PAGE: usize = 500;

impl Queries {
    /// The stores of which all is here: active here, or copies that are caught up.
    pub(super) async fn stores_to_add_up(&self) -> Result<VecDeque<StoreId>, Fault> {
        let owners = self.owners().await?;
        let not_kept = self.not_kept().await?;
        let cursors = self.cursors().await?;
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
        Ok(owners.keys().filter(|store| complete(store)).copied().collect())
    }

    /// Some more stock lines of a store; the last of them, unless there is none.
    pub(super) async fn check_stock(
        &self,
        store: StoreId,
        after: Vec<u8>,
        findings: &mut Findings,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let sql = format!(
            "SELECT id, packs_total FROM stock_line WHERE store_id = $1 AND id > $2 ORDER BY id LIMIT {PAGE}"
        );
        let values = vec![store.to_bytes().to_vec().into(), after.into()];
        let rows = self.conn().rows(sql, values).await?;
        let mut lines: Vec<(Vec<u8>, i64)> = Vec::with_capacity(rows.len());
        for row in &rows {
            lines.push((column(row, 0)?, column(row, 1)?));
        }
        let Some((last, _)) = lines.last() else {
            return Ok(None);
        };
        let after = last.clone();
        self.check_movements(store, &lines, findings).await?;
        Ok(Some(after))
    }

    async fn check_movements(
        &self,
        store: StoreId,
        lines: &[(Vec<u8>, i64)],
        findings: &mut Findings,
    ) -> Result<(), Fault> {
        let marks: Vec<_> = (2..lines.len() + 2).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT l.stock_line_id, t.transaction_type, CAST(SUM(l.packs) AS BIGINT) \
             FROM stock_transaction_line l JOIN stock_transaction t ON t.id = l.transaction_id \
             WHERE t.status >= $1 AND l.stock_line_id IN ({}) GROUP BY l.stock_line_id, t.transaction_type",
            marks.join(", ")
        );
        let mut values = vec![status_number(TransactionStatus::Confirmed).into()];
        values.extend(lines.iter().map(|(id, _)| sea_orm::Value::from(id.clone())));
        let mut moved: HashMap<Vec<u8>, i64> = HashMap::new();
        for row in self.conn().rows(sql, values).await? {
            let packs: i64 = column(&row, 2)?;
            let adds = code::transaction_type(column(&row, 1)?)?.adds_stock();
            let sum = moved.entry(column(&row, 0)?).or_default();
            *sum = if adds {
                sum.saturating_add(packs)
            } else {
                sum.saturating_sub(packs)
            };
        }
        for (id, total) in lines {
            let sum = moved.get(id).copied().unwrap_or(0);
            if sum != *total {
                let key = RecordKey {
                    kind: Kind::STOCK_LINE,
                    id: record_id(id.clone())?,
                };
                let (stock, sum) = (Amount::from_micros(*total), Amount::from_micros(sum));
                let words = format!("the stock is {stock} packs, its movements add up to {sum}");
                let channel = Some(Channel::StoreStock(store));
                findings.add(Finding::new(Flaw::Movements, channel, Some(key), words));
            }
        }
        Ok(())
    }
}
