//! Sites, where stores are active, and what one site is told. Bounded by the number of sites and stores.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use supplysync_model::{Assignment, AssignmentState, Fault, Site, SiteSettings, StoreId, SyncId, Withdrawn};

use super::Versioned;
use crate::Queries;
use crate::fault::database;
use crate::projection::code;
use crate::projection::entity::{assignment, site, site_copy, site_settings};

/// More stores than a network has.
const STORES: u64 = 100_000;
/// Keys in one statement.
const KEYS: usize = 500;

impl Queries {
    /// A site that is registered, or was.
    pub async fn site(&self, id: SyncId) -> Result<Option<Versioned<Site>>, Fault> {
        let row = site::Entity::find_by_id(i64::from(id.get()))
            .one(self.conn().orm())
            .await
            .map_err(database)?;
        row.map(Versioned::try_from).transpose()
    }

    /// Every site, by Sync ID.
    pub async fn sites(&self) -> Result<Vec<Versioned<Site>>, Fault> {
        let select = site::Entity::find().order_by_asc(site::Column::SyncId);
        let rows = select
            .limit(u64::from(u16::MAX))
            .all(self.conn().orm())
            .await
            .map_err(database)?;
        rows.into_iter().map(Versioned::try_from).collect()
    }

    /// Where a store is active.
    pub async fn assignment(&self, store: StoreId) -> Result<Option<Assignment>, Fault> {
        let found = self.assignments(&[store]).await?;
        Ok(found
            .into_iter()
            .find(|assignment| !assignment.retired)
            .map(|assignment| assignment.value))
    }

    /// Where these stores are active; a store that is assigned nowhere is left out.
    pub async fn assignments(&self, stores: &[StoreId]) -> Result<Vec<Versioned<Assignment>>, Fault> {
        let mut found = Vec::with_capacity(stores.len());
        for some in stores.chunks(KEYS) {
            let ids = some.iter().map(|store| store.to_bytes().to_vec());
            let select = assignment::Entity::find().filter(assignment::Column::StoreId.is_in(ids));
            found.extend(select.all(self.conn().orm()).await.map_err(database)?);
        }
        found.into_iter().map(Versioned::try_from).collect()
    }

    /// Every assignment, by site.
    pub async fn all_assignments(&self) -> Result<Vec<Versioned<Assignment>>, Fault> {
        let select = assignment::Entity::find()
            .order_by_asc(assignment::Column::Site)
            .order_by_asc(assignment::Column::StoreId);
        let rows = select
            .limit(STORES)
            .all(self.conn().orm())
            .await
            .map_err(database)?;
        rows.into_iter().map(Versioned::try_from).collect()
    }

    /// Every assignment by which a store is on its way to another site, by store.
    pub(crate) async fn draining_assignments(&self) -> Result<Vec<Versioned<Assignment>>, Fault> {
        let select = assignment::Entity::find()
            .filter(assignment::Column::DrainingTo.is_not_null())
            .order_by_asc(assignment::Column::StoreId);
        let rows = select
            .limit(STORES)
            .all(self.conn().orm())
            .await
            .map_err(database)?;
        rows.into_iter().map(Versioned::try_from).collect()
    }

    /// The stores whose data a site is sent though it is not active there: the copies granted to it, and what is to move
    /// or on its way to it. By id.
    pub async fn stores_served(&self, id: SyncId) -> Result<Vec<StoreId>, Fault> {
        let settings = self.site_settings(id).await?.filter(|settings| !settings.retired);
        let copies = settings.map(|settings| settings.value.copies).unwrap_or_default();
        let coming = self
            .draining_assignments()
            .await?
            .into_iter()
            .filter(|found| !found.retired && found.value.state == AssignmentState::Draining { to: id });
        let own: BTreeSet<StoreId> = self.stores_of_site(id).await?.into_iter().collect();
        let served = copies
            .into_iter()
            .chain(coming.map(|found| found.value.store))
            .chain(self.loading_to(id).await?);
        let served: BTreeSet<StoreId> = served.filter(|store| !own.contains(store)).collect();
        Ok(served.into_iter().collect())
    }

    /// The stores assigned to a site, whatever the state, by id.
    pub async fn stores_of_site(&self, id: SyncId) -> Result<Vec<StoreId>, Fault> {
        let select = assignment::Entity::find()
            .filter(assignment::Column::Site.eq(i64::from(id.get())))
            .filter(assignment::Column::Retired.eq(false))
            .order_by_asc(assignment::Column::StoreId);
        let rows = select
            .limit(STORES)
            .all(self.conn().orm())
            .await
            .map_err(database)?;
        rows.into_iter().map(|row| code::id(row.store_id)).collect()
    }

    /// What a site is told: its interval, live push and copies.
    pub async fn site_settings(&self, id: SyncId) -> Result<Option<Versioned<SiteSettings>>, Fault> {
        let number = i64::from(id.get());
        let conn = self.conn().orm();
        let Some(row) = site_settings::Entity::find_by_id(number)
            .one(conn)
            .await
            .map_err(database)?
        else {
            return Ok(None);
        };
        let copies = site_copy::Entity::find()
            .filter(site_copy::Column::SyncId.eq(number))
            .order_by_asc(site_copy::Column::StoreId)
            .limit(STORES);
        let copies = copies.all(conn).await.map_err(database)?;
        Ok(Some(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: SiteSettings {
                sync_id: id,
                interval_minutes: row.interval_minutes as u32,
                live: row.live,
                withdrawn: match row.remove_withdrawn {
                    true => Withdrawn::Remove,
                    false => Withdrawn::Keep,
                },
                copies: copies
                    .into_iter()
                    .map(|copy| code::id(copy.store_id))
                    .collect::<Result<_, _>>()?,
            },
        }))
    }
}
