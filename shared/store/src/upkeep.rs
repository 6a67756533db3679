//! Checkpoints of SQLite's write-ahead log: passive, in the background, so that no commit pays for them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use supplysync_model::{Fault, Reason};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::connect::Pools;
use crate::fault::driver;
use crate::trust::Trust;

/// How far the log grows before its pages go into the database: 16,000 pages of 4 KiB.
const LOG_BYTES: u64 = 16_000 * 4096;

/// The background task of one SQLite file.
pub(crate) struct Upkeep {
    log: PathBuf,
    /// The log's size when it was last checkpointed.
    done: Arc<AtomicU64>,
    due: Arc<Notify>,
    task: AbortHandle,
}

impl Upkeep {
    /// Starts it; PostgreSQL looks after itself.
    pub(crate) fn start(pools: &Pools, trust: Trust) -> Option<Upkeep> {
        let sqlite = pools.sqlite.as_ref()?;
        let mut log = sqlite.path.clone().into_os_string();
        log.push("-wal");
        let log = PathBuf::from(log);
        let done = Arc::new(AtomicU64::new(0));
        let due = Arc::new(Notify::new());
        let checkpoint = checkpoints(
            sqlite.upkeep.clone(),
            trust,
            log.clone(),
            done.clone(),
            due.clone(),
        );
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the store, which holds its handle"
        )]
        let task = tokio::spawn(checkpoint).abort_handle();
        Some(Upkeep { log, done, due, task })
    }

    /// After each commit: asks for a checkpoint when enough has gathered.
    pub(crate) fn committed(&self) {
        let size = size_of(&self.log);
        let done = self.done.load(Ordering::Relaxed);
        if size < done {
            // The log began anew.
            self.done.store(0, Ordering::Relaxed);
        } else if size - done >= LOG_BYTES {
            self.due.notify_one();
        }
    }

    /// How large the log is.
    pub(crate) fn log_bytes(&self) -> u64 {
        size_of(&self.log)
    }

    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn checkpoints(
    pool: sqlx::SqlitePool,
    trust: Trust,
    log: PathBuf,
    done: Arc<AtomicU64>,
    due: Arc<Notify>,
) {
    loop {
        due.notified().await;
        let size = size_of(&log);
        let ended = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&pool).await;
        match trust.judge(ended.map_err(driver)) {
            Ok(_) => done.store(size, Ordering::Relaxed),
            Err(fault) => tracing::warn!(?fault, "the write-ahead log could not be checkpointed; it grows"),
        }
    }
}

/// What an earlier life left in the log goes into the database before anything is added to it. A sync that failed in that
/// life may have left pages which can be read and are not on disk: a log that goes on after them would end there at
/// the next power cut. On a full disk the log is left as it is.
pub(crate) async fn empty_log(pool: &sqlx::SqlitePool) -> Result<(), Fault> {
    let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await;
    match emptied.map_err(driver) {
        Err(fault) if fault.reason() == Reason::DISK_FULL => {
            tracing::warn!(?fault, "the write-ahead log of the last run stays as it is");
            Ok(())
        }
        ended => ended.map(drop),
    }
}

fn size_of(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map(|file| file.len()).unwrap_or(0)
}
