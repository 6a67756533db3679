//! What the primary refused of this site's work, when that is replaced here: the primary keeps it in quarantine, and this site
//! in what is resolved of its own, in case that the primary's database is lost.

use supplysync_model::{Fault, Reason, Record, RecordKey, Seq};

use crate::fault::database;
use crate::held::{self, Held, record_id};
use crate::projection::raw::{by_keys, by_kind};
use crate::quarantine::Aside;
use crate::{Queries, WriteTx};

/// Why it is resolved here.
const WITH_THE_PRIMARY: &str = "refused by the primary, which keeps it";

impl Queries {
    /// Of what is replaced or removed here, this site's own work that the primary refused, or may have refused.
    pub(crate) async fn refused_among(&self, replaced: &[(RecordKey, Held)]) -> Result<Vec<Record>, Fault> {
        let here = self.sync_id();
        let own = replaced
            .iter()
            .filter(|(_, old)| old.origin_site == here && old.revision == old.seq);
        let own: Vec<_> = own.map(|(key, old)| (*key, old.seq)).collect();
        let mut refused = Vec::new();
        for (kind, ids) in by_kind(own.iter().map(|(key, _)| *key)) {
            let head = format!(
                "SELECT id, seq FROM refused_work WHERE kind = {} AND id IN ",
                kind.0
            );
            for (sql, values) in by_keys(self.conn().backend(), &head, ids) {
                for row in self.conn().rows(sql, values).await? {
                    let id = record_id(row.try_get_by_index(0).map_err(database)?)?;
                    let version = (
                        RecordKey { kind, id },
                        row.try_get_by_index::<i64>(1).map_err(database)? as Seq,
                    );
                    refused.extend(own.contains(&version).then_some(version.0));
                }
            }
        }
        held::whole(self.conn(), refused).await
    }
}

impl WriteTx {
    /// Keeps what is replaced although the primary refused it, without asking anybody about it.
    pub(crate) async fn keep_refused(&mut self, work: &[Record]) -> Result<(), Fault> {
        let open = self.open_versions(work.iter().map(|record| record.key)).await?;
        let here = self.sync_id();
        let kept: Vec<_> = work
            .iter()
            .filter(|record| !open.contains(&(record.key, record.hash)))
            .map(|record| Aside {
                record,
                reason: Reason::STALE_EPOCH,
                from: here,
            })
            .collect();
        self.set_changes_aside(&kept).await?;
        let head = format!(
            "UPDATE quarantine SET resolved_at = {}, resolution = '{WITH_THE_PRIMARY}' \
             WHERE resolved_at IS NULL AND from_site = {here} AND hash IN ",
            self.now().0
        );
        let hashes = kept.iter().map(|kept| kept.record.hash.0.to_vec().into());
        for (sql, values) in by_keys(self.conn().backend(), &head, hashes.collect()) {
            self.conn().execute(sql, values).await?;
        }
        Ok(())
    }

    /// The primary's database was lost, and what that kept with it: people here are asked.
    pub(crate) async fn ask_for_what_was_kept(&mut self) -> Result<(), Fault> {
        let sql = "UPDATE quarantine SET resolved_at = NULL, resolution = NULL WHERE resolution = $1";
        self.conn()
            .execute(sql, vec![WITH_THE_PRIMARY.into()])
            .await
            .map(drop)
    }
}
