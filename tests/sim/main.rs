//! The simulator's part of every test run: a few thousand seeds, the seeds that once found something, and proof
//! that a seed is repeatable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is test code, also what is outside test functions"
)]

use supplysync_sync_core::simulator::{Counts, history, run};

/// Seeds of the test run; `cargo xtask sim` runs any others.
const SEEDS: u64 = 5_000;

/// Seeds that found a defect once, with what it was.
const FOUND: &[(u64, &str)] = &[
    (
        117_155,
        "sessions without end: a copy begins at a hand-over, and the batch that says so tells of the next move, too",
    ),
    (
        19_558,
        "a session that failed: the hand-over that a copy began at was overtaken by an earlier batch",
    ),
    (
        18_657,
        "a recovering site overwrote work of the common past that had never reached the primary",
    ),
    (
        4_321,
        "a store moved on what a former life of its new site's database had reported to hold",
    ),
    (67, "an ack stored by a session whose lease was gone"),
    (
        428_582,
        "frozen because the word that an incarnation was taken was lost",
    ),
];

#[test]
fn no_seed_breaks_a_promise_and_everything_happens() {
    let mut counts = Counts::default();
    for seed in 0..SEEDS {
        match run(seed) {
            Ok(seen) => counts.merge(&seen),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{counts}");
    assert_eq!(
        counts.never(),
        Vec::<&str>::new(),
        "over {SEEDS} seeds these never happened"
    );
}

#[test]
fn seeds_that_found_something_find_nothing_any_more() {
    for (seed, what) in FOUND {
        if let Err(failure) = run(*seed) {
            panic!("{what}: {failure}");
        }
    }
}

#[test]
fn the_same_seed_has_the_same_history() {
    for seed in [1, 7, 42, 738] {
        let first = history(seed);
        assert!(first.lines().count() > 100, "seed {seed} is too short:\n{first}");
        assert!(
            first == history(seed),
            "seed {seed} had another history the second time"
        );
    }
    assert_ne!(history(1), history(2));
}
