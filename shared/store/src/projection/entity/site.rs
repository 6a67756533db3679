//! The row of a site.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, Site};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_id: i64,
    pub name: String,
    pub url: String,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Versioned<Site> {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: Site {
                sync_id: code::sync_id(row.sync_id)?,
                name: row.name,
                url: row.url,
            },
        })
    }
}
