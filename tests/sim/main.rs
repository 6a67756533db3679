//! The simulator's part of every test run: a few thousand seeds, the plans that once found something, and proof
//! that a seed is repeatable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is test code, also what is outside test functions"
)]

use std::path::Path;

use supplysync_sync_core::simulator::{Counts, ENOUGH, Plan, history, history_of, run, run_plan};

/// Plans that found a defect once: the first line of each file is the plan, the others say what it found.
fn found() -> Vec<(Plan, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut found: Vec<(Plan, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let (plan, what) = text.split_once('\n').unwrap();
            let plan = plan
                .parse()
                .unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
            (plan, what.trim().to_owned())
        })
        .collect();
    found.sort_by_key(|(plan, _)| plan.seed);
    found
}

#[test]
fn no_seed_breaks_a_promise_and_everything_happens() {
    let mut counts = Counts::default();
    for seed in 0..ENOUGH {
        match run(seed) {
            Ok(seen) => counts.merge(&seen),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{counts}");
    assert_eq!(
        counts.never(),
        Vec::<&str>::new(),
        "over {ENOUGH} seeds these never happened"
    );
}

#[test]
fn what_once_found_something_finds_nothing_any_more() {
    let found = found();
    assert!(found.len() >= 6, "files are missing: {found:?}");
    for (plan, what) in found {
        assert!(!what.is_empty(), "{plan} does not say what it found");
        if let Err(failure) = run_plan(&plan) {
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

#[test]
fn what_is_left_out_is_left_out_alone() {
    let (mut same, mut left_out) = (0, 0);
    for seed in 0..40 {
        let all = history(seed);
        let plan = Plan {
            without: [1].into(),
            ..Plan::of(seed)
        };
        let without = history_of(&plan);
        left_out += u32::from(all != without);
        // Most of what comes much later is as it was: the same operations write the same records.
        let writes = |history: &str| {
            let lines = history.lines().filter(|line| line.contains(" writes ["));
            lines
                .map(|line| line.split(" as ").next().unwrap().trim().to_owned())
                .collect::<std::collections::BTreeSet<_>>()
        };
        let (before, after) = (writes(&all), writes(&without));
        same += u32::from(after.intersection(&before).count() * 2 > before.len());
    }
    assert!(left_out > 10, "only {left_out} histories changed");
    assert!(same > 30, "only {same} histories are much the same");
}
