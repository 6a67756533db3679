//! The satellite's session machine: it opens, checks its own lineage, then pushes and obeys the feed.

use std::collections::BTreeSet;

use supplysync_model::limits::PROTOCOL_VERSION;
use supplysync_model::{Channel, Checkpoint, Incarnation, Reason, SyncId, Timestamp};

use crate::{
    CloseReason, Direction, Effect, Hello, Input, LineageVerdict, Mode, OpId, PrimaryMessage, Refused,
    Report, SatelliteMessage, Served, SessionLimits, TimerId, Welcome,
};

use super::admission::{may_follow, primary_broken, satellite_broken};
use super::exchange::{End, Exchange, Ops};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::pulse::Pulse;
use super::reports::Answers;

/// What the satellite's machine wants done.
pub type Effects = Vec<Effect<SatelliteMessage>>;

/// How this session runs.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Whether it stays open.
    pub mode: Mode,
    /// Bounds.
    pub limits: SessionLimits,
}

/// One session, on a satellite.
pub struct Session {
    setup: Setup,
    pulse: Pulse,
    phase: Phase,
    /// Numbers operations until the exchange takes over.
    ops: Ops,
    /// The channels of the stores active here.
    push: Vec<Channel>,
}

enum Phase {
    Unconnected,
    AwaitingWelcome(Box<Hello>),
    Checking(OpId, Box<Greeted>),
    Meeting(OpId, Box<Greeted>),
    Adopting(OpId, Box<Greeted>),
    AwaitingReady(Box<Greeted>),
    Exchanging(Box<Exchange>, Box<Answers>),
    Closed,
}

/// Both openings, and who we are after them.
struct Greeted {
    hello: Hello,
    welcome: Welcome,
    incarnation: Incarnation,
}

impl Session {
    /// A session that waits for its stream.
    pub fn new(setup: Setup) -> Session {
        Session {
            setup,
            pulse: Pulse::new(setup.limits),
            phase: Phase::Unconnected,
            ops: Ops::default(),
            push: Vec::new(),
        }
    }

    /// Takes one input; the effects are to be carried out in order.
    pub fn handle(&mut self, input: Input<PrimaryMessage>, now: Timestamp) -> Effects {
        let mut effects = Vec::new();
        if matches!(self.phase, Phase::Closed) {
            return effects;
        }
        if let Err(end) = self.step(input, now, &mut effects) {
            self.phase = Phase::Closed;
            effects.push(Effect::Close(match end {
                End::Violation(what) => CloseReason::Refused(Refused::violation(what)),
                End::Close(reason) => reason,
            }));
        }
        effects
    }

    fn step(
        &mut self,
        input: Input<PrimaryMessage>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), End> {
        match input {
            Input::Connected { hello, push } => self.connected(hello, push, now, effects),
            Input::Received(message) => {
                self.pulse.heard(now);
                self.received(message, effects)
            }
            Input::LinkLost => Err(End::Close(CloseReason::LinkLost)),
            Input::Fenced => Err(End::Close(CloseReason::Fenced)),
            Input::Timer(id) => self.timer(id, now, effects),
            Input::Stop => self.stop(),
            Input::SettingsChanged { push, .. } => {
                self.push = push;
                if let Phase::Exchanging(exchange, answers) = &mut self.phase {
                    exchange.outgoing.route(&self.push);
                    answers.changed();
                }
                Ok(())
            }
            other => self.completed(other, effects),
        }?;
        self.poll(now, effects)
    }

    /// Does whatever can be done now.
    fn poll(&mut self, now: Timestamp, effects: &mut Effects) -> Result<(), End> {
        let Phase::Exchanging(exchange, answers) = &mut self.phase else {
            return Ok(());
        };
        if !exchange.is_ending() {
            answers.poll(exchange.ops(), effects);
            let incoming = &exchange.incoming;
            exchange.unsettled = !answers.settled(|channel| incoming.serves(channel), incoming.seen());
        }
        exchange.poll(now, effects)
    }

    fn connected(
        &mut self,
        hello: Option<Hello>,
        push: Vec<Channel>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), End> {
        if !matches!(self.phase, Phase::Unconnected) {
            return Ok(());
        }
        let Some(hello) = hello else {
            let defect = Refused::new(Reason::INTERNAL, "a satellite's session began without a Hello");
            return Err(End::Close(CloseReason::Failed(defect)));
        };
        self.push = push;
        self.pulse.start(now, effects);
        effects.push(Effect::Send(SatelliteMessage::Hello(hello.clone())));
        self.phase = Phase::AwaitingWelcome(Box::new(hello));
        Ok(())
    }

    fn timer(&mut self, id: TimerId, now: Timestamp, effects: &mut Effects) -> Result<(), End> {
        let lingered = match &mut self.phase {
            Phase::Unconnected => return Ok(()),
            Phase::Exchanging(exchange, _) if exchange.said_bye() => match id {
                TimerId::Heartbeat => return Ok(()),
                TimerId::Silence => exchange.lingered(),
            },
            _ => None,
        };
        if let Some(reason) = lingered {
            return Err(End::Close(reason));
        }
        match id {
            TimerId::Heartbeat => self.pulse.beat(now, effects),
            TimerId::Silence if self.pulse.silent(now, effects) => {
                return Err(End::Close(CloseReason::LinkLost));
            }
            TimerId::Silence => {}
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<(), End> {
        match &mut self.phase {
            Phase::Exchanging(exchange, _) => {
                exchange.end(CloseReason::Stopped);
                Ok(())
            }
            _ => Err(End::Close(CloseReason::Stopped)),
        }
    }

    fn received(&mut self, message: PrimaryMessage, effects: &mut Effects) -> Result<(), End> {
        match (&mut self.phase, message) {
            (_, PrimaryMessage::Refused(refused)) => self.refused(refused, effects),
            (Phase::Exchanging(exchange, _), PrimaryMessage::Batch(batch)) => exchange.batch(batch),
            (Phase::Exchanging(exchange, _), PrimaryMessage::Ack(ack)) => exchange.ack(ack, effects),
            (Phase::Exchanging(exchange, _), PrimaryMessage::Bye) => exchange.bye(),
            (Phase::Exchanging(exchange, _), PrimaryMessage::Serve(serve)) => {
                let next = channels(&serve);
                let withdrawn = exchange.incoming.withdrawn(&next);
                exchange.incoming.serve(next, withdrawn);
                effects.push(Effect::Report(Report::Totals(serve)));
                Ok(())
            }
            (Phase::Exchanging(_, answers), PrimaryMessage::Noted(noted)) => {
                answers.noted(noted).map_err(End::Violation)
            }
            (_, PrimaryMessage::Bye) => Err(End::Close(CloseReason::PeerClosed)),
            (Phase::Unconnected, _) => Err(End::Violation("a message came before the stream")),
            (_, PrimaryMessage::Heartbeat) => Ok(()),
            (Phase::AwaitingWelcome(_), PrimaryMessage::Welcome(welcome)) => self.welcomed(welcome, effects),
            (Phase::AwaitingReady(_), PrimaryMessage::Ready) => self.ready(effects),
            _ => Err(End::Violation("a message came out of order")),
        }
    }

    fn refused(&mut self, refused: Refused, effects: &mut Effects) -> Result<(), End> {
        let own = match &self.phase {
            Phase::AwaitingWelcome(hello) => Some(hello.sync_id),
            _ => None,
        };
        if let Some(site) = own.and_then(|own| super::admission::suspect(&refused, own)) {
            effects.push(Effect::Report(Report::LineageBroken { site }));
        }
        Err(End::Close(if refused.reason == Reason::SESSION_FENCED.0 {
            CloseReason::Fenced
        } else {
            CloseReason::Refused(refused)
        }))
    }

    /// The primary took our Hello. Does our own chain know what it has of us?
    fn welcomed(&mut self, welcome: Welcome, effects: &mut Effects) -> Result<(), End> {
        let Phase::AwaitingWelcome(hello) = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return Err(End::Violation("a message came out of order"));
        };
        if welcome.protocol != PROTOCOL_VERSION {
            return Err(End::Violation(
                "the primary chose a protocol that was not offered",
            ));
        }
        let incarnation = match (hello.incarnation, welcome.assigned_incarnation) {
            (_, None) if hello.recovers => return Err(End::Violation("no new life was assigned")),
            (Some(own), None) => own,
            (None, Some(assigned)) => assigned,
            (Some(_), Some(assigned)) if hello.recovers => assigned,
            (Some(_), Some(_)) => return Err(End::Violation("a second incarnation was assigned")),
            (None, None) => return Err(End::Violation("no incarnation was assigned")),
        };
        let op = self.ops.next();
        let (known, pushed) = (welcome.checkpoint, welcome.cursors.clone());
        effects.push(Effect::CheckLineage(op, known, pushed));
        self.phase = Phase::Checking(
            op,
            Box::new(Greeted {
                hello: *hello,
                welcome,
                incarnation,
            }),
        );
        Ok(())
    }

    /// Completions: those of the handshake here, the others in the exchange. One with an old number is ignored.
    fn completed(&mut self, input: Input<PrimaryMessage>, effects: &mut Effects) -> Result<(), End> {
        match (std::mem::replace(&mut self.phase, Phase::Closed), input) {
            (Phase::Exchanging(mut exchange, mut answers), input) => {
                let done = match input {
                    Input::ReportsRead(op, read) => {
                        if answers.has_given_back(op) {
                            // How both ends stood while it gave back holds no longer: the next session says it anew.
                            let over = Refused::begins_again("everything is given back to the primary");
                            exchange.end(CloseReason::Refused(over));
                        }
                        if let Some(push) = answers.read(op, read) {
                            exchange.outgoing.route(&push);
                            self.push = push;
                        }
                        Ok(())
                    }
                    Input::Failed(op, _) if answers.owns(op) && exchange.is_ending() => Ok(()),
                    Input::Failed(op, fault) if answers.owns(op) => Err(End::failed(&fault)),
                    Input::AckRecorded(op) => {
                        answers.acknowledged();
                        exchange.complete::<PrimaryMessage, _>(Input::AckRecorded(op), effects)
                    }
                    Input::Applied(op, outcome) => {
                        answers.applied(exchange.incoming.ends(op));
                        exchange.complete::<PrimaryMessage, _>(Input::Applied(op, outcome), effects)
                    }
                    input => exchange.complete(input, effects),
                };
                self.phase = Phase::Exchanging(exchange, answers);
                done
            }
            (Phase::Checking(op, greeted), Input::LineageChecked(done, verdict)) if op == done => {
                self.lineage_checked(greeted, verdict, effects)
            }
            (Phase::Meeting(op, greeted), Input::LifeMet { op: done, push }) if op == done => {
                self.push = push;
                self.adopt(greeted, effects);
                Ok(())
            }
            (Phase::Adopting(op, greeted), Input::IncarnationAdopted(done, begins)) if op == done => {
                self.lineage_ok(greeted, begins, effects);
                Ok(())
            }
            (
                Phase::Checking(op, _) | Phase::Meeting(op, _) | Phase::Adopting(op, _),
                Input::Failed(done, fault),
            ) if op == done => Err(End::Close(CloseReason::Failed(Refused::from(&fault)))),
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    fn lineage_checked(
        &mut self,
        greeted: Box<Greeted>,
        verdict: LineageVerdict,
        effects: &mut Effects,
    ) -> Result<(), End> {
        if verdict == LineageVerdict::Broken {
            let site = greeted.hello.sync_id;
            effects.push(Effect::Send(SatelliteMessage::LineageBroken));
            effects.push(Effect::Report(Report::LineageBroken { site }));
            return Err(End::Close(CloseReason::Refused(satellite_broken(site))));
        }
        match greeted.welcome.life {
            None => self.adopt(greeted, effects),
            Some(life) if may_follow(greeted.hello.checkpoint, &life) => {
                let op = self.ops.next();
                effects.push(Effect::MeetLife {
                    op,
                    life,
                    pushed: greeted.welcome.cursors.clone(),
                    stands: greeted.welcome.stands.clone(),
                });
                self.phase = Phase::Meeting(op, greeted);
            }
            Some(_) => {
                let site = SyncId::PRIMARY;
                effects.push(Effect::Report(Report::LineageBroken { site }));
                return Err(End::Close(CloseReason::Refused(primary_broken())));
            }
        }
        Ok(())
    }

    /// A life was assigned to this database, or it has one.
    fn adopt(&mut self, greeted: Box<Greeted>, effects: &mut Effects) {
        if greeted.welcome.assigned_incarnation.is_some() {
            let op = self.ops.next();
            let resume = greeted.hello.recovers.then_some(greeted.welcome.resume_after);
            effects.push(Effect::AdoptIncarnation(op, greeted.incarnation, resume));
            self.phase = Phase::Adopting(op, greeted);
        } else {
            self.lineage_ok(greeted, None, effects);
        }
    }

    fn lineage_ok(&mut self, greeted: Box<Greeted>, begins: Option<Checkpoint>, effects: &mut Effects) {
        effects.push(Effect::Send(SatelliteMessage::LineageOk {
            incarnation: greeted.incarnation,
            begins,
        }));
        self.phase = Phase::AwaitingReady(greeted);
    }

    fn ready(&mut self, effects: &mut Effects) -> Result<(), End> {
        let Phase::AwaitingReady(greeted) = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return Err(End::Violation("a message came out of order"));
        };
        let Greeted { hello, welcome, .. } = *greeted;
        let limits = self.setup.limits;
        let mut outgoing = Outgoing::new(Direction::Push, limits, &welcome.cursors);
        outgoing.route(&self.push);
        let served = channels(&welcome.serve);
        let known = hello.cursors.iter().map(|(channel, _)| *channel);
        let forget = known.filter(|channel| !served.contains(channel)).collect();
        let heard = hello.checkpoint.map(|checkpoint| checkpoint.incarnation);
        let life = welcome.life.map_or(heard, |life| Some(life.began.incarnation));
        let mut incoming = Incoming::new(Direction::Pull, SyncId::PRIMARY, limits).of_life(life);
        incoming.serve(served, forget);
        let ops = std::mem::take(&mut self.ops);
        let mut exchange = Exchange::new(ops, limits, self.setup.mode, outgoing, incoming);
        if welcome.life.is_some_and(|life| !life.given_back) {
            exchange.push_first();
        }
        self.phase = Phase::Exchanging(Box::new(exchange), Box::new(Answers::new()));
        effects.push(Effect::Report(Report::Ready {
            session: welcome.session,
            mismatches: welcome.mismatches,
        }));
        effects.push(Effect::Report(Report::Totals(welcome.serve)));
        Ok(())
    }
}

fn channels(served: &[Served]) -> BTreeSet<Channel> {
    served.iter().map(|served| served.channel).collect()
}
