//! What the stores do for the machines: each operation later than asked, its completion later still, and a crash
//! possible before, between and after.

use rand::Rng;
use supplysync_model::{Checkpoint, Fault, FaultCode, Kind, Reason, ReportSubject, SiteReport};

use super::event::{At, End, Event, ProcessId};
use super::{Observation, World, note};
use crate::simulator::counts::Deed;
use crate::simulator::frame::Frame;
use crate::simulator::store::ModelStore;
use crate::simulator::words;
use crate::{ApplyOutcome, ApplyRequest, Cursor, Direction, Effect, Input, LineageVerdict, OpId, Part};

/// How often a program looks whether the leases of its sessions are still theirs, in milliseconds.
const SCAN_MS: i64 = 10_000;

/// What a receiver's store was like before a batch.
struct Before {
    known: Option<Checkpoint>,
    stood: Vec<Option<Cursor>>,
    /// Parts that begin at a hand-over: there was no cursor in their channels.
    at_hand_over: u64,
    aside: usize,
}

impl World {
    pub(super) fn execute(&mut self, at: At, effect: Effect<Frame>) {
        if !self.lasts(at) {
            return;
        }
        let rate = self.profile.crash_at_persist;
        if self.chance(rate) {
            self.count(Deed::CrashBeforePersist);
            return self.crash(at.process);
        }
        let orphan = !self.processes[at.process].sessions.contains_key(&at.connection);
        if orphan && (self.profile.kind || self.rng.random_bool(0.5)) {
            // Whoever closed the session threw away what had not begun.
            return;
        }
        if orphan && at.end == End::Satellite && !self.processes[at.process].sessions.is_empty() {
            // A satellite finishes what was begun before its next session reads where it stands.
            return;
        }
        let rate = self.profile.fail;
        let input = match op_of(&effect) {
            Some(op) if self.chance(rate) => {
                self.count(Deed::OperationFailed);
                let words = "the database did not answer in time";
                let fault = Fault::new(FaultCode::Unavailable, Reason::DATABASE_FAILED, words);
                Some(Input::Failed(op, fault))
            }
            Some(op) => match self.no_room(at.process, &effect) {
                Some(fault) => Some(Input::Failed(op, fault)),
                None => self.answer(op, at, effect),
            },
            None => self.persist(at, effect),
        };
        let rate = self.profile.crash_at_persist;
        if self.chance(rate) {
            self.count(Deed::CrashAfterPersist);
            return self.crash(at.process);
        }
        if let Some(input) = input {
            let delay = self.delay();
            self.queue.push(self.now + delay, Event::Complete(at, input));
        }
    }

    /// Carries it out; its answer may be lost.
    fn answer(&mut self, op: OpId, at: At, effect: Effect<Frame>) -> Option<Input<Frame>> {
        let input = self.persist(at, effect);
        let rate = self.profile.lose_answer;
        if rate > 0 && self.chance(rate) {
            self.count(Deed::AnswerLost);
            let words = "the connection to the database was lost";
            let fault = Fault::new(FaultCode::Unavailable, Reason::DATABASE_FAILED, words);
            return Some(Input::Failed(op, fault));
        }
        input
    }

    pub(super) fn complete(&mut self, at: At, input: Input<Frame>) {
        if !self.lasts(at) {
            return;
        }
        if !self.processes[at.process].sessions.contains_key(&at.connection) {
            return self.count(Deed::CompletionStale);
        }
        let failed = match &input {
            Input::Failed(_, fault) => Some(fault.reason()),
            _ => None,
        };
        let before = self.seen.len();
        self.drive(at.connection, at.end, input);
        let closed = self.seen[before..].iter().find_map(|seen| match seen {
            Observation::Closed(closed, reason) if *closed == at => Some(reason.clone()),
            _ => None,
        });
        if let Some((failed, closed)) = failed.zip(closed) {
            self.seen.push(Observation::EndedBy(at, failed, closed));
        }
    }

    /// Carries it out at once; `None` for what is no operation of a store.
    fn persist(&mut self, at: At, effect: Effect<Frame>) -> Option<Input<Frame>> {
        let moment = self.moment_at(at.process);
        let peer = self.peer_of(at)?;
        let store = &mut self.processes[at.process].store;
        let seq = store.seq();
        let moves = |store: &ModelStore| {
            store
                .moves()
                .map(|(id, row)| (*id, row.loading))
                .collect::<Vec<_>>()
        };
        let under_way = moves(store);
        let input = match effect {
            Effect::OpenPeer(op, hello) => {
                let state = store.open_peer(moment, &hello);
                if let Some(link) = self.connections.get_mut(&at.connection) {
                    // A person decided that this database goes on, whatever its past.
                    link.judged = state.checkpoint.filter(|_| !hello.recovers);
                }
                Input::PeerOpened(op, Box::new(state))
            }
            Effect::CheckLineage(op, held, pushed) => {
                let verdict = store.check_lineage(held);
                if verdict == LineageVerdict::Known {
                    store.note_unanswered(moment, &pushed);
                }
                Input::LineageChecked(op, verdict)
            }
            Effect::MeetLife {
                op,
                life,
                pushed,
                stands,
            } => {
                self.counts.count(Deed::LifeMet);
                match store.meet_life(moment, &life, &pushed, stands.as_deref()) {
                    Ok(push) => Input::LifeMet { op, push },
                    Err(fault) => Input::Failed(op, fault),
                }
            }
            Effect::AdoptIncarnation(op, life, None) => match store.adopt_incarnation(moment, life) {
                Ok(()) => Input::IncarnationAdopted(op, None),
                Err(fault) => Input::Failed(op, fault),
            },
            Effect::AdoptIncarnation(op, life, Some(after)) => match store.begin_life(moment, life, after) {
                Ok((begins, renewals)) => {
                    self.counts.count(Deed::LifeBegun);
                    self.renewed(at.process, &renewals);
                    Input::IncarnationAdopted(op, Some(begins))
                }
                Err(fault) => Input::Failed(op, fault),
            },
            Effect::GrantLease(op, incarnation, begins) => {
                store.grant_lease(moment, peer, at.connection, incarnation, begins);
                if begins.is_some() {
                    self.settings_moved(0);
                }
                self.fence_others(at);
                if let Some(link) = self.connections.get(&at.connection) {
                    self.seen.push(Observation::Leased(peer, link.life, link.judged));
                }
                Input::LeaseGranted(op)
            }
            Effect::ReadPage(op, request) => match store.read_page(request) {
                Ok(page) => Input::PageRead(op, page),
                Err(fault) => Input::Failed(op, fault),
            },
            Effect::Apply(op, request) => self.apply(at, op, request),
            Effect::RecordAck(op, ack) => {
                let lease = (at.end == End::Primary).then_some(at.connection);
                match store.record_ack(moment, peer, lease, &ack) {
                    Ok(()) => {
                        self.seen.push(Observation::Spoke(at, peer));
                        Input::AckRecorded(op)
                    }
                    Err(fault) => Input::Failed(op, fault),
                }
            }
            Effect::ReadReports(op, noted) => {
                let read = store.read_reports(moment, &noted);
                if noted
                    .iter()
                    .any(|noted| matches!(noted, ReportSubject::Recovered(_)))
                {
                    self.counts.count(Deed::RecoveryDone);
                }
                Input::ReportsRead(op, read)
            }
            Effect::RecordReport(op, report) => {
                if matches!(report, SiteReport::Recovered(_) | SiteReport::GivenBack(_)) {
                    self.settings_moved(0);
                }
                let store = &mut self.processes[at.process].store;
                match store.record_report(moment, peer, Some(at.connection), report) {
                    Ok(noted) => {
                        self.seen.push(Observation::Spoke(at, peer));
                        Input::ReportRecorded(op, noted)
                    }
                    Err(fault) => Input::Failed(op, fault),
                }
            }
            Effect::Forget(op, channels) => {
                store.forget_channels(moment, &channels);
                for channel in channels {
                    note!(self, "process {} forgets {}", at.process, words::channel(channel));
                }
                self.counts.count(Deed::CursorForgotten);
                Input::Forgotten(op)
            }
            _ => return None,
        };
        self.after_commit(at.process, seq);
        if at.process == 0 {
            let now = moves(&self.processes[0].store);
            let loaded = |(store, loading): &(_, bool)| *loading && now.contains(&(*store, false));
            self.counts.add(
                Deed::MoveLoaded,
                under_way.iter().filter(|row| loaded(row)).count() as u64,
            );
            if now != under_way {
                self.settings_moved(0);
            }
        }
        Some(input)
    }

    fn peer_of(&self, at: At) -> Option<supplysync_model::SyncId> {
        let satellite = self.connections.get(&at.connection)?.satellite;
        let other = if at.process == 0 { satellite } else { 0 };
        Some(self.processes[other].site)
    }

    /// The feed's watch tells the sessions of the process, a little later.
    pub(super) fn after_commit(&mut self, process: ProcessId, before: u64) {
        if self.processes[process].store.seq() == before {
            return;
        }
        let run = self.processes[process].run;
        self.seen.push(Observation::Committed(process));
        let delay = self.delay();
        self.queue.push(self.now + delay, Event::HeadMoved(process, run));
    }

    fn apply(&mut self, at: At, op: OpId, request: ApplyRequest) -> Input<Frame> {
        let moment = self.moment_at(at.process);
        let store = &mut self.processes[at.process].store;
        let stands = |part: &Part| store.stands(&request, part);
        let begins = |part: &&Part| {
            let known = store.cursor(request.peer, part.channel, request.direction);
            known.is_none() && request.direction == Direction::Pull && part.from.is_some()
        };
        let before = Before {
            known: store.peer(request.peer).checkpoint,
            stood: request.parts.iter().map(stands).collect(),
            at_hand_over: request.parts.iter().filter(begins).count() as u64,
            aside: store.quarantine().len(),
        };
        match store.apply(moment, request.clone()) {
            Ok((outcome, renewals)) => {
                self.renewed(at.process, &renewals);
                self.applied(at, request, &outcome, before);
                if at.end == End::Satellite {
                    self.heard_of_a_loss(at.process);
                }
                Input::Applied(op, outcome)
            }
            Err(fault) => {
                note!(self, "process {} refuses a batch: {fault}", at.process);
                Input::Failed(op, fault)
            }
        }
    }

    fn applied(&mut self, at: At, request: ApplyRequest, outcome: &ApplyOutcome, before: Before) {
        note!(
            self,
            "process {} applied {} records, {} duplicates, {} refused, head {}",
            at.process,
            outcome.applied,
            outcome.duplicates,
            outcome.refused.len(),
            outcome.head.seq
        );
        debug_assert_eq!(request.direction, World::direction_of(at.end));
        self.count(Deed::BatchApplied);
        let loads = request.parts.iter().filter(|part| {
            !matches!(part.from, Some(Cursor::Following { .. }))
                && matches!(part.through, Cursor::Loading { .. })
        });
        self.counts.add(Deed::LoadPageApplied, loads.count() as u64);
        self.counts.add(Deed::BegunAtHandOver, before.at_hand_over);
        self.counts.add(Deed::DuplicateApplied, outcome.duplicates);
        self.counts
            .add(Deed::ChangeQuarantined, outcome.refused.len() as u64);
        let poison = outcome
            .refused
            .iter()
            .filter(|refusal| refusal.reason == Reason::MALFORMED_RECORD);
        self.counts.add(Deed::PoisonSetAside, poison.count() as u64);
        let reads = self.processes[at.process].trouble.reads;
        let records = request.parts.iter().flat_map(|part| &part.records);
        let parked = records.filter(|record| record.schema > reads).count();
        self.counts.add(Deed::ParkedApplied, parked as u64);
        let aside = self.processes[at.process].store.quarantine().len() - before.aside;
        let own = aside.saturating_sub(outcome.refused.len());
        self.counts.add(Deed::LocalWorkKept, own as u64);
        for comparison in &outcome.comparisons {
            if comparison.explained {
                self.counts.count(Deed::DifferenceExplained);
            } else if !comparison.equal {
                self.counts.count(Deed::DifferenceReported);
            }
        }
        let settings = request
            .parts
            .iter()
            .flat_map(|part| &part.records)
            .any(|record| [Kind::ASSIGNMENT, Kind::SITE_SETTINGS].contains(&record.key.kind));
        if settings {
            self.settings_moved(at.process);
        }
        let link = self.connections.get(&at.connection);
        let life = link.map_or(0, |link| match request.direction {
            Direction::Push => link.life,
            Direction::Pull => link.primary_life,
        });
        self.seen.push(Observation::Spoke(at, request.peer));
        self.seen.push(Observation::Applied {
            process: at.process,
            life,
            request,
            stood: before.stood,
            outcome: outcome.clone(),
            known: before.known,
        });
        self.seen.push(Observation::Committed(at.process));
    }

    pub(super) fn settings_moved(&mut self, process: ProcessId) {
        let run = self.processes[process].run;
        let delay = self.delay();
        self.queue.push(self.now + delay, Event::Settings(process, run));
    }

    fn fence_others(&mut self, at: At) {
        let site = self.peer_of(at);
        let others: Vec<_> = self.processes[0].sessions.keys().copied().collect();
        for other in others {
            let of = self
                .connections
                .get(&other)
                .map(|link| self.processes[link.satellite].site);
            if other != at.connection && of == site {
                // Another program sees it when it looks the next time.
                let wait = if self.same_replica(at.connection, other) {
                    0
                } else {
                    SCAN_MS
                };
                let delay = self.delay() + wait;
                self.queue.push(self.now + delay, Event::Fence(other));
            }
        }
    }
}

fn op_of(effect: &Effect<Frame>) -> Option<OpId> {
    match effect {
        Effect::OpenPeer(op, _)
        | Effect::CheckLineage(op, ..)
        | Effect::MeetLife { op, .. }
        | Effect::AdoptIncarnation(op, ..)
        | Effect::GrantLease(op, ..)
        | Effect::ReadPage(op, _)
        | Effect::Apply(op, _)
        | Effect::RecordAck(op, _)
        | Effect::ReadReports(op, _)
        | Effect::RecordReport(op, _)
        | Effect::Forget(op, _) => Some(*op),
        Effect::Send(_)
        | Effect::SetTimer(..)
        | Effect::CancelTimer(_)
        | Effect::Close(_)
        | Effect::Report(_) => None,
    }
}
