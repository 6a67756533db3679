//! The row of a name.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, Name};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "name")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub code: String,
    pub code_key: Vec<u8>,
    pub name: String,
    pub name_key: Vec<u8>,
    pub roles: i64,
    pub on_hold: bool,
    pub address: String,
    pub country: String,
    pub phone: String,
    pub email: String,
    pub store_id: Option<Vec<u8>>,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Versioned<Name> {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: Name {
                id: code::id(row.id)?,
                code: row.code,
                name: row.name,
                roles: code::roles(row.roles),
                on_hold: row.on_hold,
                address: row.address,
                country: row.country,
                phone: row.phone,
                email: row.email,
                store: code::optional_id(row.store_id)?,
            },
        })
    }
}
