//! Which copies a satellite wishes to keep, and granting them. What is served of it is in `peer::serve`, what goes of a copy
//! that was withdrawn in `withdrawn`.

use std::collections::BTreeSet;

use supplysync_model::{CopyGrant, CopyWish, Fault, SiteSettings, StoreId, SyncId, Withdrawn};
use supplysync_record_codec::RecordBody;

use crate::projection::code::{self, bytes};
use crate::projection::raw::{Rows, Table};
use crate::query::column;
use crate::{AuditEntry, OwnChange, Queries, WriteTx};

/// A satellite keeps its own wish, the primary those that are not decided yet.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE copy_wish (
        site INTEGER NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL,
        at BIGINT NOT NULL,
        noted BOOLEAN NOT NULL
    )",
    "CREATE TABLE copy_wish_store (site INTEGER NOT NULL, store_id BLOB NOT NULL, PRIMARY KEY (site, store_id))",
    "ALTER TABLE site_settings ADD COLUMN remove_withdrawn BOOLEAN NOT NULL DEFAULT FALSE",
];

const STORES: Table = Table {
    name: "copy_wish_store",
    columns: &["site", "store_id"],
    key: 2,
    lasting: &[],
    keep: 0,
};

/// The local preference that holds how wishes are granted (primary).
const GRANT: &str = "copies.grant";
const ANY: &[u8] = b"any";

impl Queries {
    /// The copies that a site wishes to keep: this one, or on the primary a satellite whose wish is not decided yet.
    pub async fn copy_wish(&self, site: SyncId) -> Result<Option<CopyWish>, Fault> {
        let number = || vec![i32::from(site.get()).into()];
        let sql = "SELECT version FROM copy_wish WHERE site = $1";
        let Some(row) = self.conn().row(sql, number()).await? else {
            return Ok(None);
        };
        let sql = "SELECT store_id FROM copy_wish_store WHERE site = $1 ORDER BY store_id LIMIT 10000";
        let rows = self.conn().rows(sql, number()).await?;
        let stores = rows.iter().map(|row| code::id(column(row, 0)?));
        Ok(Some(CopyWish {
            version: column::<i64>(&row, 0)? as u64,
            stores: stores.collect::<Result<_, _>>()?,
        }))
    }

    /// Whether wishes are granted by themselves (primary).
    pub async fn copy_grant(&self) -> Result<CopyGrant, Fault> {
        Ok(match self.preference(GRANT).await?.as_deref() {
            Some(ANY) => CopyGrant::Any,
            _ => CopyGrant::Ask,
        })
    }

    /// What of a wish can be granted: stores that there are, and that are not active at the site (primary).
    pub async fn grantable(&self, site: SyncId, wish: &CopyWish) -> Result<Vec<StoreId>, Fault> {
        let own: BTreeSet<_> = self.stores_of_site(site).await?.into_iter().collect();
        let known = self.stores(&wish.stores).await?.into_iter();
        let known = known.filter(|store| !store.retired).map(|store| store.value.id);
        let granted: BTreeSet<_> = known.filter(|store| !own.contains(store)).collect();
        Ok(granted.into_iter().collect())
    }

    /// The wish that the primary has not noted (satellite).
    pub(crate) async fn unnoted_wish(&self) -> Result<Option<CopyWish>, Fault> {
        let sql = "SELECT 1 FROM copy_wish WHERE site = $1 AND NOT noted";
        let here = self.sync_id();
        match self.conn().row(sql, vec![i32::from(here.get()).into()]).await? {
            Some(_) => self.copy_wish(here).await,
            None => Ok(None),
        }
    }
}

impl WriteTx {
    /// Wishes for copies of exactly these stores; the primary hears of it in the next session (satellite).
    pub async fn wish_for_copies(&mut self, stores: &[StoreId]) -> Result<(), Fault> {
        let here = self.sync_id();
        let before = self.copy_wish(here).await?;
        let wish = CopyWish {
            version: before.map_or(1, |wish| wish.version + 1),
            stores: stores.to_vec(),
        };
        self.keep_wish(here, &wish).await
    }

    pub(crate) async fn wish_noted(&mut self, version: u64) -> Result<(), Fault> {
        let sql = "UPDATE copy_wish SET noted = TRUE WHERE site = $1 AND version = $2";
        let values = vec![i32::from(self.sync_id().get()).into(), (version as i64).into()];
        self.conn().execute(sql, values).await.map(drop)
    }

    /// Stores what a site wishes for, and grants it if that needs nobody's word (primary).
    pub(crate) async fn record_wish(&mut self, peer: SyncId, wish: CopyWish) -> Result<(), Fault> {
        self.keep_wish(peer, &wish).await?;
        if self.copy_grant().await? == CopyGrant::Any {
            self.grant_wish(peer).await?;
        }
        Ok(())
    }

    /// Grants what a site wishes for, if it wishes for anything (primary).
    pub async fn grant_wish(&mut self, site: SyncId) -> Result<(), Fault> {
        let Some(wish) = self.copy_wish(site).await? else {
            return Ok(());
        };
        let settings = self.site_settings(site).await?.filter(|found| !found.retired);
        let Some(old) = settings.map(|found| found.value) else {
            // A site that was removed has no settings.
            return self.forget_wish(site).await;
        };
        let granted = self.grantable(site, &wish).await?;
        let new = self.grant_copies(&old, granted, None).await?;
        if old == new {
            return Ok(());
        }
        let entry = AuditEntry {
            at: self.now(),
            principal: format!("site/{site}"),
            from: String::new(),
            action: "sites.set_copies".to_owned(),
            subject: site.to_string(),
            old: copies_in_words(&old),
            new: format!("{}, as it wishes", copies_in_words(&new)),
        };
        self.audit(entry).await
    }

    /// Grants a site copies of exactly these stores, and decides what becomes of others if that is said; its wish is
    /// decided. `before` are its settings as they are; those that it has then (primary).
    pub async fn grant_copies(
        &mut self,
        before: &SiteSettings,
        stores: Vec<StoreId>,
        withdrawn: Option<Withdrawn>,
    ) -> Result<SiteSettings, Fault> {
        let after = SiteSettings {
            copies: stores,
            withdrawn: withdrawn.unwrap_or(before.withdrawn),
            ..before.clone()
        };
        if after != *before {
            let change = OwnChange {
                body: RecordBody::SiteSettings(after.clone()),
                deleted: false,
                expected: None,
            };
            self.put(vec![change]).await?;
        }
        self.forget_wish(before.sync_id).await?;
        Ok(after)
    }

    /// Whether wishes are granted by themselves from now on; those that wait are (primary).
    pub async fn set_copy_grant(&mut self, grant: CopyGrant) -> Result<(), Fault> {
        let value = match grant {
            CopyGrant::Any => ANY.to_vec(),
            CopyGrant::Ask => b"ask".to_vec(),
        };
        self.set_preference(GRANT, value).await?;
        if grant == CopyGrant::Any {
            let sql = "SELECT site FROM copy_wish ORDER BY site LIMIT 65536";
            for row in self.conn().rows(sql, vec![]).await? {
                self.grant_wish(crate::raw::site(column(&row, 0)?)?).await?;
            }
        }
        Ok(())
    }

    async fn keep_wish(&mut self, site: SyncId, wish: &CopyWish) -> Result<(), Fault> {
        let number = i32::from(site.get());
        let sql = "INSERT INTO copy_wish (site, version, at, noted) VALUES ($1, $2, $3, FALSE) \
                   ON CONFLICT (site) DO UPDATE SET version = excluded.version, at = excluded.at, noted = FALSE";
        let values = vec![number.into(), (wish.version as i64).into(), self.now().0.into()];
        self.conn().execute(sql, values).await?;
        let sql = "DELETE FROM copy_wish_store WHERE site = $1";
        self.conn().execute(sql, vec![number.into()]).await?;
        let mut rows = Rows::new(&STORES);
        for store in &wish.stores {
            rows.push([number.into(), bytes(store.to_bytes())]);
        }
        rows.upsert(self.conn()).await
    }

    /// Forgets a wish that is decided, or whose site is no more (primary).
    pub async fn forget_wish(&mut self, site: SyncId) -> Result<(), Fault> {
        for table in ["copy_wish", "copy_wish_store"] {
            let sql = format!("DELETE FROM {table} WHERE site = $1");
            let number = i32::from(site.get());
            self.conn().execute(sql, vec![number.into()]).await?;
        }
        Ok(())
    }
}

/// The copies in a site's settings, and what becomes of others, for the audit log.
pub fn copies_in_words(settings: &SiteSettings) -> String {
    let ids: Vec<_> = settings.copies.iter().map(StoreId::to_string).collect();
    let mut words = match ids.is_empty() {
        true => "none".to_owned(),
        false => ids.join(", "),
    };
    if settings.withdrawn == Withdrawn::Remove {
        words += "; what is withdrawn is removed there";
    }
    words
}
