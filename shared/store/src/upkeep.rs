//! Checkpoints of SQLite's write-ahead log: passive, in the background, so that no commit pays for them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::connect::Pools;

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
    pub(crate) fn start(pools: &Pools) -> Option<Upkeep> {
        let sqlite = pools.sqlite.as_ref()?;
        let mut log = sqlite.path.clone().into_os_string();
        log.push("-wal");
        let log = PathBuf::from(log);
        let done = Arc::new(AtomicU64::new(0));
        let due = Arc::new(Notify::new());
        let checkpoint = checkpoints(sqlite.upkeep.clone(), log.clone(), done.clone(), due.clone());
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

    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn checkpoints(pool: sqlx::SqlitePool, log: PathBuf, done: Arc<AtomicU64>, due: Arc<Notify>) {
    loop {
        due.notified().await;
        let size = size_of(&log);
        match sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&pool).await {
            Ok(_) => done.store(size, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the write-ahead log could not be checkpointed; it grows"),
        }
    }
}

fn size_of(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map(|file| file.len()).unwrap_or(0)
}
