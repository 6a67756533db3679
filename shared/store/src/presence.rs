//! Which sites have a session at any program on one PostgreSQL: for each of its own a program holds a shared advisory lock, on
//! the connection that hears notices. Nothing is written, and what a program held is gone with it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use sea_orm::DbBackend;
use sqlx::postgres::PgListener;
use supplysync_model::{Fault, SyncId};

use crate::fault::database;
use crate::raw::site;
use crate::{Queries, Store};

/// "Ssyn": the first of the two numbers of each lock; the second is the site's.
const CLASS: i32 = 0x5373_796e;

impl Store {
    /// Says which sites have a session at this program. On SQLite there is nobody else to be told.
    pub fn set_present(&self, sites: BTreeSet<SyncId>) {
        self.inner.listening.present.send_if_modified(|present| {
            let changed = *present != sites;
            *present = sites;
            changed
        });
    }

    /// The sites that have a session at another program on this database; none on SQLite.
    pub async fn present_elsewhere(&self) -> Result<BTreeSet<SyncId>, Fault> {
        if self.inner.pools.backend != DbBackend::Postgres {
            return Ok(BTreeSet::new());
        }
        let own = self.inner.listening.backend.load(Ordering::Relaxed);
        let read = self.read("who is connected elsewhere", move |tx| {
            async move { present_except(tx, own).await }.boxed()
        });
        read.await
    }
}

async fn present_except(tx: &Queries, own: i32) -> Result<BTreeSet<SyncId>, Fault> {
    let sql = format!(
        "SELECT DISTINCT CAST(CAST(objid AS BIGINT) AS INTEGER) FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND classid = {CLASS} AND objsubid = 2 AND objid BETWEEN 1 AND 65535 AND pid <> $1 AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    let rows = tx.conn().rows(sql, vec![own.into()]).await?;
    let sites = rows
        .iter()
        .map(|row| site(row.try_get_by_index(0).map_err(database)?));
    sites.collect()
}

/// Takes and gives back locks until those that are held are those that are wanted.
pub(crate) async fn hold(
    listener: &mut PgListener,
    held: &mut BTreeSet<SyncId>,
    wanted: &BTreeSet<SyncId>,
) -> Result<(), sqlx::Error> {
    let gone: Vec<SyncId> = held.difference(wanted).copied().collect();
    for site in gone {
        lock(listener, "pg_advisory_unlock_shared", site).await?;
        held.remove(&site);
    }
    let come: Vec<SyncId> = wanted.difference(held).copied().collect();
    for site in come {
        lock(listener, "pg_advisory_lock_shared", site).await?;
        held.insert(site);
    }
    Ok(())
}

async fn lock(listener: &mut PgListener, function: &'static str, site: SyncId) -> Result<(), sqlx::Error> {
    let sql = format!("SELECT {function}({CLASS}, $1)");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(i32::from(site.get()))
        .execute(listener)
        .await
        .map(drop)
}
