//! The row of a unit.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, Unit};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub name: String,
    pub name_key: Vec<u8>,
    pub description: String,
    pub position: i64,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Versioned<Unit> {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: Unit {
                id: code::id(row.id)?,
                name: row.name,
                description: row.description,
                index: row.position as u32,
            },
        })
    }
}
