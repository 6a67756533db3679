//! The world: one primary and its satellites, virtual time, and one seeded generator that decides everything.

mod driver;
pub mod event;
mod link;
mod manage;
mod misfortune;
mod operate;
mod persist;
pub mod process;
mod quiet;
mod recover;
mod relocate;
mod setup;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use supplysync_model::{Channel, Checkpoint, RecordKey, StoreId, SyncId, Timestamp};

use super::counts::{Counts, Deed};
use super::history::History;
use super::invariant::{self, Violation};
use super::profile::Profile;
use super::store::Moment;
use super::truth::Truth;
use crate::{Ack, ApplyOutcome, ApplyRequest, CloseReason, Cursor};
use event::{At, ConnectionId, Event, ProcessId, Queue};
use process::{Connection, Process};

/// Adds a line to the history, if it is kept.
macro_rules! note {
    ($world:expr, $($words:tt)*) => {
        if $world.history.is_kept() {
            let line = format!($($words)*);
            $world.history.push($world.now, line);
        }
    };
}
use note;

/// What happened in a step that an invariant may want to judge.
#[derive(Debug, Clone)]
pub enum Observation {
    /// A process committed something.
    Committed(ProcessId),
    /// A batch was applied.
    Applied {
        /// Where.
        process: ProcessId,
        /// The life of the satellite's database when it dialled.
        life: usize,
        /// The batch.
        request: ApplyRequest,
        /// Where the receiver stood in its channels before.
        stood: Vec<Option<Cursor>>,
        /// What became of it.
        outcome: ApplyOutcome,
        /// The point of the sender's feed that was known here before.
        known: Option<Checkpoint>,
    },
    /// An ack is on its way.
    AckSent(ProcessId, SyncId, Ack),
    /// The primary gave the lease of a site to a database in this life, having judged it by this point of its feed.
    Leased(SyncId, usize, Option<Checkpoint>),
    /// The primary let batches flow between itself and a database in this life.
    Admitted(SyncId, usize),
    /// A session made its end store something for this peer.
    Spoke(At, SyncId),
    /// A session ended.
    Closed(At, CloseReason),
    /// A site wrote a store for the first time under an ownership, and did not hold what was handed over.
    BeganUnready(ProcessId, StoreId),
    /// A write by a site that may not write there was let through.
    ForbiddenWrite(SyncId, Channel),
}

/// One seed's world.
pub struct World {
    pub(super) rng: ChaCha8Rng,
    pub(super) now: i64,
    pub(super) queue: Queue,
    pub(super) profile: Profile,
    /// All processes; the primary's first.
    pub(super) processes: Vec<Process>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) truth: Truth,
    pub(super) counts: Counts,
    pub(super) history: History,
    pub(super) seen: Vec<Observation>,
    /// Nothing goes wrong any more.
    pub(super) calm: bool,
    pub(super) operations: u32,
    pub(super) last_connection: ConnectionId,
    pub(super) last_number: u64,
    pub(super) stores: Vec<StoreId>,
    pub(super) units: Vec<RecordKey>,
    pub(super) items: Vec<RecordKey>,
    pub(super) names: Vec<RecordKey>,
}

impl World {
    /// The world of a seed, at its beginning.
    pub fn new(seed: u64, history: History) -> World {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let profile = Profile::draw(&mut rng);
        let mut world = World {
            rng,
            now: 0,
            queue: Queue::default(),
            profile,
            processes: Vec::new(),
            connections: BTreeMap::new(),
            truth: Truth::default(),
            counts: Counts::default(),
            history,
            seen: Vec::new(),
            calm: false,
            operations: 0,
            last_connection: 0,
            last_number: 0,
            stores: Vec::new(),
            units: Vec::new(),
            items: Vec::new(),
            names: Vec::new(),
        };
        world.set_up();
        world
    }

    /// Runs it to its end: operations and misfortune, then peace, then equality.
    pub fn run(&mut self) -> Result<(), Violation> {
        while self.operations < self.profile.operations {
            self.step(i64::MAX)?;
        }
        self.find_peace()
    }

    /// What happened, if it was kept.
    pub fn history(&self) -> String {
        self.history.text()
    }

    /// How often each thing happened.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// One event, not later than `until`; whether there was one.
    fn step(&mut self, until: i64) -> Result<bool, Violation> {
        let Some((at, event)) = self.queue.pop(until) else {
            return Ok(false);
        };
        self.now = at;
        self.dispatch(event);
        self.judge()?;
        Ok(true)
    }

    /// Lets the invariants look at what the step did.
    fn judge(&mut self) -> Result<(), Violation> {
        if self.seen.is_empty() {
            return Ok(());
        }
        let seen = std::mem::take(&mut self.seen);
        self.truth.hear(&self.processes[0].store);
        invariant::after_step(self, &seen)?;
        for observation in &seen {
            if let Observation::Committed(id) = observation {
                let process = &self.processes[*id];
                let moved = self.truth.look(*id, process.life, &process.store);
                self.counts.add(Deed::StoreMoved, moved);
            }
        }
        Ok(())
    }

    fn dispatch(&mut self, event: Event) {
        match event {
            Event::Operate => self.operate(),
            Event::Dial(process, date) => self.dial(process, date),
            Event::Deliver(connection, end, frame) => self.deliver(connection, end, frame),
            Event::Ended(connection, end) => self.ended(connection, end),
            Event::Timer(at, id, number) => self.timer(at, id, number),
            Event::Execute(at, effect) => self.execute(at, effect),
            Event::Complete(at, input) => self.complete(at, input),
            Event::HeadMoved(process, run) => self.head_moved(process, run),
            Event::Settings(process, run) => self.settings(process, run),
            Event::Fence(connection) => self.fence(connection),
            Event::Start(process) => self.start(process),
            Event::Down(process, run) => self.down(process, run),
        }
    }

    pub(super) fn chance(&mut self, per_thousand: u32) -> bool {
        !self.calm && per_thousand > 0 && self.rng.random_range(0..1_000) < per_thousand
    }

    pub(super) fn delay(&mut self) -> i64 {
        self.rng.random_range(0..=self.profile.delay)
    }

    pub(super) fn moment(&mut self) -> Moment {
        Moment {
            now: self.timestamp(),
            salt: self.rng.random(),
        }
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp(self.now)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        if choices.is_empty() {
            return None;
        }
        Some(choices[self.rng.random_range(0..choices.len())])
    }

    pub(super) fn count(&mut self, deed: Deed) {
        self.counts.count(deed);
    }

    /// Whether the run that the session belongs to still lasts.
    fn lasts(&self, at: At) -> bool {
        let process = &self.processes[at.process];
        process.up && process.run == at.run
    }

    /// Whether nothing goes wrong in this world.
    pub(super) fn is_kind(&self) -> bool {
        self.profile.kind
    }

    /// The satellites' processes.
    pub(super) fn satellites(&self) -> std::ops::Range<ProcessId> {
        1..self.processes.len()
    }
}
