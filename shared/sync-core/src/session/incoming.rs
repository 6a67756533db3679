//! The receiving half of an exchange: queues batches within the window, applies one at a time, makes acks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use supplysync_model::{Channel, Incarnation, Seq, SyncId};

use crate::{Ack, ApplyOutcome, ApplyRequest, Batch, Direction, Effect, OpId, Report, SessionLimits};

use super::check::flaw_of_batch;
use super::exchange::Ops;

/// What waits its turn, in the order it came.
enum Work {
    Batch(Batch),
    Forget(Vec<Channel>),
}

/// What is under way.
enum Busy {
    Applying {
        number: u64,
        ends: Vec<(Channel, bool)>,
        head: Seq,
    },
    Forgetting,
}

pub(crate) struct Incoming {
    direction: Direction,
    peer: SyncId,
    lease: Option<u64>,
    window: usize,
    /// The life of the sender's database, once known: batches of another are refused.
    incarnation: Option<Incarnation>,
    /// The channels that may come; `None` on the primary, whose store judges each record.
    served: Option<BTreeSet<Channel>>,
    received: u64,
    /// The sender's head in the last snapshot applied.
    seen: Seq,
    inbox: VecDeque<Work>,
    busy: Option<(OpId, Busy)>,
    /// Batches wait (interval mode, until our own changes are pushed).
    pub(crate) held: bool,
    caught_up: BTreeMap<Channel, bool>,
    reported: bool,
}

impl Incoming {
    pub(crate) fn new(direction: Direction, peer: SyncId, limits: SessionLimits) -> Incoming {
        Incoming {
            direction,
            peer,
            lease: None,
            window: limits.window,
            incarnation: None,
            served: None,
            received: 0,
            seen: 0,
            inbox: VecDeque::new(),
            busy: None,
            held: false,
            caught_up: BTreeMap::new(),
            reported: false,
        }
    }

    /// Applies under this session's lease, and only what comes from this life of the sender's database.
    pub(crate) fn under_lease(mut self, session: u64, incarnation: Incarnation) -> Incoming {
        self.lease = Some(session);
        self.incarnation = Some(incarnation);
        self
    }

    /// Expects the sender's database to be the one known from before, if any.
    pub(crate) fn of_life(mut self, incarnation: Option<Incarnation>) -> Incoming {
        self.incarnation = incarnation;
        self
    }

    /// Sets what may come from now on. Channels that the receiver has cursors for and that are no longer served
    /// are forgotten, after what came before.
    pub(crate) fn serve(&mut self, served: BTreeSet<Channel>, forget: Vec<Channel>) {
        self.caught_up.retain(|channel, _| served.contains(channel));
        self.served = Some(served);
        self.reported = false;
        if !forget.is_empty() {
            self.inbox.push_back(Work::Forget(forget));
        }
    }

    /// The channels served that are not in `next`.
    pub(crate) fn withdrawn(&self, next: &BTreeSet<Channel>) -> Vec<Channel> {
        let served = self.served.iter().flatten();
        served
            .filter(|channel| !next.contains(channel))
            .copied()
            .collect()
    }

    /// A batch came. A repeat is ignored; a flaw ends the session.
    pub(crate) fn batch(&mut self, batch: Batch) -> Result<(), &'static str> {
        if batch.number <= self.received {
            return Ok(());
        }
        if batch.number != self.received + 1 {
            return Err("a batch is missing");
        }
        let waiting = self
            .inbox
            .iter()
            .filter(|work| matches!(work, Work::Batch(_)))
            .count();
        let applying = matches!(self.busy, Some((_, Busy::Applying { .. })));
        if waiting + usize::from(applying) >= self.window {
            return Err("more batches than the window allows");
        }
        if let Some(flaw) = flaw_of_batch(&batch, self.direction) {
            return Err(flaw);
        }
        let life = batch.checkpoint.incarnation;
        if self.incarnation.is_some_and(|known| known != life) {
            return Err("a batch comes from another life of the database");
        }
        if let Some(served) = &self.served
            && batch.parts.iter().any(|part| !served.contains(&part.channel))
        {
            return Err("a channel came that is not served");
        }
        self.incarnation = Some(life);
        self.received = batch.number;
        self.inbox.push_back(Work::Batch(batch));
        Ok(())
    }

    /// Begins what is next, if nothing is under way.
    pub(crate) fn poll<M>(&mut self, ops: &mut Ops, effects: &mut Vec<Effect<M>>) {
        if self.busy.is_none()
            && !(self.held && matches!(self.inbox.front(), Some(Work::Batch(_))))
            && let Some(work) = self.inbox.pop_front()
        {
            self.begin(work, ops, effects);
        }
        if !self.reported && self.drained() {
            self.reported = true;
            effects.push(Effect::Report(Report::CaughtUp(self.direction)));
        }
    }

    fn begin<M>(&mut self, work: Work, ops: &mut Ops, effects: &mut Vec<Effect<M>>) {
        let op = ops.next();
        match work {
            Work::Forget(channels) => {
                self.busy = Some((op, Busy::Forgetting));
                effects.push(Effect::Forget(op, channels));
            }
            Work::Batch(batch) => {
                let ends = batch
                    .parts
                    .iter()
                    .map(|part| (part.channel, part.caught_up))
                    .collect();
                let (number, head) = (batch.number, batch.checkpoint.seq);
                self.busy = Some((op, Busy::Applying { number, ends, head }));
                let request = ApplyRequest {
                    direction: self.direction,
                    peer: self.peer,
                    parts: batch.parts,
                    checkpoint: batch.checkpoint,
                    lease: self.lease,
                };
                effects.push(Effect::Apply(op, request));
            }
        }
    }

    /// A batch is durable: the ack, and what to report. `None` for a completion that nobody waits for.
    pub(crate) fn applied(&mut self, op: OpId, outcome: ApplyOutcome) -> Option<(Ack, Vec<Report>)> {
        let Some((_, Busy::Applying { number, ends, head })) = self
            .busy
            .take_if(|(busy, work)| *busy == op && matches!(work, Busy::Applying { .. }))
        else {
            return None;
        };
        self.caught_up.extend(ends);
        self.seen = self.seen.max(head);
        self.reported = false;
        let mut reports = vec![Report::Applied {
            direction: self.direction,
            applied: outcome.applied,
            duplicates: outcome.duplicates,
            refused: outcome.refused.len() as u64,
        }];
        if !outcome.comparisons.is_empty() {
            reports.push(Report::Compared(outcome.comparisons));
        }
        let ack = Ack {
            number,
            channels: outcome.channels,
            refused: outcome.refused,
            head: outcome.head,
        };
        Some((ack, reports))
    }

    /// How the batch ends that this operation applies.
    pub(crate) fn ends(&self, op: OpId) -> &[(Channel, bool)] {
        match &self.busy {
            Some((busy, Busy::Applying { ends, .. })) if *busy == op => ends,
            _ => &[],
        }
    }

    /// The sender's head in the last snapshot applied in this session.
    pub(crate) fn seen(&self) -> Seq {
        self.seen
    }

    /// Whether the channel is served.
    pub(crate) fn serves(&self, channel: Channel) -> bool {
        self.served
            .as_ref()
            .is_some_and(|served| served.contains(&channel))
    }

    /// Cursors are forgotten.
    pub(crate) fn forgotten(&mut self, op: OpId) {
        self.busy
            .take_if(|(busy, work)| *busy == op && matches!(work, Busy::Forgetting));
    }

    /// Everything that came is applied, and every channel that is expected is caught up.
    pub(crate) fn drained(&self) -> bool {
        let expected = match &self.served {
            Some(served) => served
                .iter()
                .all(|channel| self.caught_up.get(channel) == Some(&true)),
            None => !self.caught_up.is_empty() && self.caught_up.values().all(|caught_up| *caught_up),
        };
        expected && self.idle() && self.inbox.is_empty()
    }

    /// Nothing is under way.
    pub(crate) fn idle(&self) -> bool {
        self.busy.is_none()
    }

    /// Throws away what has not begun: its sender will send it again.
    pub(crate) fn drop_waiting(&mut self) {
        self.inbox.clear();
    }

    /// Whether the operation is ours and under way.
    pub(crate) fn owns(&self, op: OpId) -> bool {
        self.busy.as_ref().is_some_and(|(busy, _)| *busy == op)
    }
}
