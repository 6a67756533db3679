//! What must hold for whatever bytes come from outside: one law for each thing that is read, as a function that panics
//! when it is broken. The property test beside them and the fuzzer (`tests/fuzz`) run the same functions.
//!
//! Not here: what a single wrong field is answered with (unit tests beside the code), and the bytes' way over the network
//! (process tests).

#![expect(clippy::expect_used, reason = "a law that is broken panics")]

mod batch_payload;
mod configuration;
mod frame;
mod join_token;
mod master_list;
mod record_body;
mod sample;

/// One thing that is read from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of the fuzz target too.
    pub name: &'static str,
    /// Reads the bytes and panics if the law does not hold; true if they were accepted as right.
    pub law: fn(&[u8]) -> bool,
    /// Inputs that are accepted, to begin from: every shape at least once.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// The largest input that says anything new, in bytes.
    pub longest: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    frame::TARGET,
    batch_payload::TARGET,
    record_body::TARGET,
    join_token::TARGET,
    master_list::TARGET,
    configuration::TARGET,
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Applies the law of that name to an input; panics if it is broken, or if there is no such law.
pub fn check(name: &str, input: &[u8]) {
    let target = target(name).expect("a law of that name");
    (target.law)(input);
}
