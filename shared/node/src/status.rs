//! What this process knows of synchronisation with each peer, right now: the live half of `GetSyncStatus`.
//! What is durable (cursors, ledger, proofs) is asked of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use supplysync_model::{SyncId, Timestamp};
use supplysync_sync_core::Served;
use tokio::sync::watch;

/// How synchronisation with a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncState {
    /// No session yet since this process started.
    #[default]
    NotConnected,
    /// Dialling, or shaking hands.
    Connecting,
    /// A session is open and exchanging.
    Connected,
    /// Between sessions: the next is planned, or the satellite will dial.
    Waiting,
    /// The interval is 0: only a person or the other end starts a session.
    Paused,
    /// The other end, or we, refused the session.
    Refused,
    /// A database was restored or cloned: nothing is exchanged until a person has decided.
    Frozen,
}

/// One peer's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// The peer.
    pub peer: SyncId,
    /// How it stands.
    pub state: SyncState,
    /// The present or last session.
    pub session: Option<u64>,
    /// Where it is, or came from; empty when unknown.
    pub address: String,
    /// When a session was last tried.
    pub last_attempt: Option<Timestamp>,
    /// When both directions were last drained.
    pub last_success: Option<Timestamp>,
    /// When the next try is planned (satellites).
    pub next_attempt: Option<Timestamp>,
    /// Why it stands so, and what to do, in plain words; empty when all is well.
    pub reason: String,
    /// What the peer says of itself that differs from what is expected.
    pub mismatches: Vec<String>,
    /// What the primary serves in all (satellites), so that progress is exact.
    pub totals: Vec<Served>,
    /// Whether everything to push is acknowledged, in the present session.
    pub push_caught_up: bool,
    /// Whether everything to pull is applied, in the present session.
    pub pull_caught_up: bool,
}

impl PeerStatus {
    /// A peer of which nothing is known yet.
    pub fn new(peer: SyncId) -> PeerStatus {
        PeerStatus {
            peer,
            state: SyncState::NotConnected,
            session: None,
            address: String::new(),
            last_attempt: None,
            last_success: None,
            next_attempt: None,
            reason: String::new(),
            mismatches: Vec::new(),
            totals: Vec::new(),
            push_caught_up: false,
            pull_caught_up: false,
        }
    }
}

/// All peers by Sync ID.
pub type SyncStatus = BTreeMap<SyncId, PeerStatus>;

/// Where sessions write their status and handlers read or watch it.
#[derive(Debug, Clone)]
pub struct StatusBoard(watch::Sender<Arc<SyncStatus>>);

impl Default for StatusBoard {
    fn default() -> Self {
        StatusBoard(watch::Sender::new(Arc::default()))
    }
}

impl StatusBoard {
    /// The present state of all peers.
    pub fn current(&self) -> Arc<SyncStatus> {
        self.0.borrow().clone()
    }

    /// Wakes at each change.
    pub fn watch(&self) -> watch::Receiver<Arc<SyncStatus>> {
        self.0.subscribe()
    }

    /// Changes one peer's line; watchers wake only if it differs afterwards.
    pub fn update(&self, peer: SyncId, change: impl FnOnce(&mut PeerStatus)) {
        self.0.send_if_modified(|status| {
            let before = status.get(&peer);
            let mut line = before.cloned().unwrap_or_else(|| PeerStatus::new(peer));
            change(&mut line);
            if before == Some(&line) {
                return false;
            }
            Arc::make_mut(status).insert(peer, line);
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchers_wake_on_change_only() {
        let board = StatusBoard::default();
        let mut watch = board.watch();
        board.update(SyncId::PRIMARY, |line| line.state = SyncState::Connected);
        assert!(watch.has_changed().unwrap());
        assert_eq!(
            watch.borrow_and_update()[&SyncId::PRIMARY].state,
            SyncState::Connected
        );
        board.update(SyncId::PRIMARY, |line| line.state = SyncState::Connected);
        assert!(!watch.has_changed().unwrap());
    }
}
