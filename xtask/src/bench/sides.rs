//! The two sides of the benchmark: our store and the yardstick, on two files that began as the same bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use supplysync_model::{Clock, Incarnation, Random, SyncId, Timestamp};
use supplysync_store::{NewIdentity, Store, StoreConfig, StoreDeps};
use supplysync_sync_core::ApplyRequest;
use supplysync_tests::Outcome;
use tokio::time::Instant;

use super::compare::compare;
use super::master;
use super::workload::Workload;
use super::yardstick::{Rows, Yardstick};

/// How long each side took for the same batches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Records applied by each.
    pub records: usize,
    /// By our store.
    pub store: Duration,
    /// By the yardstick.
    pub yardstick: Duration,
}

impl Times {
    /// Records per second.
    pub fn rate(&self, time: Duration) -> f64 {
        self.records as f64 / time.as_secs_f64().max(f64::EPSILON)
    }

    /// Our speed as a part of the yardstick's.
    pub fn ratio(&self) -> f64 {
        self.yardstick.as_secs_f64() / self.store.as_secs_f64().max(f64::EPSILON)
    }
}

/// A pair of databases.
pub struct Pair {
    store: Store,
    yardstick: Yardstick,
    files: (PathBuf, PathBuf),
    batches: u64,
}

impl Pair {
    /// A new satellite's database made by the store, and a copy of it for the yardstick.
    pub async fn create(folder: &Path, name: &str) -> Outcome<Pair> {
        let files = (
            folder.join(format!("{name}-store.db")),
            folder.join(format!("{name}-yardstick.db")),
        );
        let config = || StoreConfig::new(format!("sqlite://{}", files.0.display()));
        let sync_id = SyncId::new(2).ok_or("Sync ID 0")?;
        let identity = NewIdentity {
            sync_id,
            site_name: "Benchmark".into(),
        };
        let store = Store::init(config(), identity, dependencies()).await?;
        store
            .adopt_incarnation(Incarnation {
                counter: 2,
                random: 11,
            })
            .await?;
        store.apply(master::load()?).await?;
        store.close().await;
        std::fs::copy(&files.0, &files.1)?;
        let store = Store::open(config(), dependencies()).await?;
        let durability = store.durability().await?;
        if !durability.durable {
            return Err(format!("the store is not durable: {durability:?}").into());
        }
        let yardstick = Yardstick::open(&files.1)?;
        Ok(Pair {
            store,
            yardstick,
            files,
            batches: 0,
        })
    }

    /// Applies the batches on both sides, batch by batch, each side first every other time.
    pub async fn apply(&mut self, requests: Vec<ApplyRequest>) -> Outcome<Times> {
        let mut times = Times::default();
        for request in requests {
            self.batches += 1;
            times.records += request.parts.iter().map(|part| part.records.len()).sum::<usize>();
            let rows = Rows::of(request.clone())?;
            if self.batches.is_multiple_of(2) {
                times.store += self.by_store(request).await?;
                times.yardstick += self.by_yardstick(&rows)?;
            } else {
                times.yardstick += self.by_yardstick(&rows)?;
                times.store += self.by_store(request).await?;
            }
        }
        Ok(times)
    }

    async fn by_store(&self, request: ApplyRequest) -> Outcome<Duration> {
        let caught_up = request.parts.iter().filter(|part| part.caught_up).count();
        let started = Instant::now();
        let outcome = self.store.apply(request).await?;
        let time = started.elapsed();
        let equal = outcome
            .comparisons
            .iter()
            .filter(|comparison| comparison.equal)
            .count();
        if equal != caught_up || !outcome.refused.is_empty() {
            return Err(format!("the store applied a batch and is not equal: {outcome:?}").into());
        }
        Ok(time)
    }

    fn by_yardstick(&mut self, rows: &Rows) -> Outcome<Duration> {
        let salt = u128::from(self.batches).to_be_bytes();
        let started = Instant::now();
        tokio::task::block_in_place(|| self.yardstick.apply(rows, salt))?;
        Ok(started.elapsed())
    }

    /// Both must hold the same, and what the workload says.
    pub fn compare(&self, workload: &Workload) -> Outcome<()> {
        compare(&self.files.0, &self.files.1, workload)
    }

    /// Closes both.
    pub async fn close(self) {
        self.store.close().await;
    }
}

fn dependencies() -> StoreDeps {
    StoreDeps {
        clock: Arc::new(Still),
        random: Arc::new(Counting(AtomicU64::new(1))),
    }
}

/// When everything happens.
pub const NOW: i64 = 1_800_000_000_000;

/// A clock that stands still, so that both sides write the same moments.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(NOW)
    }
}

/// Different bits each time; nothing here needs them to be unguessable.
struct Counting(AtomicU64);

impl Random for Counting {
    fn bytes16(&self) -> [u8; 16] {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        (u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes()
    }
}
