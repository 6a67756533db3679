//! P4 on PostgreSQL: commit order is seq order. Eight writers in parallel, some slow, some rolled back, some killed, while
//! readers follow the feed: each sees each committed change exactly once. A sequence taken at insert is shown to fail here.
//! `cargo xtask order` does the same at length.

mod sequence;
mod writers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures::FutureExt;
use supplysync_model::{Channel, Fault, FaultCode};
use supplysync_store::Store;
use supplysync_sync_core::{Cursor, Direction, PageRequest};

use crate::database::{Database, Postgres, Sqlite, deps};
use crate::records::change;
use crate::sample::unit;
use sequence::Sequence;
use writers::{Fate, Feed, Plan, assert_exactly_once_in_order, follow};

/// Changes that are committed in the short test.
const CHANGES: u32 = 50_000;
/// How many in the long one.
const CHANGES_VARIABLE: &str = "SUPPLYSYNC_TEST_ORDER_CHANGES";

const SLEEP: &str = "SELECT CAST(pg_sleep(0.004) AS TEXT)";
const KILL: &str = "SELECT CAST(pg_terminate_backend(pg_backend_pid()) AS TEXT)";
const KILL_ANOTHER: &str = "SELECT CAST(pg_terminate_backend(pid) AS TEXT) FROM (SELECT pid FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS another";

/// Two instances of the store on one database, each with pools of its own.
struct Replicas {
    stores: Vec<Store>,
    /// The words that let a transaction dawdle.
    slowly: &'static str,
    /// Whether any connection may be lost at any time.
    unsafe_connections: bool,
}

impl Replicas {
    fn replica(&self, number: u32) -> &Store {
        &self.stores[number as usize % self.stores.len()]
    }
}

impl Feed for Replicas {
    async fn write(&self, writer: u32, numbers: Vec<u32>, fate: Fate) -> bool {
        let slowly = self.slowly;
        let killed = Arc::new(AtomicBool::new(false));
        let was_killed = killed.clone();
        let written: Result<(), Fault> = self
            .replica(writer)
            .write("one of eight", move |tx| {
                let changes = numbers
                    .iter()
                    .map(|number| change(unit(*number, "x"), false))
                    .collect();
                let killed = killed.clone();
                async move {
                    tx.put(changes).await?;
                    match fate {
                        Fate::Committed => {}
                        Fate::Slow => drop(tx.conn().rows(slowly, vec![]).await?),
                        Fate::KillsAnother => drop(tx.conn().rows(KILL_ANOTHER, vec![]).await?),
                        Fate::RolledBack => return Err(Fault::field("this", "is rolled back")),
                        Fate::Killed => {
                            killed.store(true, Ordering::Relaxed);
                            tx.conn().rows(KILL, vec![]).await?;
                        }
                    }
                    Ok(())
                }
                .boxed()
            })
            .await;
        match (written, fate) {
            (Ok(()), _) => true,
            (Err(fault), Fate::RolledBack) if fault.code() == FaultCode::InvalidArgument => false,
            (Err(_), Fate::Killed) if was_killed.load(Ordering::Relaxed) => false,
            (Err(_), _) if self.unsafe_connections => false,
            (Err(fault), _) => panic!("{fault:?}"),
        }
    }

    async fn read(&self, reader: u32, after: u64) -> Option<(Vec<u32>, u64)> {
        let request = PageRequest {
            direction: Direction::Pull,
            channels: vec![(Channel::Master, Some(Cursor::Following { seq: after }))],
            max_records: 2_500,
            max_bytes: 1 << 20,
        };
        let page = match self.replica(reader).read_page(request).await {
            Ok(page) => page,
            Err(_) if self.unsafe_connections => return None,
            Err(fault) => panic!("{fault:?}"),
        };
        let part = &page.parts[0];
        let Cursor::Following { seq } = part.through else {
            panic!("a follower follows");
        };
        let numbers = part
            .records
            .iter()
            .map(|record| (record.key.id.uuid().as_u128() >> 64) as u32);
        Some((numbers.collect(), seq))
    }
}

async fn two_replicas(server: &Postgres, unsafe_connections: bool) -> Arc<Replicas> {
    let (first, config) = server.init(1).await;
    let second = Store::open(config, deps()).await.unwrap();
    Arc::new(Replicas {
        stores: vec![first, second],
        slowly: SLEEP,
        unsafe_connections,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commit_order_is_seq_order_on_postgres() {
    Postgres::with(async |server| {
        let plan = Plan {
            readers: 2,
            kills: true,
            ..Plan::of(CHANGES)
        };
        let (seen, _) = follow(two_replicas(&server, false).await, plan).await;
        assert_exactly_once_in_order(&seen, plan);
    })
    .await;
}

/// The long one; it kills whatever uses the database, so it runs alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "long, and alone: `cargo xtask order`"]
async fn commit_order_at_length() {
    let changes = std::env::var(CHANGES_VARIABLE).expect("how many changes");
    assert!(
        std::env::var_os("SUPPLYSYNC_TEST_POSTGRES").is_some(),
        "SUPPLYSYNC_TEST_POSTGRES names no server"
    );
    Postgres::with(async |server| {
        let plan = Plan {
            readers: 3,
            kills: true,
            kills_others: true,
            progress: true,
            ..Plan::of(changes.parse().unwrap())
        };
        let feed = two_replicas(&server, true).await;
        #[expect(
            clippy::disallowed_methods,
            reason = "a rate for people; nothing is asserted of it"
        )]
        let started = Instant::now();
        let (seen, tally) = follow(feed, plan).await;
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("{tally}");
        assert_exactly_once_in_order(&seen, plan);
        eprintln!(
            "each of {} readers saw every committed change exactly once, in order; {:.0} changes a second",
            plan.readers,
            f64::from(plan.changes) / seconds
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commit_order_is_seq_order_on_sqlite() {
    let bed = Sqlite::new();
    let (store, _) = bed.init(1).await;
    let feed = Replicas {
        stores: vec![store],
        slowly: "SELECT 1",
        unsafe_connections: false,
    };
    let plan = Plan::of(8_000);
    let (seen, _) = follow(Arc::new(feed), plan).await;
    assert_exactly_once_in_order(&seen, plan);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sequence_taken_at_insert_is_caught() {
    Postgres::with(async |server| {
        let feed = Sequence::new(&server.empty().await).await;
        let plan = Plan::of(CHANGES / 5);
        let (seen, _) = follow(Arc::new(feed), plan).await;
        let seen: BTreeSet<u32> = seen[0].iter().copied().collect();
        let lost = (0..plan.changes).filter(|number| !seen.contains(number)).count();
        assert!(
            lost > 0,
            "the reader must jump past changes that are committed behind it"
        );
    })
    .await;
}
