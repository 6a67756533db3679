//! `cargo xtask sim`: many seeds of the simulator on all cores, with progress, what really happened, and for each
//! seed that breaks a promise a short history and how to run it again.

mod keep;
mod progress;

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Args;
use supplysync_sync_core::simulator::{self, Counts, ENOUGH, Failure, Plan};
use supplysync_tests::Outcome;

use progress::Progress;

/// Which seeds.
#[derive(Args)]
pub struct Arguments {
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Run this instead: a seed and what of it is left out, as a failing seed prints it.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["seeds", "from"])]
    plan: Option<Plan>,
    /// Print the whole history of the plan, or of the first seed, and nothing else.
    #[arg(long)]
    history: bool,
    /// Keep what breaks a promise in `tests/regressions`, with these words on what it found.
    #[arg(long, value_name = "WORDS")]
    keep: Option<String>,
    /// How many failing seeds to show before giving up.
    #[arg(long, default_value_t = 3)]
    failures: usize,
}

/// What the workers share.
struct Shared {
    next: AtomicU64,
    stop: AtomicBool,
    counts: Mutex<Counts>,
    failures: Mutex<Vec<Failure>>,
    progress: Progress,
}

/// Runs them; fails if a promise was broken.
pub fn run(arguments: &Arguments) -> Outcome<()> {
    let plan = arguments.plan.clone();
    if arguments.history {
        let plan = plan.unwrap_or_else(|| Plan::of(arguments.from));
        print!("{}", simulator::history_of(&plan));
        return Ok(());
    }
    if let Some(plan) = plan {
        let Err(failure) = simulator::run_plan(&plan) else {
            println!("{plan}: no promise was broken.");
            return Ok(());
        };
        println!("{failure}");
        if let Some(words) = &arguments.keep {
            keep::keep(&failure.shortest, words)?;
        }
        return Err("a promise was broken".into());
    }
    let end = arguments.from.saturating_add(arguments.seeds);
    let shared = Shared {
        next: AtomicU64::new(arguments.from),
        stop: AtomicBool::new(false),
        counts: Mutex::default(),
        failures: Mutex::default(),
        progress: Progress::new(arguments.seeds),
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&shared, end, arguments.failures));
        }
    });
    shared.progress.finish();
    let counts = shared.counts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failures = shared
        .failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    for failure in &failures {
        println!("{failure}\n");
        if let Some(words) = &arguments.keep {
            keep::keep(&failure.shortest, words)?;
        }
    }
    println!("What happened:\n{counts}");
    let never = counts.never();
    if failures.is_empty() && arguments.seeds >= ENOUGH && !never.is_empty() {
        let never = never.join("; ");
        return Err(format!(
            "a defect of the simulator: over {} seeds these never happened: {never}",
            arguments.seeds
        )
        .into());
    }
    if failures.is_empty() {
        println!(
            "{} seeds from {}: no promise was broken.",
            arguments.seeds, arguments.from
        );
        return Ok(());
    }
    Err(format!("{} seeds broke a promise", failures.len()).into())
}

fn work(shared: &Shared, end: u64, most_failures: usize) {
    let mut counts = Counts::default();
    while !shared.stop.load(Ordering::Relaxed) {
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        match simulator::run(seed) {
            Ok(seen) => counts.merge(&seen),
            Err(failure) => {
                let mut failures = shared.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push(*failure);
                if failures.len() >= most_failures {
                    shared.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        shared.progress.advance();
    }
    let mut all = shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
    all.merge(&counts);
}
