//! The row of a store whose copy a site keeps.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site_copy")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub store_id: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
