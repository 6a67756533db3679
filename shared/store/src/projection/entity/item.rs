//! The row of an item.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, Item};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub code: String,
    pub code_key: Vec<u8>,
    pub name: String,
    pub name_key: Vec<u8>,
    pub item_type: i64,
    pub unit_id: Option<Vec<u8>>,
    pub strength: String,
    pub atc_code: String,
    pub ven_category: Option<i64>,
    pub default_pack_size: i64,
    pub vaccine: bool,
    pub critical: bool,
    pub active: bool,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Versioned<Item> {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: Item {
                id: code::id(row.id)?,
                code: row.code,
                name: row.name,
                item_type: code::item_type(row.item_type)?,
                unit: code::optional_id(row.unit_id)?,
                strength: row.strength,
                atc_code: row.atc_code,
                ven_category: row.ven_category.map(code::ven).transpose()?,
                default_pack_size: code::amount(row.default_pack_size),
                vaccine: row.vaccine,
                critical: row.critical,
                active: row.active,
            },
        })
    }
}
