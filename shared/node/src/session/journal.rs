//! What a session tells those who watch: log lines (one per session and batch, never bodies), the status board, metrics, and traces.

use std::collections::VecDeque;

use supplysync_model::{Clock, Reason, SyncId};
use supplysync_runtime::Traces;
use supplysync_sync_core::{Ack, CloseReason, Comparison, Direction, Refused, Report};
use tokio::time::{Duration, Instant};

use crate::metrics::session as metered;
use crate::status::{PeerStatus, StatusBoard, SyncState};

use super::role::Sending;
use super::trail::Trail;

/// What an end refuses because of its own machine: here, its words would be taken for words about this one.
const OF_ITS_MACHINE: &[&str] = &[
    Reason::DISK_FULL.0,
    Reason::DISK_FAILED.0,
    Reason::DATABASE_FAILED.0,
    Reason::INTERNAL.0,
];

/// One session's reporter.
pub(super) struct Journal {
    board: StatusBoard,
    peer: SyncId,
    address: String,
    /// Which way our own batches go.
    sends: Direction,
    /// Whether we dialled: then the line is ours from the start. On the primary a refused guest must not overwrite the
    /// line of the session that speaks for the site.
    dialled: bool,
    /// Known from the start on the primary, from the Welcome on a satellite.
    session: Option<u64>,
    ready: bool,
    frozen: bool,
    last_ack: u64,
    acked: u64,
    sent: u64,
    received: u64,
    refused: u64,
    /// Batches on their way, and since when; a session's window bounds them.
    under_way: VecDeque<(u64, Instant)>,
    trail: Trail,
}

impl Journal {
    pub(super) fn begin(
        board: StatusBoard,
        peer: SyncId,
        address: String,
        session: Option<u64>,
        sends: Direction,
        traces: Traces,
        clock: &dyn Clock,
    ) -> Journal {
        let journal = Journal {
            dialled: session.is_none(),
            board,
            peer,
            address,
            sends,
            session,
            ready: false,
            frozen: false,
            last_ack: 0,
            acked: 0,
            sent: 0,
            received: 0,
            refused: 0,
            under_way: VecDeque::new(),
            trail: Trail::begin(traces, sends, peer),
        };
        let now = clock.now();
        journal.board.update(peer, |line| {
            if journal.dialled || line.state != SyncState::Connected {
                line.state = SyncState::Connecting;
                line.address = journal.address.clone();
                line.last_attempt = Some(now);
                line.next_attempt = None;
            }
        });
        tracing::debug!(address = journal.address, "session begins");
        journal
    }

    /// Whether the handshake came through.
    pub(super) fn was_ready(&self) -> bool {
        self.ready
    }

    pub(super) fn sending(&mut self, sending: &Sending<'_>) {
        match *sending {
            Sending::Batch(batch) => {
                let (number, records) = (batch.number, batch.records() as u64);
                self.trail.sending(batch);
                tracing::debug!(batch = number, records, "batch sent");
                metered::sent(self.sends, records);
                self.under_way.push_back((number, Instant::now()));
                self.line(|journal, line| journal.set_caught_up(line, journal.sends, false));
            }
            Sending::Ack { number } => self.last_ack = number,
            Sending::Other => {}
        }
    }

    /// An ack is about to be stored.
    pub(super) fn acknowledged(&mut self, ack: &Ack) {
        let (direction, batch) = (self.sends, ack.number);
        let (records, refused) = (std::mem::take(&mut self.acked), ack.refused.len());
        tracing::info!(?direction, batch, records, refused, "batch acknowledged");
        let mut sent = None;
        while let Some((_, at)) = self.under_way.pop_front_if(|(number, _)| *number <= batch) {
            sent = Some(at);
        }
        metered::acknowledged(direction, records, sent.map(|at| at.elapsed()));
        self.trail.acknowledged(ack);
    }

    pub(super) fn report(&mut self, report: Report, clock: &dyn Clock) {
        match report {
            Report::Ready { session, mismatches } => self.begin_exchange(session, mismatches),
            Report::Totals(totals) => self.line(|_, line| line.totals = totals),
            Report::Applied {
                direction,
                applied,
                duplicates,
                refused,
            } => {
                metered::applied(direction, applied, duplicates, refused);
                self.received += applied;
                self.refused += refused;
                let batch = self.last_ack;
                tracing::info!(?direction, batch, applied, duplicates, refused, "batch applied");
                self.line(|journal, line| journal.set_caught_up(line, direction, false));
            }
            Report::Acknowledged { records, .. } => {
                self.sent += records;
                self.acked += records;
            }
            Report::Compared(comparisons) => comparisons.iter().for_each(note_comparison),
            Report::CaughtUp(direction) => {
                tracing::debug!(?direction, "caught up");
                let now = clock.now();
                self.line(|journal, line| {
                    journal.set_caught_up(line, direction, true);
                    if line.push_caught_up && line.pull_caught_up {
                        line.last_success = Some(now);
                    }
                });
            }
            Report::LineageBroken { site } => {
                self.frozen = true;
                metered::broken();
                tracing::error!(%site, "the lineage of this site's database is broken: nothing is exchanged");
            }
        }
    }

    fn begin_exchange(&mut self, session: u64, mismatches: Vec<String>) {
        self.ready = true;
        self.session = Some(session);
        tracing::info!(session, address = self.address, "session ready");
        for mismatch in &mismatches {
            tracing::warn!(session, "{mismatch}");
        }
        let address = self.address.clone();
        self.board.update(self.peer, |line| {
            line.state = SyncState::Connected;
            line.session = Some(session);
            line.address = address;
            line.reason = String::new();
            line.mismatches = mismatches;
            line.push_caught_up = false;
            line.pull_caught_up = false;
        });
    }

    /// The session is over.
    pub(super) fn end(&mut self, reason: &CloseReason, lasted: Duration) {
        metered::ended(reason);
        let (state, words) = self.outcome(reason);
        let (session, lasted_ms) = (
            self.session,
            u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        );
        let (sent, received, refused) = (self.sent, self.received, self.refused);
        match reason {
            CloseReason::Refused(_) | CloseReason::Failed(_) | CloseReason::Fenced => {
                tracing::warn!(
                    session,
                    sent,
                    received,
                    refused,
                    lasted_ms,
                    "session ended: {words}"
                );
            }
            _ => tracing::info!(
                session,
                sent,
                received,
                refused,
                lasted_ms,
                "session ended: {}",
                name_of(reason)
            ),
        }
        let (ready, address) = (self.ready, self.address.clone());
        self.board.update(self.peer, |line| {
            let ours = self.dialled || !ready && line.state != SyncState::Connected;
            if ours || ready && line.session == session {
                line.state = state;
                line.reason = words;
                line.push_caught_up &= state != SyncState::Frozen;
                line.pull_caught_up &= state != SyncState::Frozen;
            } else if !ready && matches!(reason, CloseReason::Refused(_)) {
                // Another session is at work: the address that it does not have is what the administrator needs.
                line.reason = format!("another server, at {address}, also claims to be this site: {words}");
            }
        });
    }

    fn outcome(&self, reason: &CloseReason) -> (SyncState, String) {
        let told = |refused: &Refused| refused.message.clone();
        match reason {
            CloseReason::Refused(refused) if self.frozen => (SyncState::Frozen, told(refused)),
            CloseReason::Refused(refused) if OF_ITS_MACHINE.contains(&&*refused.reason) => {
                let words = format!("the other end refuses, and means itself: {}", refused.message);
                (SyncState::Refused, words)
            }
            CloseReason::Refused(refused) => (SyncState::Refused, told(refused)),
            CloseReason::Failed(refused) => (SyncState::Waiting, told(refused)),
            CloseReason::LinkLost => (SyncState::Waiting, "the connection was lost".to_owned()),
            CloseReason::Fenced => (
                SyncState::Waiting,
                "a newer session speaks for this site; if this goes on, two servers use one Sync ID"
                    .to_owned(),
            ),
            CloseReason::Drained | CloseReason::PeerClosed | CloseReason::Stopped => {
                (SyncState::Waiting, String::new())
            }
        }
    }

    /// Changes the site's line, if it is this session's.
    fn line(&self, change: impl FnOnce(&Journal, &mut PeerStatus)) {
        self.board.update(self.peer, |line| {
            if line.session == self.session {
                change(self, line);
            }
        });
    }

    fn set_caught_up(&self, line: &mut PeerStatus, direction: Direction, caught_up: bool) {
        match direction {
            Direction::Push => line.push_caught_up = caught_up,
            Direction::Pull => line.pull_caught_up = caught_up,
        }
    }
}

fn note_comparison(compared: &Comparison) {
    metered::compared(compared);
    let Comparison { channel, seq, .. } = compared;
    if compared.equal {
        tracing::debug!(%channel, seq, explained = compared.explained, "digests compared: equal");
    } else {
        let (theirs, ours) = (compared.theirs, compared.ours);
        tracing::error!(%channel, seq, ?theirs, ?ours, "digests compared: they differ");
    }
}

fn name_of(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Drained => "both ends have everything",
        CloseReason::PeerClosed => "the other end closed it",
        CloseReason::LinkLost => "the connection was lost",
        CloseReason::Stopped => "stopped here",
        CloseReason::Fenced => "a newer session speaks for the site",
        CloseReason::Refused(_) => "refused",
        CloseReason::Failed(_) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use supplysync_model::{Fault, FaultCode};

    use super::*;

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> supplysync_model::Timestamp {
            supplysync_model::Timestamp(0)
        }
    }

    #[test]
    fn whose_disk_is_full_can_be_told() {
        let board = StatusBoard::default();
        let journal = Journal::begin(
            board,
            SyncId::PRIMARY,
            "https://primary:8443".into(),
            None,
            Direction::Push,
            Traces::default(),
            &Fixed,
        );
        let full = Fault::new(
            FaultCode::ResourceExhausted,
            Reason::DISK_FULL,
            "the disk of this server is full",
        );
        let ours = journal.outcome(&CloseReason::Failed(Refused::from(&full)));
        assert_eq!(ours, (SyncState::Waiting, full.message().to_owned()));
        let theirs = journal.outcome(&CloseReason::Refused(Refused::from(&full)));
        assert_eq!(
            theirs.1,
            format!("the other end refuses, and means itself: {}", full.message())
        );
    }
}
