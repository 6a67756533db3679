//! `cargo xtask order`: commit order on PostgreSQL at length. The mechanism is the store suite's (`commit_order`); here it is
//! built, told how many changes, and run alone.

use clap::Args;
use supplysync_tests::Outcome;

use crate::workspace;

/// The server, as for every test on PostgreSQL.
const SERVER: &str = "SUPPLYSYNC_TEST_POSTGRES";
/// How the suite is told.
const CHANGES: &str = "SUPPLYSYNC_TEST_ORDER_CHANGES";
/// Writers share them evenly.
const WRITERS: u32 = 8;

/// How much.
#[derive(Args)]
pub struct Arguments {
    /// Changes to commit, a multiple of eight.
    #[arg(long, default_value_t = 1_000_000)]
    changes: u32,
}

/// Lets parallel writers write them while readers follow; fails if a reader misses one, sees one twice or out of order.
pub fn run(arguments: &Arguments) -> Outcome<()> {
    if std::env::var_os(SERVER).is_none() {
        return Err(format!("{SERVER} names no server: set it as docs/testing.md says").into());
    }
    if arguments.changes == 0 || !arguments.changes.is_multiple_of(WRITERS) {
        return Err(format!("--changes must be a multiple of {WRITERS}, above zero").into());
    }
    let status = workspace::cargo()
        .args(["test", "--workspace", "--test", "store", "--"])
        .args(["--exact", "commit_order::commit_order_at_length"])
        .args(["--ignored", "--nocapture"])
        .env(CHANGES, arguments.changes.to_string())
        .current_dir(workspace::root())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err("commit order is not seq order, or the run did not end: see above".into()),
    }
}
