//! Rounds of real faults on real processes: bad links, kills, rolling restarts, a database that restarts, a full disk and a failing one, while all write. Each
//! ends with the same proof: all that was acknowledged is at both ends, which are equal, and the ledger adds up.

mod database;
mod failing_disk;
mod full_disk;
mod ground;
mod kills;
mod loss;
mod rolling;
mod tally;
mod weather;
mod writer;

use std::io::Write as _;

pub use database::database_restarts;
pub use failing_disk::failing_disk;
pub use full_disk::full_disk;
pub use ground::Database;
pub use kills::{Victim, kills};
pub use loss::packet_loss;
pub use rolling::rolling;
pub use tally::Tally;
pub use weather::{foul_weather, silent_link};

use crate::Outcome;

/// How a round ended that did not fail.
#[derive(Debug)]
pub enum Round {
    /// What happened in it.
    Ran(Tally),
    /// It can't be run on this machine, for this reason.
    Skipped(String),
}

impl Round {
    /// What happened; a round that was skipped says so on standard error, past a test's capture of its output.
    pub fn told(self, name: &str) -> Tally {
        match self {
            Round::Ran(tally) => tally,
            Round::Skipped(why) => {
                // Nobody is left to tell if standard error is gone.
                let _ = writeln!(std::io::stderr(), "\n!!! SKIPPED: {name}: {why} !!!\n");
                let mut tally = Tally::default();
                tally.add(format!("SKIPPED: {name}"), 1);
                tally
            }
        }
    }
}

/// Runs something of the machine's that needs a right or a program which may not be here: why it can't, if so.
async fn possible(program: &str, arguments: &[&str]) -> Outcome<Result<(), String>> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments);
    let limit = std::time::Duration::from_secs(30);
    Ok(match crate::run(command, limit).await {
        Ok(finished) if finished.code == Some(0) => Ok(()),
        Ok(finished) => Err(format!("`{program}` says: {}", finished.stderr.trim())),
        Err(trouble) => Err(format!("`{program}` can't be run: {trouble}")),
    })
}
