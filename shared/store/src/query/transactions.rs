//! Transactions with their lines: by id, by number, and listed, newest first.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use supplysync_model::{
    Fault, StoreId, Transaction, TransactionId, TransactionLine, TransactionStatus, TransactionType,
};

use super::page::{PageOf, PageQuery, cut, place};
use super::{Versioned, column};
use crate::Queries;
use crate::fault::database;
use crate::projection::code::{status_number, type_number};
use crate::projection::entity::stock_transaction::{Column, Entity, Model};
use crate::projection::entity::transaction_line;

/// Transactions whose lines are read at once.
const KEYS: usize = 500;

/// Which transactions a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Of this store.
    pub store: StoreId,
    /// Of this type only.
    pub transaction_type: Option<TransactionType>,
    /// With this status only.
    pub status: Option<TransactionStatus>,
    /// With this number only (each type counts by itself).
    pub number: Option<u64>,
}

impl Queries {
    /// One transaction.
    pub async fn transaction(&self, id: TransactionId) -> Result<Option<Versioned<Transaction>>, Fault> {
        Ok(self.transactions(&[id]).await?.pop())
    }

    /// The transactions with these ids, in no order; an unknown id is left out.
    pub async fn transactions(&self, ids: &[TransactionId]) -> Result<Vec<Versioned<Transaction>>, Fault> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(KEYS) {
            let ids = some.iter().map(|id| id.to_bytes().to_vec());
            found.extend(
                Entity::find()
                    .filter(Column::Id.is_in(ids))
                    .all(self.conn().orm())
                    .await
                    .map_err(database)?,
            );
        }
        self.with_lines(found).await
    }

    /// A page of a store's transactions, newest first.
    pub async fn list_transactions(
        &self,
        filter: &TransactionFilter,
        page: &PageQuery,
    ) -> Result<PageOf<Versioned<Transaction>>, Fault> {
        let mut select = Entity::find().filter(Column::StoreId.eq(filter.store.to_bytes().to_vec()));
        if let Some(wanted) = filter.transaction_type {
            select = select.filter(Column::TransactionType.eq(type_number(wanted)));
        }
        if let Some(status) = filter.status {
            select = select.filter(Column::Status.eq(status_number(status)));
        }
        if let Some(number) = filter.number {
            select = select.filter(Column::Number.eq(number as i64));
        }
        if let Some([id]) = page.place_of_ids(1)?.as_deref() {
            select = select.filter(Column::Id.lt(id.clone()));
        }
        let limit = page.limit();
        let select = select.order_by_desc(Column::Id).limit(limit as u64 + 1);
        let rows = select.all(self.conn().orm()).await.map_err(database)?;
        let (rows, next) = cut(rows, limit, |row: &Model| place(&[], &[&row.id]));
        Ok(PageOf {
            rows: self.with_lines(rows).await?,
            next,
        })
    }

    /// The number that the next transaction of a store and type gets. Numbers of deleted transactions at the end are
    /// given again; those of others never.
    pub async fn next_transaction_number(
        &self,
        store: StoreId,
        wanted: TransactionType,
    ) -> Result<u64, Fault> {
        let sql = "SELECT MAX(number) FROM stock_transaction WHERE store_id = $1 AND transaction_type = $2";
        let values = vec![store.to_bytes().to_vec().into(), type_number(wanted).into()];
        let row = self.conn().row(sql, values).await?;
        let highest: Option<i64> = row.map(|row| column(&row, 0)).transpose()?.flatten();
        Ok(highest.unwrap_or(0) as u64 + 1)
    }

    /// Whether no transaction of this type has this number in the store.
    pub async fn is_number_free(
        &self,
        store: StoreId,
        of_type: TransactionType,
        number: u64,
    ) -> Result<bool, Fault> {
        let sql =
            "SELECT 1 FROM stock_transaction WHERE store_id = $1 AND transaction_type = $2 AND number = $3";
        let values = vec![
            store.to_bytes().to_vec().into(),
            type_number(of_type).into(),
            (number as i64).into(),
        ];
        Ok(self.conn().row(sql, values).await?.is_none())
    }

    async fn with_lines(&self, rows: Vec<Model>) -> Result<Vec<Versioned<Transaction>>, Fault> {
        let mut lines: HashMap<Vec<u8>, Vec<TransactionLine>> = HashMap::with_capacity(rows.len());
        for some in rows.chunks(KEYS) {
            let ids = some.iter().map(|row| row.id.clone());
            let select = transaction_line::Entity::find()
                .filter(transaction_line::Column::TransactionId.is_in(ids))
                .order_by_asc(transaction_line::Column::TransactionId)
                .order_by_asc(transaction_line::Column::Position);
            for line in select.all(self.conn().orm()).await.map_err(database)? {
                lines
                    .entry(line.transaction_id.clone())
                    .or_default()
                    .push(line.try_into()?);
            }
        }
        let with = |row: Model| {
            let lines = lines.remove(&row.id).unwrap_or_default();
            row.with_lines(lines)
        };
        rows.into_iter().map(with).collect()
    }
}
