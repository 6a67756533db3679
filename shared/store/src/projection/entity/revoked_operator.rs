//! The row of an operator whose certificates were revoked.

use sea_orm::entity::prelude::*;
use supplysync_model::{RevokedOperator, Timestamp};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revoked_operator")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub name: String,
    pub revoked_at: i64,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Versioned<RevokedOperator> {
    fn from(row: Model) -> Self {
        Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: RevokedOperator {
                name: row.name,
                revoked_at: Timestamp(row.revoked_at),
            },
        }
    }
}
