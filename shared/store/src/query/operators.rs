//! Operators whose certificates were revoked, as every site knows them. Bounded by the number of operators.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use supplysync_model::{Fault, RecordId, RevokedOperator};

use super::Versioned;
use crate::Queries;
use crate::fault::database;
use crate::projection::entity::revoked_operator::{Column, Entity};

/// More than a network has operators.
const OPERATORS: u64 = 100_000;

impl Queries {
    /// Every one.
    pub async fn revoked_operators(&self) -> Result<Vec<RevokedOperator>, Fault> {
        let select = Entity::find()
            .filter(Column::Retired.eq(false))
            .order_by_asc(Column::Id)
            .limit(OPERATORS);
        let rows = select.all(self.conn().orm()).await.map_err(database)?;
        let found = rows.into_iter().map(Versioned::from);
        Ok(found.map(|found| found.value).collect())
    }

    /// Those with these record ids, retired or not; a page of records at most.
    pub(crate) async fn revoked_operators_by_id(
        &self,
        ids: &[RecordId],
    ) -> Result<Vec<Versioned<RevokedOperator>>, Fault> {
        let ids = ids.iter().map(|id| id.to_bytes().to_vec());
        let select = Entity::find().filter(Column::Id.is_in(ids));
        let rows = select.all(self.conn().orm()).await.map_err(database)?;
        Ok(rows.into_iter().map(Versioned::from).collect())
    }
}
