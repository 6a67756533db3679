//! Stock lines: by id, of a store and some items, and listed.

use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use supplysync_model::{Date, Fault, ItemId, StockLine, StockLineId, StoreId};

use super::Versioned;
use super::page::{PageOf, PageQuery, cut, place};
use crate::Queries;
use crate::fault::database;
use crate::projection::code::day;
use crate::projection::entity::stock_line::{Column, Entity, Model};

/// Keys in one statement.
const KEYS: usize = 500;

/// Which stock lines a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLineFilter {
    /// Of this store.
    pub store: StoreId,
    /// Of this item only.
    pub item: Option<ItemId>,
    /// Only those that expire before this date.
    pub expiring_before: Option<Date>,
    /// Only those with packs.
    pub with_stock: bool,
}

impl Queries {
    /// One stock line.
    pub async fn stock_line(&self, id: StockLineId) -> Result<Option<Versioned<StockLine>>, Fault> {
        Ok(self.stock_lines(&[id]).await?.pop())
    }

    /// The stock lines with these ids, in no order; an unknown id is left out.
    pub async fn stock_lines(&self, ids: &[StockLineId]) -> Result<Vec<Versioned<StockLine>>, Fault> {
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
        found.into_iter().map(Versioned::try_from).collect()
    }

    /// The stock lines of some items in a store, in no order: for an incoming line that may join one of them.
    pub async fn stock_lines_of_items(
        &self,
        store: StoreId,
        items: &[ItemId],
    ) -> Result<Vec<Versioned<StockLine>>, Fault> {
        let mut found = Vec::new();
        for some in items.chunks(KEYS) {
            let items = some.iter().map(|id| id.to_bytes().to_vec());
            let select = Entity::find()
                .filter(Column::StoreId.eq(store.to_bytes().to_vec()))
                .filter(Column::ItemId.is_in(items));
            found.extend(select.all(self.conn().orm()).await.map_err(database)?);
        }
        found.into_iter().map(Versioned::try_from).collect()
    }

    /// A page of a store's stock lines, those of one item together.
    pub async fn list_stock_lines(
        &self,
        filter: &StockLineFilter,
        page: &PageQuery,
    ) -> Result<PageOf<Versioned<StockLine>>, Fault> {
        let mut select = Entity::find().filter(Column::StoreId.eq(filter.store.to_bytes().to_vec()));
        if let Some(item) = filter.item {
            select = select.filter(Column::ItemId.eq(item.to_bytes().to_vec()));
        }
        if let Some(date) = day(filter.expiring_before) {
            select = select.filter(Column::ExpiryDay.lt(date));
        }
        if filter.with_stock {
            select = select.filter(Column::PacksTotal.gt(0i64));
        }
        if let Some([item, id]) = page.place_of_ids(2)?.as_deref() {
            let later = Condition::any()
                .add(Column::ItemId.gt(item.clone()))
                .add(Column::Id.gt(id.clone()));
            select = select.filter(Column::ItemId.gte(item.clone())).filter(later);
        }
        let limit = page.limit();
        let select = select
            .order_by_asc(Column::ItemId)
            .order_by_asc(Column::Id)
            .limit(limit as u64 + 1);
        let rows = select.all(self.conn().orm()).await.map_err(database)?;
        let (rows, next) = cut(rows, limit, |row: &Model| place(&[], &[&row.item_id, &row.id]));
        Ok(PageOf {
            rows: rows
                .into_iter()
                .map(Versioned::try_from)
                .collect::<Result<_, _>>()?,
            next,
        })
    }
}
