//! The handle by which the rest of the program talks to synchronisation: ask for a session now or anew, read the status.

use std::collections::BTreeMap;

use supplysync_model::SyncId;
use tokio::sync::watch;

use crate::status::StatusBoard;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct SyncControl {
    board: StatusBoard,
    requests: watch::Sender<u64>,
    again: watch::Sender<BTreeMap<SyncId, u64>>,
}

impl Default for SyncControl {
    fn default() -> Self {
        SyncControl {
            board: StatusBoard::default(),
            requests: watch::Sender::new(0),
            again: watch::Sender::default(),
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

    /// Has the session with a site, if one is open here, end in order and begin again: what it went by has changed.
    pub fn begin_again(&self, peer: SyncId) {
        self.again
            .send_modify(|times| *times.entry(peer).or_default() += 1);
    }

    /// Wakes at each [`SyncControl::begin_again`], with how often each site was asked.
    pub fn beginnings(&self) -> watch::Receiver<BTreeMap<SyncId, u64>> {
        self.again.subscribe()
    }

    /// The status of all peers.
    pub fn board(&self) -> &StatusBoard {
        &self.board
    }
}
