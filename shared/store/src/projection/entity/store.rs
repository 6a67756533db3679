//! The row of a store.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, Store};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "store")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub code: String,
    pub code_key: Vec<u8>,
    pub name: String,
    pub name_key: Vec<u8>,
    pub name_id: Option<Vec<u8>>,
    pub mode: i64,
    pub disabled: bool,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Versioned<Store> {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: Store {
                id: code::id(row.id)?,
                code: row.code,
                name: row.name,
                name_id: code::optional_id(row.name_id)?,
                mode: code::mode(row.mode)?,
                disabled: row.disabled,
            },
        })
    }
}
