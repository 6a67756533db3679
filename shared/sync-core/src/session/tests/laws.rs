//! Laws that hold whatever a machine is fed: watched effect by effect.

use supplysync_model::Timestamp;

use crate::{Effect, Input, OpId};

use super::fixture::{Machine, Said, WINDOW};

/// A machine with somebody who watches it.
pub(super) struct Watched<M: Machine> {
    machine: M,
    now: i64,
    closed: bool,
    said_bye: bool,
    last_op: OpId,
    /// Operations that were asked for and are not complete.
    pub(super) open: Vec<Effect<M::Out>>,
    batches: u64,
    acked: u64,
    acks: u64,
    leased: bool,
}

impl<M: Machine> Watched<M> {
    pub(super) fn new(machine: M) -> Watched<M> {
        Watched {
            machine,
            now: 1_000,
            closed: false,
            said_bye: false,
            last_op: 0,
            open: Vec::new(),
            batches: 0,
            acked: 0,
            acks: 0,
            leased: false,
        }
    }

    /// The last batch that it sent.
    pub(super) fn sent(&self) -> u64 {
        self.batches
    }

    /// The peer acknowledges up to a batch: that is how the window is judged.
    pub(super) fn peer_acks(&mut self, number: u64) {
        self.acked = self.acked.max(number.min(self.batches));
    }

    /// One input; panics where a law is broken.
    pub(super) fn feed(&mut self, input: Input<M::In>) -> Vec<Effect<M::Out>> {
        self.now += 1_000;
        let durable = matches!(input, Input::Applied(..));
        self.leased |= matches!(input, Input::LeaseGranted(_));
        self.complete(&input);
        let effects = self.machine.step(input, Timestamp(self.now));
        assert!(
            !self.closed || effects.is_empty(),
            "effects after the close: {effects:?}"
        );
        for effect in &effects {
            assert!(!self.closed, "an effect follows the close: {effect:?}");
            match effect {
                Effect::Send(message) => self.sends(M::kind(message), durable),
                Effect::Close(_) => self.closed = true,
                _ => self.asks(effect),
            }
        }
        effects
    }

    fn complete(&mut self, input: &Input<M::In>) {
        let done = match input {
            Input::PeerOpened(op, _)
            | Input::LineageChecked(op, _)
            | Input::IncarnationAdopted(op, _)
            | Input::LeaseGranted(op)
            | Input::PageRead(op, _)
            | Input::Applied(op, _)
            | Input::AckRecorded(op)
            | Input::Forgotten(op)
            | Input::ReportsRead(op, _)
            | Input::ReportRecorded(op, _)
            | Input::Failed(op, _) => *op,
            _ => return,
        };
        self.open.retain(|open| op_of(open) != Some(done));
    }

    fn sends(&mut self, said: Said, durable: bool) {
        assert!(!self.said_bye, "{said:?} follows the Bye");
        match said {
            Said::Bye => self.said_bye = true,
            Said::Ready => assert!(self.leased, "Ready without a lease"),
            Said::Batch(number) => {
                assert_eq!(number, self.batches + 1, "batches are numbered without a gap");
                self.batches = number;
                let unacknowledged = self.batches - self.acked;
                assert!(
                    unacknowledged <= WINDOW as u64,
                    "{unacknowledged} batches without an ack"
                );
            }
            Said::Ack(number) => {
                assert!(durable, "an ack without a durable commit");
                assert_eq!(number, self.acks + 1, "each batch is acknowledged once, in order");
                self.acks = number;
            }
            Said::Refused | Said::Other => {}
        }
    }

    fn asks(&mut self, effect: &Effect<M::Out>) {
        let Some(op) = op_of(effect) else {
            return;
        };
        assert!(op > self.last_op, "operation {op} comes after {}", self.last_op);
        self.last_op = op;
        self.open.push(effect.clone());
        let count =
            |wanted: fn(&Effect<M::Out>) -> bool| self.open.iter().filter(|open| wanted(open)).count();
        assert!(
            count(|open| matches!(open, Effect::ReadPage(..))) <= 1,
            "two reads at once"
        );
        assert!(
            count(|open| matches!(open, Effect::Apply(..) | Effect::Forget(..))) <= 1,
            "two writes of what came at once"
        );
        assert!(
            count(|open| matches!(open, Effect::ReadReports(..) | Effect::RecordReport(..))) <= 1,
            "two at one time about reports"
        );
        assert!(
            count(|open| matches!(open, Effect::RecordAck(..))) <= 1,
            "two acks stored at once"
        );
    }
}

pub(super) fn op_of<M>(effect: &Effect<M>) -> Option<OpId> {
    match effect {
        Effect::OpenPeer(op, _)
        | Effect::CheckLineage(op, ..)
        | Effect::AdoptIncarnation(op, ..)
        | Effect::GrantLease(op, ..)
        | Effect::ReadPage(op, _)
        | Effect::Apply(op, _)
        | Effect::RecordAck(op, _)
        | Effect::ReadReports(op, _)
        | Effect::RecordReport(op, _)
        | Effect::Forget(op, _) => Some(*op),
        _ => None,
    }
}
