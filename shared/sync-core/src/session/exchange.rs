//! What both roles do once the session is ready: batches and acks both ways, and an end in order.

use supplysync_model::{Fault, Reason, Timestamp};

use crate::{Ack, Batch, CloseReason, Effect, Input, Mode, OpId, Refused, Report, SessionLimits, TimerId};

use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::pulse::later;
use super::say::Say;

/// Hands out the numbers of a session's operations.
#[derive(Default)]
pub(crate) struct Ops(OpId);

impl Ops {
    pub(crate) fn next(&mut self) -> OpId {
        self.0 += 1;
        self.0
    }
}

/// Why an exchange ends at once.
pub(crate) enum End {
    /// The other end broke the protocol.
    Violation(&'static str),
    /// For any other reason.
    Close(CloseReason),
}

impl End {
    /// An operation of ours failed.
    pub(crate) fn failed(fault: &Fault) -> End {
        End::Close(match fault.reason() {
            Reason::SESSION_FENCED => CloseReason::Fenced,
            _ => CloseReason::Failed(Refused::from(fault)),
        })
    }
}

/// How far an end in order is.
enum Ending {
    /// What is being applied, and its ack, still go out.
    Finishing(CloseReason),
    /// Our Bye is said; the other end's is awaited for a while.
    Said(CloseReason),
}

pub(crate) struct Exchange {
    ops: Ops,
    limits: SessionLimits,
    mode: Mode,
    /// What we have goes out before what came is applied: in interval mode, and while we give back what a lost database of
    /// the primary had, which what comes may be older than.
    push_first: bool,
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming,
    ending: Option<Ending>,
    peer_said_bye: bool,
    /// Something besides batches is not done: a session that ends by itself waits for it.
    pub(crate) unsettled: bool,
}

impl Exchange {
    pub(crate) fn new(
        ops: Ops,
        limits: SessionLimits,
        mode: Mode,
        outgoing: Outgoing,
        incoming: Incoming,
    ) -> Exchange {
        Exchange {
            ops,
            limits,
            mode,
            push_first: mode == Mode::Drain,
            outgoing,
            incoming,
            ending: None,
            peer_said_bye: false,
            unsettled: false,
        }
    }

    /// What we have goes out before what came is applied.
    pub(crate) fn push_first(&mut self) {
        self.push_first = true;
    }

    /// The numbers of this session's operations.
    pub(crate) fn ops(&mut self) -> &mut Ops {
        &mut self.ops
    }

    /// Whether an end has begun.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    pub(crate) fn batch(&mut self, batch: Batch) -> Result<(), End> {
        if self.ending.is_some() {
            // Not acknowledged, so its sender keeps it and sends it again.
            return Ok(());
        }
        self.incoming.batch(batch).map_err(End::Violation)
    }

    pub(crate) fn ack<M>(&mut self, ack: Ack, effects: &mut Vec<Effect<M>>) -> Result<(), End> {
        if matches!(self.ending, Some(Ending::Said(_))) {
            return Ok(());
        }
        if let Some(records) = self.outgoing.acked(ack).map_err(End::Violation)? {
            let direction = self.outgoing.direction();
            effects.push(Effect::Report(Report::Acknowledged { direction, records }));
        }
        Ok(())
    }

    /// The other end said Bye: ours follows when what is under way is done.
    pub(crate) fn bye(&mut self) -> Result<(), End> {
        self.peer_said_bye = true;
        match self.ending.take() {
            Some(Ending::Said(reason)) => Err(End::Close(reason)),
            Some(finishing) => {
                self.ending = Some(finishing);
                Ok(())
            }
            None => {
                self.end(CloseReason::PeerClosed);
                Ok(())
            }
        }
    }

    /// Begins an end in order; a second one changes nothing.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        if self.ending.is_none() {
            self.incoming.drop_waiting();
            self.ending = Some(Ending::Finishing(reason));
        }
    }

    /// Whether our Bye is out: nothing may follow it.
    pub(crate) fn said_bye(&self) -> bool {
        matches!(self.ending, Some(Ending::Said(_)))
    }

    /// The wait for the other end's Bye is over.
    pub(crate) fn lingered(&mut self) -> Option<CloseReason> {
        match self.ending.take() {
            Some(Ending::Said(reason)) => Some(reason),
            other => {
                self.ending = other;
                None
            }
        }
    }

    /// An operation of ours is complete, or the head moved.
    pub(crate) fn complete<N, M: Say>(
        &mut self,
        input: Input<N>,
        effects: &mut Vec<Effect<M>>,
    ) -> Result<(), End> {
        match input {
            Input::HeadMoved => self.outgoing.head_moved(),
            Input::AckRecorded(op) => self.outgoing.recorded(op),
            Input::Forgotten(op) => self.incoming.forgotten(op),
            Input::PageRead(op, page) if self.ending.is_none() => match self.outgoing.page_read(op, page) {
                Ok(Some(batch)) => effects.push(Effect::Send(M::batch(batch))),
                Ok(None) => {}
                Err(defect) => {
                    return Err(End::Close(CloseReason::Failed(Refused::new(
                        Reason::INTERNAL,
                        defect,
                    ))));
                }
            },
            Input::Applied(op, outcome) => {
                if let Some((ack, reports)) = self.incoming.applied(op, outcome) {
                    effects.push(Effect::Send(M::ack(ack)));
                    effects.extend(reports.into_iter().map(Effect::Report));
                }
            }
            // A page that was on its way when the end began is of no use to anybody.
            Input::Failed(op, _) if self.ending.is_some() && self.outgoing.reads(op) => {}
            Input::Failed(op, fault) if self.outgoing.owns(op) || self.incoming.owns(op) => {
                return Err(End::failed(&fault));
            }
            _ => {}
        }
        Ok(())
    }

    /// Does whatever can be done now.
    pub(crate) fn poll<M: Say>(&mut self, now: Timestamp, effects: &mut Vec<Effect<M>>) -> Result<(), End> {
        if self.ending.is_none() {
            self.outgoing.poll(&mut self.ops, effects);
            self.push_first &= !self.outgoing.drained();
            self.incoming.held = self.push_first;
            self.incoming.poll(&mut self.ops, effects);
            let drained = self.outgoing.drained() && self.incoming.drained() && !self.unsettled;
            if self.mode == Mode::Drain && drained {
                self.end(CloseReason::Drained);
            }
        }
        self.finish(now, effects)
    }

    fn finish<M: Say>(&mut self, now: Timestamp, effects: &mut Vec<Effect<M>>) -> Result<(), End> {
        let Some(Ending::Finishing(reason)) = &self.ending else {
            return Ok(());
        };
        self.outgoing.record_next(&mut self.ops, effects);
        if !self.incoming.idle() || !self.outgoing.settled() {
            return Ok(());
        }
        // The last ack and the other end's Bye often come together.
        self.outgoing.report_at_the_end(effects);
        let reason = reason.clone();
        effects.push(Effect::Send(M::bye()));
        if self.peer_said_bye {
            return Err(End::Close(reason));
        }
        effects.push(Effect::CancelTimer(TimerId::Heartbeat));
        effects.push(Effect::SetTimer(
            TimerId::Silence,
            later(now, self.limits.linger_ms),
        ));
        self.ending = Some(Ending::Said(reason));
        Ok(())
    }
}
