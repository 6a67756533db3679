//! What bounds one session: batch sizes, window, heartbeats; and whether it stays open.

use supplysync_model::limits::{MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_BATCHES_IN_FLIGHT};

/// The bounds of one session. Both ends should use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// How often to say that we are still here, in milliseconds.
    pub heartbeat_ms: u32,
    /// How long a silence means that the link is dead, in milliseconds.
    pub silence_ms: u32,
    /// How long to wait for the other end's Bye after ours, in milliseconds.
    pub linger_ms: u32,
    /// The most records in a batch.
    pub max_records: usize,
    /// The most bytes of bodies in a batch; one record may exceed it alone.
    pub max_bytes: usize,
    /// Unacknowledged batches each way.
    pub window: usize,
}

impl Default for SessionLimits {
    fn default() -> SessionLimits {
        SessionLimits {
            heartbeat_ms: 15_000,
            silence_ms: 45_000,
            linger_ms: 3_000,
            max_records: MAX_BATCH_RECORDS,
            max_bytes: MAX_BATCH_BYTES,
            window: MAX_BATCHES_IN_FLIGHT,
        }
    }
}

/// Whether a session stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Stays open, and carries each change as it happens.
    Live,
    /// Pushes, then pulls, and ends when both are drained.
    Drain,
}
