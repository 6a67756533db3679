//! The primary's session machine: one satellite, one stream. It judges who speaks, then exchanges batches.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_model::limits::PROTOCOL_VERSION;
use supplysync_model::{Channel, Checkpoint, Incarnation, Reason, ReportSubject, Seq, SyncId, Timestamp};

use crate::{
    CloseReason, Direction, Effect, Hello, Input, Mode, OpId, PeerState, PrimaryMessage, Refused, Report,
    SatelliteMessage, Served, SessionLimits, TimerId, Welcome,
};

use super::admission::{self, Admission};
use super::check::flaw_of_hello;
use super::exchange::{End, Exchange, Ops};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::pulse::Pulse;
use super::reports::Notes;

/// What the primary's machine wants done.
pub type Effects = Vec<Effect<PrimaryMessage>>;

/// Who is at the other end, and what this session is called.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The Sync ID of the certificate.
    pub certified: SyncId,
    /// The session's number: the lease's, and its name in logs on both ends.
    pub session: u64,
    /// This program's version.
    pub software_version: String,
    /// Bounds.
    pub limits: SessionLimits,
}

/// One session, on the primary.
pub struct Session {
    setup: Setup,
    pulse: Pulse,
    phase: Phase,
    /// Numbers operations until the exchange takes over.
    ops: Ops,
    /// Channels to serve that changed before the exchange began.
    newer_serve: Option<Vec<Served>>,
    notes: Notes,
    /// The satellite was told that sites still give back what may be lost here.
    told_to_wait: bool,
    /// Nothing is sent in a session in which the satellite gives back what it has: ours may be older. It ends that session
    /// when all is noted.
    is_given_back: bool,
}

enum Phase {
    Unconnected,
    AwaitingHello,
    Opening(OpId, Box<Hello>),
    Welcomed(Box<Guest>),
    Leasing(OpId, Box<Guest>),
    Confirming(OpId, Box<Guest>),
    Exchanging(Box<Exchange>, Vec<Served>),
    Closed,
}

/// A satellite that was let in.
struct Guest {
    hello: Hello,
    state: PeerState,
    incarnation: Incarnation,
    /// Beyond which seq a new life of its database begins, if it does; then, where it has begun.
    resume_after: Option<Seq>,
    begins: Option<Checkpoint>,
}

impl Session {
    /// A session that waits for its stream.
    pub fn new(setup: Setup) -> Session {
        Session {
            pulse: Pulse::new(setup.limits),
            setup,
            phase: Phase::Unconnected,
            ops: Ops::default(),
            newer_serve: None,
            notes: Notes::default(),
            told_to_wait: false,
            is_given_back: true,
        }
    }

    /// Takes one input; the effects are to be carried out in order.
    pub fn handle(&mut self, input: Input<SatelliteMessage>, now: Timestamp) -> Effects {
        let mut effects = Vec::new();
        if matches!(self.phase, Phase::Closed) {
            return effects;
        }
        if let Err(end) = self.step(input, now, &mut effects) {
            let early = !matches!(self.phase, Phase::Exchanging(..));
            let said_bye = matches!(&self.phase, Phase::Exchanging(exchange, _) if exchange.said_bye());
            self.phase = Phase::Closed;
            let reason = match end {
                End::Violation(what) => CloseReason::Refused(Refused::violation(what)),
                End::Close(reason) => reason,
            };
            if let Some(refused) = farewell(&reason, early).filter(|_| !said_bye) {
                effects.push(Effect::Send(PrimaryMessage::Refused(refused)));
            }
            effects.push(Effect::Close(reason));
        }
        effects
    }

    fn step(
        &mut self,
        input: Input<SatelliteMessage>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), End> {
        match input {
            Input::Connected { .. } => self.connected(now, effects),
            Input::Received(message) => {
                self.pulse.heard(now);
                self.received(message, effects)
            }
            Input::LinkLost => Err(End::Close(CloseReason::LinkLost)),
            Input::Fenced => Err(End::Close(CloseReason::Fenced)),
            Input::Timer(id) => self.timer(id, now, effects),
            Input::Stop => self.stop(),
            Input::SettingsChanged { serve, gathering, .. } => {
                self.settings_changed(serve, effects);
                self.gathered(gathering)
            }
            other => self.completed(other, effects),
        }?;
        match &mut self.phase {
            Phase::Exchanging(exchange, _) => exchange.poll(now, effects),
            _ => Ok(()),
        }
    }

    fn connected(&mut self, now: Timestamp, effects: &mut Effects) -> Result<(), End> {
        if matches!(self.phase, Phase::Unconnected) {
            self.phase = Phase::AwaitingHello;
            self.pulse.start(now, effects);
        }
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

    fn received(&mut self, message: SatelliteMessage, effects: &mut Effects) -> Result<(), End> {
        match (&mut self.phase, message) {
            (Phase::Exchanging(exchange, _), SatelliteMessage::Batch(batch)) => exchange.batch(batch),
            (Phase::Exchanging(exchange, _), SatelliteMessage::Ack(ack)) => exchange.ack(ack, effects),
            (Phase::Exchanging(exchange, _), SatelliteMessage::Bye) => exchange.bye(),
            // Not noted once an end has begun: the satellite says it again.
            (Phase::Exchanging(exchange, _), SatelliteMessage::Report(_)) if exchange.is_ending() => Ok(()),
            (Phase::Exchanging(exchange, _), SatelliteMessage::Report(report)) => self
                .notes
                .came(report, exchange.ops(), effects)
                .map_err(End::Violation),
            (_, SatelliteMessage::Bye) => Err(End::Close(CloseReason::PeerClosed)),
            (Phase::Unconnected, _) => Err(End::Violation("a message came before the stream")),
            (_, SatelliteMessage::Heartbeat) => Ok(()),
            (Phase::AwaitingHello, SatelliteMessage::Hello(hello)) => self.hello(hello, effects),
            (Phase::Welcomed(_), SatelliteMessage::LineageOk { incarnation, begins }) => {
                self.lineage_ok(incarnation, begins, effects)
            }
            (Phase::Welcomed(_), SatelliteMessage::LineageBroken) => {
                let site = self.setup.certified;
                effects.push(Effect::Report(Report::LineageBroken { site }));
                Err(refused(admission::satellite_broken(site)))
            }
            _ => Err(End::Violation("a message came out of order")),
        }
    }

    fn hello(&mut self, hello: Hello, effects: &mut Effects) -> Result<(), End> {
        if let Some(flaw) = flaw_of_hello(&hello) {
            return Err(End::Violation(flaw));
        }
        admission::greet(&hello, self.setup.certified).map_err(refused)?;
        let op = self.ops.next();
        effects.push(Effect::OpenPeer(op, hello.clone()));
        self.phase = Phase::Opening(op, Box::new(hello));
        Ok(())
    }

    fn lineage_ok(
        &mut self,
        incarnation: Incarnation,
        begins: Option<Checkpoint>,
        effects: &mut Effects,
    ) -> Result<(), End> {
        let Phase::Welcomed(mut guest) = std::mem::replace(&mut self.phase, Phase::AwaitingHello) else {
            return Err(End::Violation("a message came out of order"));
        };
        if guest.incarnation != incarnation {
            return Err(End::Violation(
                "the satellite took another incarnation than it was given",
            ));
        }
        let as_told = match (guest.resume_after, begins) {
            (None, None) => true,
            (Some(after), Some(begins)) => begins.incarnation == incarnation && begins.seq > after,
            _ => false,
        };
        if !as_told {
            return Err(End::Violation(
                "the satellite's new life does not begin where it was told to",
            ));
        }
        guest.begins = begins;
        let op = self.ops.next();
        effects.push(Effect::GrantLease(op, incarnation, begins));
        self.phase = Phase::Leasing(op, guest);
        Ok(())
    }

    /// Completions: those of the handshake here, the others in the exchange. One with an old number is ignored.
    fn completed(&mut self, input: Input<SatelliteMessage>, effects: &mut Effects) -> Result<(), End> {
        match (std::mem::replace(&mut self.phase, Phase::Closed), input) {
            (Phase::Exchanging(mut exchange, served), input) => {
                let done = match input {
                    Input::ReportRecorded(op, noted) => {
                        if self.notes.recorded(op) && !exchange.said_bye() {
                            effects.push(Effect::Send(PrimaryMessage::Noted(noted)));
                        }
                        if let ReportSubject::Recovered(_) = noted.subject {
                            exchange.outgoing.tell_again();
                        }
                        Ok(())
                    }
                    Input::Failed(op, fault) if self.notes.owns(op) => Err(End::failed(&fault)),
                    input => exchange.complete(input, effects),
                };
                self.phase = Phase::Exchanging(exchange, served);
                done
            }
            (Phase::Opening(op, hello), Input::PeerOpened(done, state)) if op == done => {
                self.opened(*hello, *state, effects)
            }
            (Phase::Leasing(op, guest), Input::LeaseGranted(done)) if op == done => {
                // Until the lease was ours another session may have moved what we judged by: look again.
                let op = self.ops.next();
                // What was heard of channels before the lease may be older than what is read now.
                self.newer_serve = None;
                let mut hello = guest.hello.clone();
                hello.incarnation = Some(guest.incarnation);
                hello.recovers = false;
                effects.push(Effect::OpenPeer(op, hello));
                self.phase = Phase::Confirming(op, guest);
                Ok(())
            }
            (Phase::Confirming(op, guest), Input::PeerOpened(done, state)) if op == done => {
                self.confirmed(*guest, *state, effects)
            }
            (
                Phase::Opening(op, _) | Phase::Leasing(op, _) | Phase::Confirming(op, _),
                Input::Failed(done, fault),
            ) if op == done => Err(End::Close(CloseReason::Failed(Refused::from(&fault)))),
            (phase, _) => {
                self.phase = phase;
                Ok(())
            }
        }
    }

    fn opened(&mut self, hello: Hello, state: PeerState, effects: &mut Effects) -> Result<(), End> {
        if let Some(busy) = admission::must_wait(&hello, &state) {
            return Err(refused(busy));
        }
        let Admission {
            incarnation,
            assigned,
            resume_after,
        } = admission::admit(&hello, &state).map_err(|refusal| {
            if let Some(site) = admission::suspect(&refusal, self.setup.certified) {
                effects.push(Effect::Report(Report::LineageBroken { site }));
            }
            refused(refusal)
        })?;
        self.told_to_wait = state.life.is_some_and(|life| life.gathering);
        effects.push(Effect::Send(PrimaryMessage::Welcome(Welcome {
            protocol: PROTOCOL_VERSION,
            software_version: self.setup.software_version.clone(),
            session: self.setup.session,
            assigned_incarnation: assigned.then_some(incarnation),
            resume_after: resume_after.unwrap_or(0),
            checkpoint: admission::heard_of(&hello, &state).filter(|_| resume_after.is_none()),
            cursors: state.cursors.clone(),
            serve: state.serve.clone(),
            life: state.life,
            stands: state.stands.clone(),
            mismatches: state.mismatches.clone(),
        })));
        self.phase = Phase::Welcomed(Box::new(Guest {
            hello,
            state,
            incarnation,
            resume_after,
            begins: None,
        }));
        Ok(())
    }

    /// The lease is ours and nobody was in between: batches may flow.
    fn confirmed(&mut self, guest: Guest, state: PeerState, effects: &mut Effects) -> Result<(), End> {
        if let Some(refusal) = state.refuse {
            return Err(refused(refusal));
        }
        let same_cursors = sorted(&guest.state.cursors) == sorted(&state.cursors);
        let judged = guest.begins.or(guest.state.checkpoint);
        if judged != state.checkpoint
            || !same_cursors
            || guest.state.life != state.life
            || sorted(guest.state.stands.as_deref().unwrap_or_default())
                != sorted(state.stands.as_deref().unwrap_or_default())
        {
            return Err(End::Close(CloseReason::Fenced));
        }
        effects.push(Effect::Send(PrimaryMessage::Ready));
        effects.push(Effect::Report(Report::Ready {
            session: self.setup.session,
            mismatches: guest.state.mismatches,
        }));
        if state.cursors.is_empty() {
            // A site without stores never pushes, so there is nothing to wait for.
            effects.push(Effect::Report(Report::CaughtUp(Direction::Push)));
        }
        let limits = self.setup.limits;
        let heard = guest.hello.checkpoint.map_or(0, |held| held.seq);
        let (stands, heard) = match guest.state.stands {
            // A hand-over that it heard of is no news, whatever it says of it.
            Some(stands) => (stands, Seq::MAX),
            None => (guest.hello.cursors, heard),
        };
        let mut outgoing = Outgoing::new(Direction::Pull, limits, &stands).after_hearing(heard);
        self.is_given_back = guest.state.life.is_none_or(|life| life.given_back);
        if self.is_given_back {
            outgoing.route_from(&channels(&guest.state.serve), &starts(&guest.state.serve));
        }
        let incoming = Incoming::new(Direction::Push, self.setup.certified, limits)
            .under_lease(self.setup.session, guest.incarnation);
        let ops = std::mem::take(&mut self.ops);
        let exchange = Exchange::new(ops, limits, Mode::Live, outgoing, incoming);
        self.phase = Phase::Exchanging(Box::new(exchange), guest.state.serve);
        let newer = self.newer_serve.take().unwrap_or(state.serve);
        self.settings_changed(newer, effects);
        Ok(())
    }

    /// A satellite that was told to wait with its stores' work hears in its next session that it need not any more.
    fn gathered(&mut self, gathering: bool) -> Result<(), End> {
        if self.told_to_wait && !gathering {
            return Err(refused(Refused::begins_again(
                "the primary has back what it had lost",
            )));
        }
        Ok(())
    }

    fn settings_changed(&mut self, serve: Vec<Served>, effects: &mut Effects) {
        let Phase::Exchanging(exchange, told) = &mut self.phase else {
            self.newer_serve = Some(serve);
            return;
        };
        let (before, after) = (channel_set(told), channel_set(&serve));
        if before != after && !exchange.said_bye() {
            // The satellite hears of it before anything comes in a new channel.
            effects.push(Effect::Send(PrimaryMessage::Serve(serve.clone())));
        }
        if self.is_given_back && !exchange.said_bye() {
            exchange.outgoing.route_from(&channels(&serve), &starts(&serve));
        }
        *told = serve;
    }
}

/// What the other end is told before we close for this reason, if anything. Once batches flow, a stop is told by Bye.
fn farewell(reason: &CloseReason, early: bool) -> Option<Refused> {
    match reason {
        CloseReason::Fenced => Some(Refused::fenced()),
        CloseReason::Refused(refused) | CloseReason::Failed(refused) => Some(refused.clone()),
        CloseReason::Stopped if early => {
            Some(Refused::new(Reason::SHUTTING_DOWN, "the primary is stopping; try again soon").retryable())
        }
        CloseReason::Stopped | CloseReason::Drained | CloseReason::PeerClosed | CloseReason::LinkLost => None,
    }
}

fn refused(refusal: Refused) -> End {
    End::Close(CloseReason::Refused(refusal))
}

fn channels(served: &[Served]) -> Vec<Channel> {
    served.iter().map(|served| served.channel).collect()
}

fn starts(served: &[Served]) -> BTreeMap<Channel, Seq> {
    let starts = served.iter();
    starts
        .filter_map(|served| Some((served.channel, served.start?)))
        .collect()
}

fn channel_set(served: &[Served]) -> BTreeSet<Channel> {
    served.iter().map(|served| served.channel).collect()
}

fn sorted<T: Copy>(cursors: &[(Channel, T)]) -> Vec<(Channel, T)> {
    let mut cursors = cursors.to_vec();
    cursors.sort_by_key(|(channel, _)| *channel);
    cursors
}
