//! The simulator over seeds, on all cores, up to the first that breaks a promise: `seeds FIRST COUNT`. Prints the invariant
//! that noticed, and ends with 1; with 0 when no promise was broken. `cargo xtask sim` says more.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use supplysync_sync_core::simulator;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    let [first, count] = numbers[..] else {
        eprintln!("usage: seeds FIRST COUNT");
        return ExitCode::from(2);
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
                    // A panic is a broken promise, too.
                    let fine = std::panic::catch_unwind(|| simulator::run(seed).is_ok());
                    if !fine.unwrap_or(false) {
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
            let told =
                std::panic::catch_unwind(|| simulator::run(seed).err().map(|failure| failure.to_string()));
            let told = told.ok().flatten().unwrap_or_else(|| "a panic".to_owned());
            let line = told
                .lines()
                .find(|line| line.contains("is broken"))
                .unwrap_or(&told);
            println!("{line}");
            ExitCode::from(1)
        }
    }
}
