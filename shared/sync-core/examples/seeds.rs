//! The simulator over seeds, on all cores, up to the first that breaks a promise: `seeds FIRST COUNT`. Prints the invariant
//! that noticed, and ends with 1; with 0 when no promise was broken. `seeds PLAN` prints the history of a plan.
//! `cargo xtask sim` says more.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use supplysync_sync_core::simulator::{self, Plan};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [text] = &words[..] {
        let Ok(plan) = text.parse::<Plan>() else {
            return usage();
        };
        print!("{}", simulator::history_of(&plan));
        return ExitCode::SUCCESS;
    }
    let numbers: Vec<u64> = words.iter().filter_map(|text| text.parse().ok()).collect();
    let [first, count] = numbers[..] else {
        return usage();
    };
    let end = first.saturating_add(count);
    let (next, broken) = (AtomicU64::new(first), AtomicU64::new(u64::MAX));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || broken.load(Ordering::Relaxed) < seed {
                        return;
                    }
                    if simulator::check(&Plan::of(seed)).is_err() {
                        broken.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    match broken.into_inner() {
        u64::MAX => {
            println!("no promise was broken");
            ExitCode::SUCCESS
        }
        seed => {
            if let Err(violation) = simulator::check(&Plan::of(seed)) {
                println!(
                    "seed {seed}: {} is broken: {}",
                    violation.invariant, violation.what
                );
            }
            ExitCode::from(1)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: seeds FIRST COUNT, or seeds PLAN");
    ExitCode::from(2)
}
