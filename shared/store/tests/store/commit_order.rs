//! P4 on PostgreSQL: commit order is seq order. Eight writers in parallel, some slow, some rolled back, while a reader
//! follows the feed: it sees each committed change exactly once. A sequence taken at insert is shown to fail here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use sqlx::Row;
use supplysync_model::{Channel, Fault};
use supplysync_store::{Store, StoreConfig};
use supplysync_sync_core::{Cursor, Direction, PageRequest};

use crate::database::{Database, Postgres, Sqlite, deps, url};
use crate::records::change;
use crate::sample::unit;

const WRITERS: u32 = 8;
/// Changes that are committed.
const CHANGES: u32 = 50_000;

/// How long the reader rests when there is nothing new.
const PAUSE: Duration = Duration::from_millis(2);

/// A feed with its writers and its reader.
trait Feed: Send + Sync + 'static {
    /// Writes records with these numbers in one transaction, which may dawdle before it ends, or fail.
    fn write(
        &self,
        writer: u32,
        numbers: Vec<u32>,
        slow: bool,
        fail: bool,
    ) -> impl Future<Output = bool> + Send;
    /// The records after a seq, and the seq to go on from.
    fn read(&self, after: u64) -> impl Future<Output = (Vec<u32>, u64)> + Send;
}

/// Says that a writer has ended, in order or not.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Lets the writers write and the reader follow; how often each record was seen.
async fn follow<F: Feed>(feed: Arc<F>, changes: u32) -> BTreeMap<u32, u32> {
    let running = Arc::new(AtomicUsize::new(WRITERS as usize));
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let feed = feed.clone();
        let running = Running(running.clone());
        tasks.spawn(async move {
            let _running = running;
            let share = changes / WRITERS;
            let (mut next, end) = (writer * share, (writer + 1) * share);
            let mut round = writer;
            while next < end {
                // From one record to as many as a batch of the demo, so that transactions end in every order.
                let size = [1, 50, 3, 250, 7, 500][round as usize % 6].min(end - next);
                let numbers: Vec<u32> = (next..next + size).collect();
                if round % 5 == 2 {
                    let doomed = numbers.iter().map(|number| number + changes).collect();
                    assert!(!feed.write(writer, doomed, round % 2 == 0, true).await);
                }
                assert!(feed.write(writer, numbers, round % 4 == 0, false).await);
                next += size;
                round += 1;
            }
        });
    }
    let mut seen = BTreeMap::new();
    let mut at = 0;
    loop {
        // Read after the last writer has ended, so that nothing can come behind an empty page.
        let ended = running.load(Ordering::Acquire) == 0;
        let (numbers, next) = feed.read(at).await;
        let empty = numbers.is_empty();
        for number in numbers {
            *seen.entry(number).or_insert(0) += 1;
        }
        at = next;
        if ended && empty {
            break;
        }
        if empty {
            // Leaves the machine to the writers; how long it is changes nothing of what is seen.
            tokio::time::sleep(PAUSE).await;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    seen
}

/// Two instances of the store on one database, each with pools of its own.
struct Replicas {
    stores: Vec<Store>,
    slowly: &'static str,
}

impl Feed for Replicas {
    async fn write(&self, writer: u32, numbers: Vec<u32>, slow: bool, fail: bool) -> bool {
        let store = &self.stores[writer as usize % self.stores.len()];
        let slowly = self.slowly;
        let written: Result<(), Fault> = store
            .write("one of eight", move |tx| {
                let changes = numbers
                    .iter()
                    .map(|number| change(unit(*number, "x"), false))
                    .collect();
                async move {
                    tx.put(changes).await?;
                    if slow {
                        tx.conn().rows(slowly, vec![]).await?;
                    }
                    if fail {
                        Err(Fault::field("this", "is rolled back"))
                    } else {
                        Ok(())
                    }
                }
                .boxed()
            })
            .await;
        match written {
            Ok(()) => true,
            Err(fault) if fail && fault.code() == supplysync_model::FaultCode::InvalidArgument => false,
            Err(fault) => panic!("{fault:?}"),
        }
    }

    async fn read(&self, after: u64) -> (Vec<u32>, u64) {
        let request = PageRequest {
            direction: Direction::Pull,
            channels: vec![(Channel::Master, Some(Cursor::Following { seq: after }))],
            max_records: 2_500,
            max_bytes: 1 << 20,
        };
        let page = self.stores[0].read_page(request).await.unwrap();
        let part = &page.parts[0];
        let Cursor::Following { seq } = part.through else {
            panic!("a follower follows");
        };
        let numbers = part
            .records
            .iter()
            .map(|record| (record.key.id.uuid().as_u128() >> 64) as u32);
        (numbers.collect(), seq)
    }
}

fn assert_exactly_once(seen: &BTreeMap<u32, u32>, changes: u32) {
    let committed = (0..changes).filter(|number| seen.get(number) == Some(&1)).count();
    assert_eq!(
        committed, changes as usize,
        "each committed change is seen exactly once"
    );
    assert_eq!(seen.len(), changes as usize, "and nothing that was rolled back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commit_order_is_seq_order_on_postgres() {
    Postgres::with(async |server| {
        let (first, config) = server.init(1).await;
        let second = Store::open(config, deps()).await.unwrap();
        let feed = Replicas {
            stores: vec![first, second],
            slowly: "SELECT CAST(pg_sleep(0.004) AS TEXT)",
        };
        assert_exactly_once(&follow(Arc::new(feed), CHANGES).await, CHANGES);
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
    };
    assert_exactly_once(&follow(Arc::new(feed), 8_000).await, 8_000);
}

/// The mistake of others: a number taken at insert, read by a cursor that jumps past what is not committed yet.
struct Sequence {
    pool: sqlx::PgPool,
}

impl Sequence {
    async fn new(config: &StoreConfig) -> Sequence {
        let options = sqlx::postgres::PgPoolOptions::new().max_connections(WRITERS + 1);
        let pool = options.connect(&url(config)).await.unwrap();
        let table = "CREATE TABLE change (seq BIGSERIAL PRIMARY KEY, number BIGINT NOT NULL)";
        sqlx::raw_sql(table).execute(&pool).await.unwrap();
        Sequence { pool }
    }
}

impl Feed for Sequence {
    async fn write(&self, _: u32, numbers: Vec<u32>, slow: bool, fail: bool) -> bool {
        let mut tx = self.pool.begin().await.unwrap();
        let numbers: Vec<i64> = numbers.into_iter().map(i64::from).collect();
        let insert = sqlx::query("INSERT INTO change (number) SELECT * FROM UNNEST($1)").bind(numbers);
        insert.execute(&mut *tx).await.unwrap();
        if slow {
            sqlx::raw_sql("SELECT pg_sleep(0.004)")
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        if fail {
            tx.rollback().await.unwrap()
        } else {
            tx.commit().await.unwrap()
        }
        !fail
    }

    async fn read(&self, after: u64) -> (Vec<u32>, u64) {
        let page = sqlx::query("SELECT seq, number FROM change WHERE seq > $1 ORDER BY seq LIMIT 2500");
        let rows = page.bind(after as i64).fetch_all(&self.pool).await.unwrap();
        let last = rows.last().map_or(after, |row| row.get::<i64, _>(0) as u64);
        (rows.iter().map(|row| row.get::<i64, _>(1) as u32).collect(), last)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sequence_taken_at_insert_is_caught() {
    Postgres::with(async |server| {
        let feed = Sequence::new(&server.empty().await).await;
        let seen = follow(Arc::new(feed), CHANGES / 5).await;
        let lost = (0..CHANGES / 5)
            .filter(|number| !seen.contains_key(number))
            .count();
        assert!(
            lost > 0,
            "the reader must jump past changes that are committed behind it"
        );
    })
    .await;
}
