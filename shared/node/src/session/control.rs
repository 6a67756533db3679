//! The handle by which the rest of the program talks to synchronisation: ask for a session now, read the status.

use tokio::sync::watch;

use crate::status::StatusBoard;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct SyncControl {
    board: StatusBoard,
    requests: watch::Sender<u64>,
}

impl Default for SyncControl {
    fn default() -> Self {
        SyncControl {
            board: StatusBoard::default(),
            requests: watch::Sender::new(0),
        }
    }
}

impl SyncControl {
    /// Asks for a session at once, whatever the interval and the backoff. On a primary it makes the open
    /// sessions look again; a satellite that is not connected dials by itself.
    pub fn sync_now(&self) {
        self.requests.send_modify(|count| *count += 1);
    }

    /// Wakes at each [`SyncControl::sync_now`].
    pub fn requests(&self) -> watch::Receiver<u64> {
        self.requests.subscribe()
    }

    /// The status of all peers.
    pub fn board(&self) -> &StatusBoard {
        &self.board
    }
}
