//! The store itself: opening, identity, the named read and write closures, and the head that others watch.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm::DbBackend;
use supplysync_model::{Fault, Incarnation, Seq, SyncId};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::channel::ChannelNumbers;
use crate::connect::Pools;
use crate::fault::worth_repeating;
use crate::moves::Stood;
use crate::notice::{Listening, Notice, Notices};
use crate::trust::Trust;
use crate::tx::{ReadTx, WriteTx};
use crate::upkeep::Upkeep;
use crate::witness::Witness;
use crate::{Durability, Identity, NewIdentity, StoreConfig, StoreDeps, connect, measure, migrate, raw};

/// How often a transaction that lost a race is repeated.
const ATTEMPTS: u32 = 8;

/// A site's database.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What an embedded database takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskUse {
    /// Where its files are.
    pub folder: PathBuf,
    /// Bytes of the database.
    pub database: u64,
    /// Bytes of its write-ahead log.
    pub log: u64,
}

pub(crate) struct Inner {
    pub pools: Pools,
    pub deps: StoreDeps,
    pub numbers: ChannelNumbers,
    pub stood: Stood,
    identity: RwLock<Identity>,
    head: watch::Sender<Seq>,
    pub listening: Listening,
    upkeep: Option<Upkeep>,
    trust: Trust,
    pub witness: OnceLock<Arc<dyn Witness>>,
}

impl Inner {
    /// Tells those who wait for the feed.
    pub(crate) fn publish(&self, seq: Seq) {
        move_head(&self.head, seq);
        if let Some(upkeep) = &self.upkeep {
            upkeep.committed();
        }
    }
}

/// Several writers, and notices of others, may come in any order.
pub(crate) fn move_head(head: &watch::Sender<Seq>, seq: Seq) {
    head.send_if_modified(|head| {
        let moved = seq > *head;
        *head = seq.max(*head);
        moved
    });
}

impl Store {
    /// Makes a new database and gives it an identity. The primary's gets its incarnation now, a satellite's gets
    /// one from the primary at its first session. Refuses a database that has an identity already.
    pub async fn init(config: StoreConfig, identity: NewIdentity, deps: StoreDeps) -> Result<Store, Fault> {
        let pools = connect::create(&config).await?;
        let incarnation = identity.sync_id.is_primary().then(|| Incarnation {
            counter: 1,
            random: deps.random.u64(),
        });
        migrate::initialise(&pools, &identity, incarnation).await?;
        Store::start(pools, deps).await
    }

    /// Opens an initialised database, migrating an older one. Refuses what is not ours (`DATABASE_FOREIGN`), what a
    /// newer version wrote (`DATABASE_TOO_NEW`) and what has no identity yet (`DATABASE_NOT_INITIALISED`).
    pub async fn open(config: StoreConfig, deps: StoreDeps) -> Result<Store, Fault> {
        let pools = connect::existing(&config).await?;
        migrate::upgrade(&pools).await?;
        Store::start(pools, deps).await
    }

    async fn start(pools: Pools, deps: StoreDeps) -> Result<Store, Fault> {
        let (identity, seq) = raw::read_identity(&pools.writer).await?;
        let trust = Trust::default();
        let upkeep = Upkeep::start(&pools, trust.clone());
        let (head, _) = watch::channel(seq);
        let listening = Listening::start(&pools, head.clone());
        let inner = Inner {
            pools,
            deps,
            numbers: ChannelNumbers::default(),
            stood: Stood::default(),
            identity: RwLock::new(identity),
            head,
            listening,
            upkeep,
            trust,
            witness: OnceLock::new(),
        };
        Ok(Store {
            inner: Arc::new(inner),
        })
    }

    /// Whose database it is.
    pub fn identity(&self) -> Identity {
        self.inner
            .identity
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_incarnation(&self, incarnation: Incarnation) {
        self.inner
            .identity
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .incarnation = Some(incarnation);
    }

    /// This site.
    pub fn sync_id(&self) -> SyncId {
        self.identity().sync_id
    }

    /// The feed's head; moves after each commit of this process, and of the others on the same PostgreSQL.
    pub fn heads(&self) -> watch::Receiver<Seq> {
        self.inner.head.subscribe()
    }

    /// Who is told of what lands here from now on; the first that is given stays.
    pub fn tell(&self, witness: Arc<dyn Witness>) {
        let _ = self.inner.witness.set(witness);
    }

    /// What others on the same PostgreSQL do beside the feed, and what this process does, too; from now on.
    pub fn notices(&self) -> Notices {
        self.inner.listening.subscribe()
    }

    /// Tells the others on the same PostgreSQL, and this process, of something that needs no change.
    pub async fn notify(&self, notice: Notice) -> Result<(), Fault> {
        if self.inner.pools.backend != DbBackend::Postgres {
            return Ok(());
        }
        let told = self.write("notify", move |tx| {
            async move {
                tx.notify(notice);
                Ok(())
            }
            .boxed()
        });
        told.await
    }

    /// One write transaction. The feed's lock is taken first; `f` may run again after a lost race, so it changes
    /// nothing but the database. Runs to its end even when the caller is cancelled.
    pub async fn write<T, F>(&self, name: &'static str, f: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t mut WriteTx) -> BoxFuture<'t, Result<T, Fault>> + Send + Sync + 'static,
    {
        let store = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "cancelling the caller must not cut a transaction"
        )]
        let task = tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = store.write_repeating(name, f).await;
            measure::written(name, begun.elapsed(), outcome.as_ref().err());
            outcome
        });
        task.await
            .unwrap_or_else(|panicked| Err(Fault::internal(panicked)))
    }

    async fn write_repeating<T, F>(&self, name: &'static str, f: F) -> Result<T, Fault>
    where
        F: for<'t> Fn(&'t mut WriteTx) -> BoxFuture<'t, Result<T, Fault>> + Send + Sync,
    {
        let mut attempt = 1;
        loop {
            self.inner.trust.check()?;
            match self.inner.trust.judge(self.write_once(&f).await) {
                Err(fault) if attempt < ATTEMPTS && worth_repeating(&fault) => {
                    tracing::debug!(name, attempt, "a transaction lost a race and is repeated");
                    measure::repeated();
                    tokio::time::sleep(Duration::from_millis(5) * 2u32.pow(attempt)).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn write_once<T, F>(&self, f: &F) -> Result<T, Fault>
    where
        F: for<'t> Fn(&'t mut WriteTx) -> BoxFuture<'t, Result<T, Fault>>,
    {
        let waiting = Instant::now();
        let mut tx = WriteTx::begin(&self.inner).await?;
        measure::waited(waiting.elapsed());
        match f(&mut tx).await {
            Ok(value) => {
                tx.commit(&self.inner).await?;
                Ok(value)
            }
            Err(fault) => {
                tx.abandon().await;
                Err(fault)
            }
        }
    }

    /// One read transaction: everything that `f` reads is of one snapshot. Never waits for a write.
    pub async fn read<T, F>(&self, name: &'static str, f: F) -> Result<T, Fault>
    where
        F: for<'t> FnOnce(&'t mut ReadTx) -> BoxFuture<'t, Result<T, Fault>>,
    {
        let trust = &self.inner.trust;
        let begun = Instant::now();
        let mut tx = trust.judge(ReadTx::begin(&self.inner).await)?;
        let result = trust.judge(f(&mut tx).await);
        measure::read(begun.elapsed());
        if let Err(fault) = tx.end().await {
            tracing::debug!(name, %fault, "a read could not be ended in order; its connection is closed");
        }
        result
    }

    /// Waits until the disk under the database has failed: the program must end then. Until it has, what is not written
    /// yet is refused, and what can be read is read.
    pub async fn disk_failed(&self) -> Fault {
        self.inner.trust.lost().await
    }

    /// Where the database's files are, and how large; `None` where another server keeps them.
    pub fn disk_use(&self) -> Option<DiskUse> {
        let path = &self.inner.pools.sqlite.as_ref()?.path;
        let log = self.inner.upkeep.as_ref().map_or(0, Upkeep::log_bytes);
        Some(DiskUse {
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            database: std::fs::metadata(path).map_or(0, |file| file.len()),
            log,
        })
    }

    /// How durably commits are written, read back from the open database.
    pub async fn durability(&self) -> Result<Durability, Fault> {
        connect::durability(&self.inner.pools).await
    }

    /// Waits for what runs and closes the connections.
    pub async fn close(self) {
        if let Some(upkeep) = &self.inner.upkeep {
            upkeep.stop();
        }
        self.inner.listening.stop();
        self.inner.pools.close().await;
    }
}
