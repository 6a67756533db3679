//! Forgetting a site that was taken off the network, so that its Sync ID starts clean when it is used again.

use supplysync_model::{Fault, StoreId, SyncId};

use crate::fault::{damaged, database};
use crate::notice::Notice;
use crate::projection::code;
use crate::query::column;
use crate::{Queries, WriteTx};

impl WriteTx {
    /// Forgets the peer's database, how far it was in each channel, and its lease: a session of its that is open loses
    /// that. What it wrote, and its quarantine, stay.
    pub async fn forget_peer(&mut self, site: SyncId) -> Result<(), Fault> {
        let number = || vec![i32::from(site.get()).into()];
        let conn = self.conn();
        conn.execute("DELETE FROM cursor WHERE peer = $1", number())
            .await?;
        conn.execute("DELETE FROM repair WHERE peer = $1", number())
            .await?;
        conn.execute("DELETE FROM peer WHERE site = $1", number()).await?;
        conn.execute("DELETE FROM session_lease WHERE site = $1", number())
            .await?;
        self.notify(Notice::Lease(site));
        Ok(())
    }
}

impl Queries {
    /// How many changes that this site sent are in open quarantine.
    pub async fn open_quarantine_from(&self, site: SyncId) -> Result<u64, Fault> {
        let sql = "SELECT COUNT(*) FROM quarantine WHERE resolved_at IS NULL AND from_site = $1";
        let row = self.conn().row(sql, vec![i32::from(site.get()).into()]).await?;
        let row = row.ok_or_else(|| damaged("a count without a row"))?;
        Ok(row.try_get_by_index::<i64>(0).map_err(database)? as u64)
    }

    /// Stores that were taken from this site by force since it was last heard, with what was known to be left behind, in
    /// words; a hundred at most. A site that never synchronised can't have worked on any.
    pub async fn left_behind_on(&self, site: SyncId) -> Result<Vec<(StoreId, String)>, Fault> {
        let sql = "SELECT m.store_id, m.missing FROM store_move m JOIN peer p ON p.site = m.from_site \
                   WHERE m.forced AND m.from_site = $1 AND m.ended_at IS NOT NULL \
                   AND p.seen_at < m.ended_at ORDER BY m.begun_at, m.store_id LIMIT 100";
        let rows = self.conn().rows(sql, vec![i32::from(site.get()).into()]).await?;
        let found = rows
            .iter()
            .map(|row| Ok((code::id(column(row, 0)?)?, column(row, 1)?)));
        found.collect()
    }
}
