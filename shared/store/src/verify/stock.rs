//! Σ movements = stock, for each stock line of the stores active here and of copies that are caught up.

use std::collections::VecDeque;

use supplysync_model::{Amount, Channel, Fault, Kind, RecordKey, StoreId};

use super::finding::{Finding, Findings, Flaw};
use crate::Queries;
use crate::held::record_id;
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
                let channel = Some(Channel::StoreStock(store));
                findings.add(Finding::new(Flaw::Movements, channel, Some(key), words));
            }
        }
        Ok(())
    }
}
