//! What is counted of sessions and batches as they go: a handful of additions for each batch, none for each record.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_histogram, histogram};
use supplysync_sync_core::{CloseReason, Comparison, Direction};

const SESSIONS: &str = "supplysync_sync_sessions_total";
const RECORDS: &str = "supplysync_sync_records_total";
const BATCH: &str = "supplysync_batch_records";
const ROUND_TRIP: &str = "supplysync_batch_round_trip_seconds";
const WORK: &str = "supplysync_session_work_seconds";
const COMPARISONS: &str = "supplysync_digest_comparisons_total";
const BROKEN: &str = "supplysync_lineage_breaks_total";

pub(super) fn begin() {
    describe_counter!(SESSIONS, "Sessions that have ended, by how.");
    describe_counter!(
        RECORDS,
        "Records that batches carried, by direction, and what became of them; sent ones are acknowledged."
    );
    describe_histogram!(
        BATCH,
        "Records in each batch, by direction, and whether it was sent or received."
    );
    describe_histogram!(
        ROUND_TRIP,
        "Time from sending a batch to its durable acknowledgement, by direction."
    );
    describe_histogram!(
        WORK,
        "Time of what sessions ask of the database, by what it is; `apply` is the time of a batch that came."
    );
    describe_counter!(
        COMPARISONS,
        "Digests that were compared, by result; `explained` differs by what is in quarantine only."
    );
    describe_counter!(
        BROKEN,
        "Sessions in which a database was found to be restored or cloned: nothing is exchanged."
    );
    for end in [
        "drained", "closed", "lost", "stopped", "fenced", "refused", "failed",
    ] {
        counter!(SESSIONS, "end" => end).increment(0);
    }
    for direction in ["push", "pull"] {
        for fate in ["acknowledged", "applied", "duplicate", "refused"] {
            counter!(RECORDS, "direction" => direction, "fate" => fate).increment(0);
        }
    }
    for result in ["equal", "explained", "different"] {
        counter!(COMPARISONS, "result" => result).increment(0);
    }
    counter!(BROKEN).increment(0);
}

/// A session is over.
pub(crate) fn ended(reason: &CloseReason) {
    let end = match reason {
        CloseReason::Drained => "drained",
        CloseReason::PeerClosed => "closed",
        CloseReason::LinkLost => "lost",
        CloseReason::Stopped => "stopped",
        CloseReason::Fenced => "fenced",
        CloseReason::Refused(_) => "refused",
        CloseReason::Failed(_) => "failed",
    };
    counter!(SESSIONS, "end" => end).increment(1);
}

/// A batch goes.
pub(crate) fn sent(direction: Direction, records: u64) {
    let records = records as f64;
    histogram!(BATCH, "direction" => word(direction), "end" => "sent").record(records);
}

/// One that went is acknowledged, so long after it was sent.
pub(crate) fn acknowledged(direction: Direction, records: u64, after: Option<Duration>) {
    fate(direction, "acknowledged", records);
    if let Some(after) = after {
        histogram!(ROUND_TRIP, "direction" => word(direction)).record(after);
    }
}

/// One that came is applied.
pub(crate) fn applied(direction: Direction, applied: u64, duplicates: u64, refused: u64) {
    let records = (applied + duplicates + refused) as f64;
    histogram!(BATCH, "direction" => word(direction), "end" => "received").record(records);
    fate(direction, "applied", applied);
    fate(direction, "duplicate", duplicates);
    fate(direction, "refused", refused);
}

/// Digests were compared.
pub(crate) fn compared(comparison: &Comparison) {
    let result = match (comparison.equal, comparison.explained) {
        (true, false) => "equal",
        (true, true) => "explained",
        (false, _) => "different",
    };
    counter!(COMPARISONS, "result" => result).increment(1);
}

/// A site's lineage is broken.
pub(crate) fn broken() {
    counter!(BROKEN).increment(1);
}

/// The database has done what a session asked of it.
pub(crate) fn worked(work: &'static str, took: Duration) {
    histogram!(WORK, "work" => work).record(took);
}

fn fate(direction: Direction, fate: &'static str, records: u64) {
    counter!(RECORDS, "direction" => word(direction), "fate" => fate).increment(records);
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Push => "push",
        Direction::Pull => "pull",
    }
}
