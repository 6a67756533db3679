//! What is measured of the database as it is used: by the name of each write, and in sum for reads. What is read from it for an
//! operator is in `query::backlog`.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_histogram, histogram};
use supplysync_model::{Fault, FaultCode, Reason};

const WRITE: &str = "supplysync_database_write_seconds";
const FAILURES: &str = "supplysync_database_write_failures_total";
const REPEATS: &str = "supplysync_database_write_repeats_total";
const LOCK: &str = "supplysync_database_lock_wait_seconds";
const READ: &str = "supplysync_database_read_seconds";

/// Says what each of them tells.
pub fn describe() {
    describe_histogram!(
        WRITE,
        "Time of each write transaction from call to commit or refusal, by its name."
    );
    describe_counter!(
        FAILURES,
        "Write transactions that failed because of the database or the program, by name; refusals by rule are not among them."
    );
    describe_counter!(REPEATS, "Write transactions that lost a race and were repeated.");
    counter!(REPEATS).increment(0);
    describe_histogram!(
        LOCK,
        "Time that write transactions waited for a connection and the feed's lock."
    );
    describe_histogram!(READ, "Time of each read transaction.");
}

/// A write has ended.
pub(crate) fn written(name: &'static str, took: Duration, fault: Option<&Fault>) {
    histogram!(WRITE, "write" => name).record(took);
    // At 0 from the first write on, so that its first rise is seen.
    let failures = u64::from(fault.is_some_and(is_failure));
    counter!(FAILURES, "write" => name).increment(failures);
}

/// One is tried once more.
pub(crate) fn repeated() {
    counter!(REPEATS).increment(1);
}

/// It had to wait before it began.
pub(crate) fn waited(time: Duration) {
    histogram!(LOCK).record(time);
}

/// A read has ended.
pub(crate) fn read(took: Duration) {
    histogram!(READ).record(took);
}

fn is_failure(fault: &Fault) -> bool {
    let code = fault.code();
    matches!(
        code,
        FaultCode::Internal | FaultCode::DataLoss | FaultCode::Unavailable
    ) || [Reason::DISK_FULL, Reason::DATABASE_FAILED].contains(&fault.reason())
}
