//! The row of a stock line.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, StockLine};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub store_id: Vec<u8>,
    pub item_id: Vec<u8>,
    pub batch: String,
    pub expiry_day: Option<i64>,
    pub pack_size: i64,
    pub packs_total: i64,
    pub packs_available: i64,
    pub cost_price: i64,
    pub sell_price: i64,
    pub supplier_id: Option<Vec<u8>>,
    pub location_code: String,
    pub on_hold: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Versioned<StockLine> {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: false,
            value: StockLine {
                id: code::id(row.id)?,
                store: code::id(row.store_id)?,
                item: code::id(row.item_id)?,
                batch: row.batch,
                expiry_date: code::date(row.expiry_day)?,
                pack_size: code::amount(row.pack_size),
                packs_total: code::amount(row.packs_total),
                packs_available: code::amount(row.packs_available),
                cost_price: code::amount(row.cost_price),
                sell_price: code::amount(row.sell_price),
                supplier: code::optional_id(row.supplier_id)?,
                location_code: row.location_code,
                on_hold: row.on_hold,
            },
        })
    }
}
