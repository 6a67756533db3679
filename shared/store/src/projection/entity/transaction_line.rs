//! The row of a line of a transaction.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, TransactionLine};

use crate::projection::code;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_transaction_line")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub transaction_id: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub item_id: Vec<u8>,
    pub stock_line_id: Option<Vec<u8>>,
    pub batch: String,
    pub expiry_day: Option<i64>,
    pub packs: i64,
    pub pack_size: i64,
    pub cost_price: i64,
    pub sell_price: i64,
    pub note: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for TransactionLine {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(TransactionLine {
            item: code::id(row.item_id)?,
            stock_line: code::optional_id(row.stock_line_id)?,
            batch: row.batch,
            expiry_date: code::date(row.expiry_day)?,
            packs: code::amount(row.packs),
            pack_size: code::amount(row.pack_size),
            cost_price: code::amount(row.cost_price),
            sell_price: code::amount(row.sell_price),
            note: row.note,
        })
    }
}
