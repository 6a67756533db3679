//! The row of what one site must know; the copies it keeps are in `site_copy`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site_settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_id: i64,
    pub interval_minutes: i64,
    pub live: bool,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
    pub remove_withdrawn: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
