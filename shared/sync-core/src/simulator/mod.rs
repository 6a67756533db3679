//! The deterministic simulator: one primary and its satellites on the real session machines and the model store,
//! under virtual time and one seeded generator. Same seed, same history. For tests only.

pub mod body;
mod counts;
mod fault;
mod frame;
mod history;
pub mod invariant;
mod plan;
mod profile;
mod shrink;
pub mod store;
mod streams;
mod truth;
mod words;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use counts::{Counts, Deed};
pub use fault::{FAULTS, Fault, FaultSet};
pub use invariant::Violation;
pub use plan::{Plan, Streams};

use history::History;
use world::World;

/// How many of the last events a failing seed shows.
const SHOWN: usize = 80;

/// Seeds after which everything that can happen must have happened.
pub const ENOUGH: u64 = 5_000;

/// A seed that broke a promise, made short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was run.
    pub plan: Plan,
    /// The least of it that breaks the same promise.
    pub shortest: Plan,
    /// What is broken then.
    pub violation: Violation,
    /// The last events before it.
    pub history: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure {
            plan,
            shortest,
            violation,
            history,
        } = self;
        write!(
            f,
            "{history}{plan}: {} is broken: {}\nrun it again: cargo xtask sim --plan '{shortest}'",
            violation.invariant, violation.what
        )
    }
}

/// What a plan came to, counted for making it shorter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ran {
    /// Operations, those left out included.
    operations: u64,
    /// Faults that hit by chance, those spared included.
    hits: u64,
    /// Satellites at the beginning.
    satellites: u16,
    /// Stores at the beginning.
    stores: usize,
    /// Its later kinds of faults.
    kinds: FaultSet,
}

/// Runs one seed. A failing one is made short, and run once more for its history.
pub fn run(seed: u64) -> Result<Counts, Box<Failure>> {
    run_plan(&Plan::of(seed))
}

/// The same with a plan.
pub fn run_plan(plan: &Plan) -> Result<Counts, Box<Failure>> {
    let violation = match check(plan) {
        Ok(counts) => return Ok(counts),
        Err(violation) => violation,
    };
    let shortest = shrink::shortest(plan, &violation, &|plan| {
        let (ran, end) = attempt(plan);
        (ran, end.err())
    });
    let mut history = String::new();
    let again = observed(&shortest, History::keeping(SHOWN), |world| {
        history = world.history()
    });
    Err(Box::new(Failure {
        plan: plan.clone(),
        shortest,
        violation: again.1.err().unwrap_or(violation),
        history,
    }))
}

/// Runs a plan, and says only what is broken.
pub fn check(plan: &Plan) -> Result<Counts, Violation> {
    attempt(plan).1
}

/// The whole history of a seed, for reading and for comparing two runs of it.
pub fn history(seed: u64) -> String {
    history_of(&Plan::of(seed))
}

/// The whole history of a plan.
pub fn history_of(plan: &Plan) -> String {
    let mut history = String::new();
    let (_, end) = observed(plan, History::keeping(usize::MAX), |world| {
        history = world.history()
    });
    let end = match end {
        Ok(_) => "in step".to_owned(),
        Err(violation) => format!("{violation:?}"),
    };
    format!("{history}{end}\n")
}

fn attempt(plan: &Plan) -> (Ran, Result<Counts, Violation>) {
    observed(plan, History::default(), |_| {})
}

/// Runs a plan to its end. A panic breaks a promise, too: then what it came to is not known.
fn observed(plan: &Plan, history: History, look: impl FnOnce(&World)) -> (Ran, Result<Counts, Violation>) {
    let run = || {
        let mut world = World::new(plan, history);
        let end = world.run();
        look(&world);
        (world.ran(), end.map(|()| world.counts().clone()))
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        let what = words.unwrap_or("without words");
        (Ran::default(), Err(Violation::new("panic", what)))
    })
}
