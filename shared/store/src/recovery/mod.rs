//! Recovery of a satellite's restored or copied database (DESIGN 7): what is kept of it, how a new life begins (`begin`).
//! How own stores are loaded back is in `apply::reunite`, the verdicts are in sync-core; what people do about stock is in `node`.

mod begin;

use std::collections::BTreeMap;

use futures::FutureExt;
use supplysync_model::{
    Assignment, Channel, Fault, FaultCode, Incarnation, Reason, Seq, StoreId, SyncId, Timestamp,
};
use supplysync_sync_core::{Cursor, Direction};

use crate::fault::{damaged, database};
use crate::{Queries, Store, WriteTx, cursor};

/// A recovery is a row until the primary has noted that it is over; `life_began_at` is when the present life of a
/// site's database began, as the primary knows it, and what is `former` in quarantine was sent by an earlier one.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE recovery (
        id INTEGER NOT NULL PRIMARY KEY,
        step INTEGER NOT NULL,
        asked_at BIGINT NOT NULL,
        backup_seq BIGINT,
        began BIGINT NOT NULL,
        confirms BOOLEAN NOT NULL
    )",
    "ALTER TABLE peer ADD COLUMN recovering BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE peer ADD COLUMN life_began_at BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE quarantine ADD COLUMN former BOOLEAN NOT NULL DEFAULT FALSE",
];

/// Up to where a backup's past is the one that the primary knows, its head does not say: a copy of the database may have
/// gone on beside it.
pub(crate) const BACKUP_HEAD_SAYS_NOTHING: &[&str] = &["ALTER TABLE recovery DROP COLUMN backup_seq"];

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecoveryStep {
    /// A new life is to be asked for.
    Asked,
    /// It has begun, and neither a batch nor an ack came yet, which says that the primary knows.
    Adopted,
    /// The site's own stores are being loaded back.
    Loading,
    /// They are back; stock and numbers are to be put right.
    Loaded,
    /// All is done; the primary is to be told.
    Done,
}

const STEPS: [RecoveryStep; 5] = [
    RecoveryStep::Asked,
    RecoveryStep::Adopted,
    RecoveryStep::Loading,
    RecoveryStep::Loaded,
    RecoveryStep::Done,
];

/// A recovery under way (satellite).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// How far it is.
    pub step: RecoveryStep,
    /// When a person decided that this database goes on.
    pub asked_at: Timestamp,
    /// The seq where the new life began; zero before it has.
    pub began: Seq,
    /// Whether transactions may be confirmed although the primary was not reached yet.
    pub confirms: bool,
}

impl Recovery {
    /// Whether what this site has must wait: it may be of another past than the primary's.
    pub fn holds_back(&self) -> bool {
        self.step < RecoveryStep::Done
    }

    /// Whether a new life is to be asked for: until something came that proves that the primary knows of it.
    pub fn asks_for_life(&self) -> bool {
        self.step < RecoveryStep::Loading
    }
}

impl Store {
    /// Notes that a person decided that this database, put back or copied, is the one that goes on. It begins again if a
    /// recovery is under way.
    ///
    /// # Errors
    /// `NOT_IN_THIS_VERSION` on the primary.
    pub async fn ask_recovery(&self, confirms: bool) -> Result<(), Fault> {
        self.write("ask for recovery", move |tx| {
            async move { tx.ask_recovery(confirms).await }.boxed()
        })
        .await
    }

    /// The recovery under way.
    pub async fn recovery(&self) -> Result<Option<Recovery>, Fault> {
        self.read("recovery", |tx| async move { tx.recovery().await }.boxed())
            .await
    }
}

impl Queries {
    /// The recovery under way.
    pub async fn recovery(&self) -> Result<Option<Recovery>, Fault> {
        let sql = "SELECT step, asked_at, began, confirms FROM recovery WHERE id = 1";
        let Some(row) = self.conn().row(sql, vec![]).await? else {
            return Ok(None);
        };
        let step: i32 = row.try_get_by_index(0).map_err(database)?;
        let step = usize::try_from(step).ok().and_then(|step| STEPS.get(step));
        Ok(Some(Recovery {
            step: *step.ok_or_else(|| damaged("a step of recovery that does not exist"))?,
            asked_at: Timestamp(row.try_get_by_index(1).map_err(database)?),
            began: row.try_get_by_index::<i64>(2).map_err(database)? as Seq,
            confirms: row.try_get_by_index(3).map_err(database)?,
        }))
    }

    /// The recovery under way, while what this site has must wait for it.
    pub(crate) async fn recovery_holding_back(&self) -> Result<Option<Recovery>, Fault> {
        Ok(self.recovery().await?.filter(Recovery::holds_back))
    }

    /// The life of this database that has taken back everything, if the primary is still to be told; and again if a backup
    /// of it, made in between, serves this site its own stores.
    pub(crate) async fn recovered(&self) -> Result<Option<Incarnation>, Fault> {
        let tells = match self.recovery().await? {
            Some(recovery) => recovery.step == RecoveryStep::Done,
            None => self.met_life().await?.is_some() && self.is_served_its_own().await?,
        };
        Ok(self.head.incarnation.filter(|_| tells))
    }

    async fn is_served_its_own(&self) -> Result<bool, Fault> {
        let own = self.stores_of_site(self.sync_id()).await?;
        let known = self.cursors_with(SyncId::PRIMARY, Direction::Pull).await?;
        Ok(known
            .iter()
            .any(|row| row.channel.store().is_some_and(|store| own.contains(&store))))
    }

    async fn own_assignments(&self) -> Result<BTreeMap<StoreId, Assignment>, Fault> {
        let own = self.stores_of_site(self.sync_id()).await?;
        self.assignments_now(own.into_iter()).await
    }

    /// Whether a store of this site, which it has not begun to write, has records of a newer program: they are to be read
    /// before this site writes beside them.
    pub async fn waits_for_upgrade(&self) -> Result<bool, Fault> {
        let own = self.own_assignments().await?;
        Ok(!self.unreadable_among(own.values()).await?.is_empty())
    }
}

impl WriteTx {
    async fn ask_recovery(&mut self, confirms: bool) -> Result<(), Fault> {
        if self.sync_id().is_primary() {
            return Err(Fault::new(
                FaultCode::FailedPrecondition,
                Reason::NOT_IN_THIS_VERSION,
                "a primary can't take back what its satellites have in this version: nothing was changed",
            ));
        }
        let sql = "INSERT INTO recovery (id, step, asked_at, began, confirms) \
                   VALUES (1, 0, $1, 0, $2) ON CONFLICT (id) DO UPDATE SET step = 0, \
                   asked_at = excluded.asked_at, began = 0, confirms = excluded.confirms";
        let values = vec![self.now().0.into(), confirms.into()];
        self.conn().execute(sql, values).await.map(drop)
    }

    pub(crate) async fn set_recovery_step(&mut self, step: RecoveryStep) -> Result<(), Fault> {
        let sql = "UPDATE recovery SET step = $1 WHERE id = 1";
        self.conn()
            .execute(sql, vec![(step as i32).into()])
            .await
            .map(drop)
    }

    /// An ack came, and with it the proof that the primary knows of the new life: it is not asked for again.
    pub(crate) async fn life_is_known(&mut self) -> Result<(), Fault> {
        let sql = "UPDATE recovery SET step = $1 WHERE id = 1 AND step = $2";
        let steps = [RecoveryStep::Loading, RecoveryStep::Adopted];
        let values = steps.map(|step| (step as i32).into());
        self.conn().execute(sql, values.into()).await.map(drop)
    }

    /// After a pull: how far the recovery is now.
    pub(crate) async fn advance_recovery(&mut self, recovery: &Recovery) -> Result<(), Fault> {
        if !matches!(recovery.step, RecoveryStep::Adopted | RecoveryStep::Loading) {
            return Ok(());
        }
        let step = match self.has_all_of_its_own().await? && !self.waits_for_upgrade().await? {
            true => RecoveryStep::Loaded,
            false => RecoveryStep::Loading,
        };
        if step == RecoveryStep::Loaded {
            // Whatever was handed over is here, and what was written since.
            let assignments = self.own_assignments().await?;
            self.take_over(assignments.values()).await?;
        }
        if step != recovery.step {
            self.set_recovery_step(step).await?;
        }
        Ok(())
    }

    /// Whether master data, and every channel of the stores active here, were caught up when they moved last.
    async fn has_all_of_its_own(&self) -> Result<bool, Fault> {
        let mut needed = vec![Channel::Master];
        let own = self.stores_of_site(self.sync_id()).await?;
        needed.extend(own.into_iter().flat_map(Channel::of_store));
        let known = self.cursors_with(SyncId::PRIMARY, Direction::Pull).await?;
        Ok(needed.iter().all(|channel| {
            known
                .iter()
                .any(|row| row.channel == *channel && row.caught_up_at.is_some())
        }))
    }

    /// Stock and numbers are right again: what this site has may go up, and the primary is to be told.
    pub async fn recovery_settled(&mut self) -> Result<(), Fault> {
        let loaded = self.recovery().await?;
        match loaded.filter(|recovery| recovery.step == RecoveryStep::Loaded) {
            Some(_) => self.set_recovery_step(RecoveryStep::Done).await,
            None => Ok(()),
        }
    }

    /// The primary has noted that this life has taken back everything.
    pub(crate) async fn recovery_noted(&mut self, life: Incarnation) -> Result<(), Fault> {
        if self.recovered().await? == Some(life) {
            self.conn().execute("DELETE FROM recovery", vec![]).await?;
        }
        Ok(())
    }

    /// A site has taken back everything: it is sent its own stores no more (primary).
    pub(crate) async fn record_recovered(&mut self, site: SyncId, life: Incarnation) -> Result<(), Fault> {
        if self.peer(site).await?.incarnation != Some(life) {
            return Ok(());
        }
        let sql = "UPDATE peer SET recovering = FALSE WHERE site = $1";
        self.conn()
            .execute(sql, vec![i32::from(site.get()).into()])
            .await
            .map(drop)
    }

    /// Up to where the primary has certainly seen what this site wrote, by channel number.
    pub(crate) async fn shared_up_to(&self, channels: Vec<i32>) -> Result<BTreeMap<i32, Seq>, Fault> {
        let acknowledged =
            cursor::of_channels(self.conn(), SyncId::PRIMARY, Direction::Push, channels.clone()).await?;
        let shared = channels.into_iter().map(|number| {
            let seq = match acknowledged.get(&number) {
                Some(Cursor::Following { seq }) => *seq,
                _ => 0,
            };
            (number, seq)
        });
        Ok(shared.collect())
    }
}
