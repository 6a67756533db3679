//! Writers in parallel and readers that follow: the mechanism of the short tests and of the long run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

pub const WRITERS: u32 = 8;

/// How long a reader rests when there is nothing new.
const PAUSE: Duration = Duration::from_millis(2);
/// Changes between two lines of progress.
const RHYTHM: u64 = 20_000;

/// What becomes of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Committed,
    /// It dawdles before it commits.
    Slow,
    RolledBack,
    /// Its connection is killed before it commits.
    Killed,
    /// It commits, and kills another connection, whatever that is doing.
    KillsAnother,
}

/// A feed with its writers and its readers.
pub trait Feed: Send + Sync + 'static {
    /// Writes records with these numbers in one transaction; whether it is known to be committed.
    fn write(&self, writer: u32, numbers: Vec<u32>, fate: Fate) -> impl Future<Output = bool> + Send;
    /// The records after a seq, and the seq to go on from; `None` if the reader has lost its connection.
    fn read(&self, reader: u32, after: u64) -> impl Future<Output = Option<(Vec<u32>, u64)>> + Send;
}

/// How much is written, and what befalls it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Changes that are committed.
    pub changes: u32,
    pub readers: u32,
    /// Whether connections are killed under their transactions.
    pub kills: bool,
    /// Whether others are killed, too: nobody else may use the database.
    pub kills_others: bool,
    /// Whether to tell how far it is, on standard error.
    pub progress: bool,
}

impl Plan {
    /// So many changes before one reader, without kills.
    pub fn of(changes: u32) -> Plan {
        Plan {
            changes,
            readers: 1,
            kills: false,
            kills_others: false,
            progress: false,
        }
    }

    /// The fates of a writer's transactions, round by round: what comes before the one that is committed, and how that one is.
    fn fates(&self, round: u32) -> Vec<Fate> {
        let mut fates = Vec::new();
        if round % 5 == 2 {
            fates.push(Fate::RolledBack);
        }
        if self.kills && round % 11 == 7 {
            fates.push(Fate::Killed);
        }
        fates.push(match round {
            _ if self.kills_others && round % 13 == 5 => Fate::KillsAnother,
            _ if round.is_multiple_of(4) => Fate::Slow,
            _ => Fate::Committed,
        });
        fates
    }
}

/// What has happened.
#[derive(Debug, Default)]
pub struct Tally {
    committed: AtomicU64,
    transactions: AtomicU64,
    slow: AtomicU64,
    rolled_back: AtomicU64,
    killed: AtomicU64,
    kills: AtomicU64,
    repeated: AtomicU64,
    readers_cut: AtomicU64,
    pages: AtomicU64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            f,
            "{} changes in {} transactions, {} of them slow; {} rolled back, {} killed before they committed, {} other \
             connections killed, {} transactions repeated since how they ended was not known; {} pages read, readers cut \
             off {} times",
            of(&self.committed),
            of(&self.transactions),
            of(&self.slow),
            of(&self.rolled_back),
            of(&self.killed),
            of(&self.kills),
            of(&self.repeated),
            of(&self.pages),
            of(&self.readers_cut),
        )
    }
}

fn count(counter: &AtomicU64, more: u64) -> u64 {
    counter.fetch_add(more, Ordering::Relaxed) + more
}

/// What one reader has seen, in the order it saw it.
pub type Seen = Vec<u32>;

/// Says that a writer has ended, in order or not.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Lets the writers write and the readers follow; what each reader has seen.
pub async fn follow<F: Feed>(feed: Arc<F>, plan: Plan) -> (Vec<Seen>, Arc<Tally>) {
    let running = Arc::new(AtomicUsize::new(WRITERS as usize));
    let tally = Arc::new(Tally::default());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (feed, tally, running) = (feed.clone(), tally.clone(), Running(running.clone()));
        writers.spawn(async move {
            let _running = running;
            write_all(&*feed, plan, writer, &tally).await;
        });
    }
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..plan.readers {
        let (feed, tally, running) = (feed.clone(), tally.clone(), running.clone());
        readers.spawn(async move { (reader, read_all(&*feed, reader, &running, &tally).await) });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let mut seen = BTreeMap::new();
    while let Some(done) = readers.join_next().await {
        let (reader, all) = done.unwrap();
        seen.insert(reader, all);
    }
    (seen.into_values().collect(), tally)
}

async fn write_all<F: Feed>(feed: &F, plan: Plan, writer: u32, tally: &Tally) {
    let share = plan.changes / WRITERS;
    let (mut next, end) = (writer * share, (writer + 1) * share);
    let mut round = writer;
    while next < end {
        // From one record to as many as a batch of the demo, so that transactions end in every order.
        let size = [1, 50, 3, 250, 7, 500][round as usize % 6].min(end - next);
        let numbers: Vec<u32> = (next..next + size).collect();
        for fate in plan.fates(round) {
            match fate {
                Fate::RolledBack => {
                    let doomed = numbers.iter().map(|number| number + plan.changes).collect();
                    assert!(!feed.write(writer, doomed, fate).await);
                    count(&tally.rolled_back, 1);
                }
                Fate::Killed => {
                    let doomed = numbers.iter().map(|number| number + plan.changes).collect();
                    assert!(
                        !feed.write(writer, doomed, fate).await,
                        "a killed transaction is not committed"
                    );
                    count(&tally.killed, 1);
                }
                Fate::Committed | Fate::Slow | Fate::KillsAnother => {
                    // Whether it was committed when the connection was lost, nobody told: to write the same once more
                    // changes nothing if it was.
                    while !feed.write(writer, numbers.clone(), fate).await {
                        assert!(plan.kills_others, "nobody kills, and it was not committed");
                        count(&tally.repeated, 1);
                    }
                    count(&tally.slow, u64::from(fate == Fate::Slow));
                    count(&tally.kills, u64::from(fate == Fate::KillsAnother));
                }
            }
        }
        count(&tally.transactions, 1);
        let committed = count(&tally.committed, u64::from(size));
        if plan.progress && committed / RHYTHM != (committed - u64::from(size)) / RHYTHM {
            eprintln!("{committed} of {} changes", plan.changes);
        }
        next += size;
        round += 1;
    }
}

async fn read_all<F: Feed>(feed: &F, reader: u32, running: &AtomicUsize, tally: &Tally) -> Seen {
    let mut seen = Vec::new();
    let mut at = 0;
    loop {
        // Read after the last writer has ended, so that nothing can come behind an empty page.
        let ended = running.load(Ordering::Acquire) == 0;
        let Some((numbers, next)) = feed.read(reader, at).await else {
            count(&tally.readers_cut, 1);
            continue;
        };
        count(&tally.pages, 1);
        let empty = numbers.is_empty();
        seen.extend(numbers);
        at = next;
        if ended && empty {
            return seen;
        }
        if empty {
            // Leaves the machine to the writers; how long it is changes nothing of what is seen.
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Each reader saw each committed change once, those of each writer in the order they were written, and nothing else.
pub fn assert_exactly_once_in_order(seen: &[Seen], plan: Plan) {
    let share = plan.changes / WRITERS;
    for (reader, seen) in seen.iter().enumerate() {
        let mut next: Vec<u32> = (0..WRITERS).map(|writer| writer * share).collect();
        for number in seen {
            let writer = (number / share.max(1)) as usize;
            let expected = next.get_mut(writer);
            let expected =
                expected.unwrap_or_else(|| panic!("reader {reader} saw {number}, which was rolled back"));
            assert_eq!(
                number, expected,
                "reader {reader}: the changes of writer {writer}, in order, each once"
            );
            *expected += 1;
        }
        let committed: Vec<u32> = (1..=WRITERS).map(|writer| writer * share).collect();
        assert_eq!(next, committed, "reader {reader}: every committed change");
    }
}
