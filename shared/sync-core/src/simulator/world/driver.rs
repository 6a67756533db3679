//! The driver around the machines, as the services have it: sessions, frames, timers, an end, and dialling again.

use rand::Rng;
use supplysync_model::Timestamp;

use super::event::{At, ConnectionId, End, Event, ProcessId};
use super::process::{Connection, Running};
use super::{Observation, World, note};
use crate::simulator::counts::Deed;
use crate::simulator::frame::{Frame, Machine};
use crate::simulator::words;
use crate::{
    CloseReason, Direction, Effect, Hello, Input, Mode, Report, TimerId, full_jitter, primary, satellite,
};

/// Longer than anybody waits for the other end, in milliseconds.
const LONG_MS: i64 = 60_000;

impl World {
    /// A satellite makes a date with the primary; the one it had is void.
    pub(super) fn dial_in(&mut self, process: ProcessId, wait: i64) {
        self.processes[process].date += 1;
        let date = self.processes[process].date;
        self.queue.push(self.now + wait, Event::Dial(process, date));
    }

    pub(super) fn dial(&mut self, process: ProcessId, date: u64) {
        let caller = &self.processes[process];
        if !caller.up || caller.frozen || caller.date != date || !caller.sessions.is_empty() {
            return;
        }
        if caller.trouble.removed {
            return;
        }
        if !caller.reachable || !self.processes[0].up {
            self.count(Deed::NetworkDown);
            self.dial_again(process);
            return;
        }
        let (state, mode, life) = (caller.store.hello_state(), caller.mode, caller.life);
        let push = state.push.clone();
        let (protocol_min, protocol_max) = caller.trouble.protocol;
        let hello = Hello {
            protocol_min,
            protocol_max,
            software_version: "simulator".to_owned(),
            sync_id: state.sync_id,
            site_name: state.site_name,
            store_codes: Vec::new(),
            incarnation: state.incarnation,
            head: state.head,
            checkpoint: state.checkpoint,
            cursors: state.cursors,
            recovers: state.recovers,
        };
        self.last_connection += 1;
        let connection = self.last_connection;
        let dial = self.processes[process].dials;
        self.processes[process].dials += 1;
        note!(
            self,
            "process {process} of site {} dials: connection {connection}",
            hello.sync_id
        );
        let (replica, understood) = (self.choose_replica(), self.understand_each_other(process));
        self.connections.insert(
            connection,
            Connection {
                satellite: process,
                dial,
                life,
                primary_life: self.processes[0].life,
                judged: None,
                replica,
                understood,
                sent: [0; 2],
                acked: [0; 2],
                dead: false,
                to_primary: self.now,
                to_satellite: self.now,
            },
        );
        let limits = self.profile.limits;
        let answering = Machine::Primary(Box::new(primary::Session::new(primary::Setup {
            certified: hello.sync_id,
            session: connection,
            software_version: "simulator".to_owned(),
            limits,
        })));
        let calling = Machine::Satellite(Box::new(satellite::Session::new(satellite::Setup {
            mode,
            limits,
        })));
        for (id, machine) in [(0, answering), (process, calling)] {
            let running = Running {
                machine,
                timers: Default::default(),
                clock: self.processes[id].trouble.clock,
                again: false,
            };
            self.processes[id].sessions.insert(connection, running);
        }
        let nothing = Input::Connected {
            hello: None,
            push: Vec::new(),
        };
        self.drive(connection, End::Primary, nothing);
        let hello = Some(hello);
        self.drive(connection, End::Satellite, Input::Connected { hello, push });
    }

    pub(super) fn at(&self, connection: ConnectionId, end: End) -> Option<At> {
        let process = match end {
            End::Primary => 0,
            End::Satellite => self.connections.get(&connection)?.satellite,
        };
        Some(At {
            connection,
            end,
            process,
            run: self.processes[process].run,
        })
    }

    /// One input to a session, if it is still there, and what it wants done.
    pub(super) fn drive(&mut self, connection: ConnectionId, end: End, input: Input<Frame>) {
        let Some(at) = self.at(connection, end) else {
            return;
        };
        let Some(running) = self.processes[at.process].sessions.get_mut(&connection) else {
            return;
        };
        let now = Timestamp(self.now + running.clock);
        for effect in running.machine.handle(input, now) {
            if !self.processes[at.process].sessions.contains_key(&connection) {
                return;
            }
            self.carry_out(at, effect);
        }
    }

    fn carry_out(&mut self, at: At, effect: Effect<Frame>) {
        match effect {
            Effect::Send(frame) => self.send(at, frame),
            Effect::SetTimer(id, when) => {
                let number = self.number();
                let mut clock = 0;
                if let Some(running) = self.processes[at.process].sessions.get_mut(&at.connection) {
                    running.timers.insert(id, number);
                    clock = running.clock;
                }
                let when = when.0 - clock;
                self.queue.push(when.max(self.now), Event::Timer(at, id, number));
            }
            Effect::CancelTimer(id) => {
                if let Some(running) = self.processes[at.process].sessions.get_mut(&at.connection) {
                    running.timers.remove(&id);
                }
            }
            Effect::Close(reason) => self.close(at, reason),
            Effect::Report(report) => self.report(at, report),
            persist => {
                let delay = self.toil(at.process);
                self.queue.push(self.now + delay, Event::Execute(at, persist));
            }
        }
    }

    pub(super) fn timer(&mut self, at: At, id: TimerId, number: u64) {
        if !self.lasts(at) {
            return;
        }
        let running = self.processes[at.process].sessions.get_mut(&at.connection);
        if running.is_some_and(|running| running.timers.get(&id) == Some(&number)) {
            let heard = self.should_be_heard(at);
            let before = self.seen.len();
            self.drive(at.connection, at.end, Input::Timer(id));
            let gave_up = self.seen[before..].iter().any(
                |seen| matches!(seen, Observation::Closed(closed, CloseReason::LinkLost) if *closed == at),
            );
            if heard && gave_up {
                self.seen.push(Observation::GaveUp(at));
            }
        }
    }

    /// Whether the other end of a connection has had every chance to make itself heard.
    fn should_be_heard(&self, at: At) -> bool {
        let Some(link) = self.connections.get(&at.connection) else {
            return false;
        };
        let other = if at.process == 0 { link.satellite } else { 0 };
        let awake = self.now - LONG_MS;
        let troubled = self.was_stalled_since(awake)
            || self.processes[at.process].trouble.deaf_until > awake
            || self.reads_late(at.process);
        !link.dead && !troubled && self.processes[other].sessions.contains_key(&at.connection)
    }

    fn close(&mut self, at: At, reason: CloseReason) {
        note!(self, "{:?} of {} closes: {reason:?}", at.end, at.connection);
        self.seen.push(Observation::Closed(at, reason.clone()));
        let running = self.processes[at.process].sessions.remove(&at.connection);
        self.hang_up(at.connection, at.end);
        match reason {
            CloseReason::Drained => self.count(Deed::SessionDrained),
            CloseReason::Fenced => self.count(Deed::SessionFenced),
            CloseReason::LinkLost if self.connections.get(&at.connection).is_some_and(|link| link.dead) => {
                self.count(Deed::LinkSilent);
            }
            _ => {}
        }
        self.not_understood(at.connection, at.end);
        if at.end == End::Primary {
            return;
        }
        let process = &self.processes[at.process];
        match reason {
            _ if running.is_some_and(|running| running.again) => self.dial_in(at.process, 0),
            CloseReason::Stopped => {}
            CloseReason::Drained if process.mode == Mode::Drain => {
                let wait = process.interval;
                self.dial_in(at.process, wait);
            }
            CloseReason::Drained => self.dial_in(at.process, 0),
            _ => self.dial_again(at.process),
        }
    }

    /// After a failure, with full jitter.
    pub(super) fn dial_again(&mut self, process: ProcessId) {
        let random = self.rng.random();
        let wait = full_jitter(self.processes[process].attempt, random);
        self.processes[process].attempt += 1;
        self.dial_in(process, i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2));
    }

    fn report(&mut self, at: At, report: Report) {
        if let Some(words) = self.history.is_kept().then(|| words::report(&report)).flatten() {
            note!(self, "{:?} of {} reports {words}", at.end, at.connection);
        }
        match report {
            Report::Ready { .. } if at.end == End::Primary => self.ready(at),
            Report::Ready { .. } if at.end == End::Satellite => {
                self.ready(at);
                self.processes[at.process].attempt = 0;
                self.count(Deed::SessionReady);
            }
            Report::CaughtUp(Direction::Push) if at.end == End::Satellite => {
                self.processes[at.process].pushed_at = self.now;
            }
            Report::CaughtUp(Direction::Pull) if at.end == End::Satellite => {
                self.processes[at.process].pulled_at = self.now;
            }
            Report::LineageBroken { .. } if at.end == End::Satellite => {
                self.processes[at.process].frozen = true;
                self.count(Deed::LineageBroken);
            }
            _ => {}
        }
    }

    pub(super) fn head_moved(&mut self, process: ProcessId, run: u32) {
        for (connection, end) in self.hearing_sessions_of(process, run) {
            self.drive(connection, end, Input::HeadMoved);
        }
    }

    pub(super) fn settings(&mut self, process: ProcessId, run: u32) {
        for (connection, end) in self.hearing_sessions_of(process, run) {
            let (mut serve, mut push) = (Vec::new(), Vec::new());
            if end == End::Primary {
                let satellite = self.connections.get(&connection).map(|link| link.satellite);
                let site = satellite.map(|satellite| self.processes[satellite].site);
                serve = site
                    .map(|site| self.processes[0].store.served_channels(site))
                    .unwrap_or_default();
            } else {
                push = self.processes[process].store.push_channels();
            }
            let gathering = self.processes[0].store.is_gathering();
            let input = Input::SettingsChanged {
                serve,
                push,
                gathering,
            };
            self.drive(connection, end, input);
        }
    }

    /// Those whose program does not stand still: the others look when they go on.
    fn hearing_sessions_of(&self, process: ProcessId, run: u32) -> Vec<(ConnectionId, End)> {
        let mut sessions = self.sessions_of(process, run);
        sessions.retain(|(connection, end)| !self.is_stalled(*connection, *end));
        sessions
    }

    pub(super) fn sessions_of(&self, process: ProcessId, run: u32) -> Vec<(ConnectionId, End)> {
        let of = &self.processes[process];
        if !of.up || of.run != run {
            return Vec::new();
        }
        let end = if process == 0 {
            End::Primary
        } else {
            End::Satellite
        };
        of.sessions.keys().map(|connection| (*connection, end)).collect()
    }

    pub(super) fn fence(&mut self, connection: ConnectionId) {
        self.drive(connection, End::Primary, Input::Fenced);
    }

    pub(super) fn direction_of(end: End) -> Direction {
        match end {
            End::Primary => Direction::Push,
            End::Satellite => Direction::Pull,
        }
    }
}
