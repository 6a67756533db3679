//! The deterministic simulator: one primary and its satellites on the real session machines and the model store,
//! under virtual time and one seeded generator. Same seed, same history. For tests only.

pub mod body;
mod counts;
mod frame;
mod history;
pub mod invariant;
mod profile;
pub mod store;
mod truth;
mod words;
mod world;

pub use counts::{Counts, Deed};
pub use invariant::Violation;

use history::History;
use world::World;

/// How many of the last events a failing seed shows.
const SHOWN: usize = 60;

/// A seed that broke a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What is broken.
    pub violation: Violation,
    /// The last events before it.
    pub history: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure {
            seed,
            violation,
            history,
        } = self;
        write!(
            f,
            "{history}seed {seed}: {} is broken: {}\nrun it again: cargo xtask sim --seeds 1 --from {seed}",
            violation.invariant, violation.what
        )
    }
}

/// Runs one seed. A failing one is run once more for its history.
pub fn run(seed: u64) -> Result<Counts, Box<Failure>> {
    let mut world = World::new(seed, History::default());
    let Err(violation) = world.run() else {
        return Ok(world.counts().clone());
    };
    let mut again = World::new(seed, History::keeping(SHOWN));
    let violation = again.run().err().unwrap_or(violation);
    Err(Box::new(Failure {
        seed,
        violation,
        history: again.history(),
    }))
}

/// The whole history of a seed, for reading and for comparing two runs of it.
pub fn history(seed: u64) -> String {
    let mut world = World::new(seed, History::keeping(usize::MAX));
    let end = match world.run() {
        Ok(()) => "in step".to_owned(),
        Err(violation) => format!("{violation:?}"),
    };
    format!("{}{end}\n", world.history())
}
