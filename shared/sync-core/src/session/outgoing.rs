//! The sending half of an exchange: reads pages, cuts batches, keeps the window, passes acks to the store.

use std::collections::{BTreeMap, VecDeque};

use supplysync_model::{Channel, Digest, Seq};

use crate::{Ack, Batch, Cursor, Direction, Effect, OpId, Page, PageRequest, Part, Report, SessionLimits};

use super::exchange::Ops;

/// A channel on its way, with the optimistic cursor: where the receiver will be once it has applied what was sent.
struct Route {
    channel: Channel,
    cursor: Option<Cursor>,
    /// The hand-over that the cursor is at, while nothing was sent from there.
    begins: Option<Seq>,
    /// The digest, and the owner's proof, of the last closing part sent; `None` after a part that does not close.
    told: Option<Closing>,
}

impl Route {
    /// Whether it begins where it may: the store may have been handed on since.
    fn is_valid(&self, starts: &BTreeMap<Channel, Seq>) -> bool {
        self.begins
            .is_none_or(|begins| starts.get(&self.channel) == Some(&begins))
    }
}

type Closing = (Option<Digest>, Option<Seq>);

/// A batch without its ack.
struct Sent {
    number: u64,
    records: u64,
    ends: Vec<(Channel, Cursor)>,
}

pub(crate) struct Outgoing {
    direction: Direction,
    limits: SessionLimits,
    routes: Vec<Route>,
    /// Where the receiver is in channels that are not routed now but may be later in the session (push only).
    resting: BTreeMap<Channel, Cursor>,
    /// How far the receiver knew this feed when the session began: it says itself where it stands for what came before.
    heard: Seq,
    /// The last hand-over that was looked at for each channel: what comes after it changes what the receiver holds.
    starts: BTreeMap<Channel, Seq>,
    routed: bool,
    wanted: bool,
    reading: Option<OpId>,
    /// The routes changed under the read: its page is thrown away.
    outdated: bool,
    sent: u64,
    in_flight: VecDeque<Sent>,
    acks: VecDeque<Ack>,
    recording: Option<OpId>,
    caught_up: bool,
    reported: bool,
}

impl Outgoing {
    pub(crate) fn new(
        direction: Direction,
        limits: SessionLimits,
        cursors: &[(Channel, Cursor)],
    ) -> Outgoing {
        Outgoing {
            direction,
            limits,
            routes: Vec::new(),
            resting: cursors.iter().copied().collect(),
            heard: 0,
            starts: BTreeMap::new(),
            routed: false,
            wanted: false,
            reading: None,
            outdated: false,
            sent: 0,
            in_flight: VecDeque::new(),
            acks: VecDeque::new(),
            recording: None,
            caught_up: false,
            reported: false,
        }
    }

    /// The receiver knew this feed up to here when the session began.
    pub(crate) fn after_hearing(mut self, heard: Seq) -> Outgoing {
        self.heard = heard;
        self
    }

    /// Sets what is routed from now on; true when that changes anything.
    pub(crate) fn route(&mut self, channels: &[Channel]) -> bool {
        self.route_from(channels, &BTreeMap::new())
    }

    /// The same where the receiver may hold what this site held at a seq: at a hand-over that it hears of in this session,
    /// in an earlier part of the batch or before.
    pub(crate) fn route_from(&mut self, channels: &[Channel], starts: &BTreeMap<Channel, Seq>) -> bool {
        let mut channels = channels.to_vec();
        channels.sort_unstable();
        channels.dedup();
        if channels
            .iter()
            .copied()
            .eq(self.routes.iter().map(|route| route.channel))
            && self.routed
            && self.routes.iter().all(|route| route.is_valid(starts))
        {
            return false;
        }
        let mut before: BTreeMap<_, _> = self
            .routes
            .drain(..)
            .map(|route| (route.channel, route))
            .collect();
        for channel in channels {
            let route = match before.remove(&channel).filter(|route| route.is_valid(starts)) {
                Some(kept) => kept,
                None => self.new_route(channel, starts.get(&channel).copied()),
            };
            self.routes.push(route);
        }
        // A push that rests goes on where it was; a copy that is withdrawn begins afresh if it is granted again.
        if self.direction == Direction::Push {
            self.resting.extend(
                before
                    .into_values()
                    .filter_map(|route| Some((route.channel, route.cursor?))),
            );
        } else {
            self.resting.clear();
        }
        self.outdated = self.reading.is_some();
        self.caught_up = self.routes.is_empty();
        self.reported = false;
        self.wanted = true;
        self.routed = true;
        true
    }

    fn new_route(&mut self, channel: Channel, start: Option<Seq>) -> Route {
        let rested = self.resting.remove(&channel);
        let begins = match (self.direction, rested) {
            (Direction::Pull, None) => start.filter(|start| self.is_news(channel, *start)),
            _ => None,
        };
        let cursor = match self.direction {
            Direction::Push => Some(rested.unwrap_or(Cursor::START)),
            Direction::Pull => rested.or(begins.map(|seq| Cursor::Following { seq })),
        };
        Route {
            channel,
            cursor,
            begins,
            told: None,
        }
    }

    fn is_news(&mut self, channel: Channel, start: Seq) -> bool {
        let looked_at = self.starts.insert(channel, start);
        start >= self.heard && looked_at.is_none_or(|before| before < start)
    }

    /// Closes every channel once more: a site that has taken back its stores compares what became a copy meanwhile, and did not
    /// while it loaded it as its own.
    pub(crate) fn tell_again(&mut self) {
        for route in &mut self.routes {
            route.told = None;
        }
        self.outdated |= self.reading.is_some();
        self.wanted = true;
    }

    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    pub(crate) fn head_moved(&mut self) {
        self.wanted = true;
    }

    /// Everything read is sent, applied, and its ack stored.
    pub(crate) fn drained(&self) -> bool {
        let nothing_to_read =
            self.routes.is_empty() || (self.caught_up && !self.wanted && self.reading.is_none());
        nothing_to_read && self.in_flight.is_empty() && self.settled()
    }

    /// No ack waits to be stored.
    pub(crate) fn settled(&self) -> bool {
        self.acks.is_empty() && self.recording.is_none()
    }

    /// Reads and records acks as far as the window allows.
    pub(crate) fn poll<M>(&mut self, ops: &mut Ops, effects: &mut Vec<Effect<M>>) {
        self.record_next(ops, effects);
        let unrecorded = self.acks.len() + usize::from(self.recording.is_some());
        let room = self.in_flight.len() < self.limits.window && unrecorded < self.limits.window;
        if self.wanted && room && self.reading.is_none() && !self.routes.is_empty() {
            let op = ops.next();
            self.wanted = false;
            self.reading = Some(op);
            effects.push(Effect::ReadPage(op, self.request()));
        }
        self.report_caught_up(effects);
    }

    /// Says once that everything is exchanged.
    fn report_caught_up<M>(&mut self, effects: &mut Vec<Effect<M>>) {
        if self.drained() {
            self.report(effects);
        }
    }

    /// The same at the end of a session, where nothing more is read: what moved since the last page is for the next.
    pub(crate) fn report_at_the_end<M>(&mut self, effects: &mut Vec<Effect<M>>) {
        if self.caught_up && self.in_flight.is_empty() && self.settled() {
            self.report(effects);
        }
    }

    fn report<M>(&mut self, effects: &mut Vec<Effect<M>>) {
        if !self.reported {
            self.reported = true;
            effects.push(Effect::Report(Report::CaughtUp(self.direction)));
        }
    }

    pub(crate) fn record_next<M>(&mut self, ops: &mut Ops, effects: &mut Vec<Effect<M>>) {
        if self.recording.is_none()
            && let Some(ack) = self.acks.pop_front()
        {
            let op = ops.next();
            self.recording = Some(op);
            effects.push(Effect::RecordAck(op, ack));
        }
    }

    fn request(&self) -> PageRequest {
        PageRequest {
            direction: self.direction,
            channels: self
                .routes
                .iter()
                .map(|route| (route.channel, route.cursor))
                .collect(),
            max_records: self.limits.max_records,
            max_bytes: self.limits.max_bytes,
        }
    }

    /// A page was read: the batch to send, if it brings the receiver anything.
    pub(crate) fn page_read(&mut self, op: OpId, page: Page) -> Result<Option<Batch>, &'static str> {
        if self.reading != Some(op) {
            return Ok(None);
        }
        self.reading = None;
        if std::mem::take(&mut self.outdated) {
            self.wanted = true;
            return Ok(None);
        }
        let caught_up = page.parts.iter().filter(|part| part.caught_up).count() == self.routes.len();
        let parts = self.take_news(page.parts)?;
        if parts.is_empty() && !caught_up {
            return Err("a page that is not caught up brings nothing");
        }
        self.caught_up = caught_up;
        self.wanted |= !caught_up;
        if parts.is_empty() {
            return Ok(None);
        }
        self.sent += 1;
        self.reported = false;
        let batch = Batch {
            number: self.sent,
            parts,
            checkpoint: page.head,
        };
        self.in_flight.push_back(Sent {
            number: batch.number,
            records: batch.records() as u64,
            ends: batch
                .parts
                .iter()
                .map(|part| (part.channel, part.through))
                .collect(),
        });
        Ok(Some(batch))
    }

    /// Keeps the parts that bring something and moves their cursors. A part that brings nothing is not sent, and
    /// its cursor stays: an idle session commits nothing.
    fn take_news(&mut self, parts: Vec<Part>) -> Result<Vec<Part>, &'static str> {
        let mut news = Vec::with_capacity(parts.len());
        for part in parts {
            let route = self.routes.iter_mut().find(|route| route.channel == part.channel);
            let Some(route) = route.filter(|route| route.cursor == part.from) else {
                return Err("a page does not begin where it was asked to");
            };
            let closing = (part.digest, part.owner_proof.map(|proof| proof.seq));
            let follows = matches!(part.from, Some(Cursor::Following { .. }));
            let unheard = part.caught_up && route.told != Some(closing);
            if part.records.is_empty() && follows && !unheard {
                continue;
            }
            route.cursor = Some(part.through);
            route.begins = None;
            route.told = part.caught_up.then_some(closing);
            news.push(part);
        }
        Ok(news)
    }

    /// An ack came. Returns the records that it acknowledges; `None` for one that was heard before.
    pub(crate) fn acked(&mut self, ack: Ack) -> Result<Option<u64>, &'static str> {
        if ack.number > self.sent {
            return Err("a batch was acknowledged that was never sent");
        }
        let mut records = 0;
        let mut ends = Vec::new();
        while let Some(sent) = self.in_flight.pop_front_if(|sent| sent.number <= ack.number) {
            records += sent.records;
            ends.extend(sent.ends);
        }
        if ends.is_empty() {
            return Ok(None);
        }
        if !ack
            .channels
            .iter()
            .all(|acked| ends.contains(&(acked.channel, acked.cursor)))
        {
            return Err("an ack names a position that was never sent");
        }
        self.acks.push_back(ack);
        Ok(Some(records))
    }

    /// An ack is stored.
    pub(crate) fn recorded(&mut self, op: OpId) {
        if self.recording == Some(op) {
            self.recording = None;
        }
    }

    /// Whether the operation is the read that is under way.
    pub(crate) fn reads(&self, op: OpId) -> bool {
        self.reading == Some(op)
    }

    /// Whether the operation is one of ours that is under way.
    pub(crate) fn owns(&self, op: OpId) -> bool {
        self.reading == Some(op) || self.recording == Some(op)
    }
}
