//! The world: one primary and its satellites, virtual time, and one seeded generator that decides everything.

mod adversity;
mod clock;
mod disk;
mod driver;
pub mod event;
mod link;
mod lost_primary;
mod manage;
mod misfortune;
mod operate;
mod persist;
mod poison;
pub mod process;
mod protocol;
mod quiet;
mod recover;
mod relocate;
mod replica;
mod roster;
mod setup;
mod slow;
pub mod trouble;
mod upgrade;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use supplysync_model::{Channel, Checkpoint, Reason, RecordKey, StoreId, SyncId};

use super::counts::{Counts, Deed};
use super::history::History;
use super::invariant::{self, Violation};
use super::plan::{Plan, Streams};
use super::profile::Profile;
use super::store::Moment;
use super::streams::{Place, RandomStreams};
use super::truth::Truth;
use crate::{Ack, ApplyOutcome, ApplyRequest, CloseReason, Cursor};
use event::{At, ConnectionId, End, Event, ProcessId, Queue};
use process::{Connection, Process};
use replica::Replica;

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
        /// The life of the sender's database when the session began.
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
    /// A batch was sent; so many are without an ack now.
    BatchSent(At, usize),
    /// A session ended in the step in which it heard that an operation failed for this reason.
    EndedBy(At, Reason, CloseReason),
    /// A session whose ends have no protocol in common is ready.
    Misunderstood(At),
    /// A session ended because nothing was heard, though the link was whole and the other end well.
    GaveUp(At),
    /// A write by a site that may not write there was let through.
    ForbiddenWrite(SyncId, Channel),
}

/// One seed's world.
pub struct World {
    pub(super) plan: Plan,
    pub(super) rng: ChaCha8Rng,
    /// A stream for each place, if not one for all.
    streams: Option<RandomStreams>,
    /// Faults that hit by chance.
    hits: u64,
    /// Satellites and stores at the beginning.
    began_with: (u16, usize),
    pub(super) now: i64,
    pub(super) queue: Queue,
    pub(super) profile: Profile,
    /// All processes; the primary's first.
    pub(super) processes: Vec<Process>,
    /// The primary's programs, on one database.
    pub(super) replicas: [Replica; 2],
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) truth: Truth,
    pub(super) counts: Counts,
    pub(super) history: History,
    pub(super) seen: Vec<Observation>,
    /// The primary's database is lost when a site hears that a store of its own went elsewhere with work on its way.
    pub(super) lost_at_a_loss: bool,
    /// The primary's database was put back, and nobody has said that it goes on.
    pub(super) unchosen: bool,
    /// Sites that stopped exchanging have looked again since there is peace.
    pub(super) looked_again: bool,
    /// The counter of the primary's last life.
    pub(super) last_life: u32,
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
    /// The world of a plan, at its beginning.
    pub fn new(plan: &Plan, history: History) -> World {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let profile = Profile::draw(&mut rng).complete(&mut rng, plan);
        let mut world = World {
            plan: plan.clone(),
            rng,
            streams: (plan.streams == Streams::Many).then(|| RandomStreams::new(plan.seed)),
            hits: 0,
            began_with: (profile.satellites, profile.stores),
            now: 0,
            queue: Queue::default(),
            profile,
            processes: Vec::new(),
            replicas: Default::default(),
            connections: BTreeMap::new(),
            truth: Truth::default(),
            counts: Counts::default(),
            history,
            seen: Vec::new(),
            lost_at_a_loss: false,
            unchosen: false,
            looked_again: false,
            last_life: 1,
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
        world.draw_fate();
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
        let place = self.place(&event);
        self.lend(place);
        self.dispatch(event);
        self.lend(place);
        self.judge()?;
        Ok(true)
    }

    /// Changes the stream in use for that of a place, or back.
    fn lend(&mut self, place: Place) {
        if let Some(streams) = &mut self.streams {
            let mut stream = streams.take(place);
            std::mem::swap(&mut self.rng, &mut stream);
            streams.put(place, stream);
        }
    }

    /// Whose event it is.
    fn place(&self, event: &Event) -> Place {
        match event {
            Event::Operate => Place::Operation(self.operations + 1),
            Event::Dial(process, _)
            | Event::HeadMoved(process, _)
            | Event::Settings(process, _)
            | Event::Start(process)
            | Event::Room(process)
            | Event::Read(process, _)
            | Event::Down(process, _) => Place::Process(*process),
            Event::Wake(_) | Event::Fate(_) => Place::Process(0),
            Event::Deliver(connection, end, _) | Event::Ended(connection, end) => {
                self.place_of(*connection, *end)
            }
            Event::Timer(at, ..) | Event::Execute(at, _) | Event::Complete(at, _) => {
                self.place_of(at.connection, at.end)
            }
            Event::Fence(connection) => self.place_of(*connection, End::Primary),
        }
    }

    fn place_of(&self, connection: ConnectionId, end: End) -> Place {
        match self.connections.get(&connection) {
            Some(link) => Place::Session(link.satellite, link.dial, end),
            None => Place::Nowhere(connection),
        }
    }

    /// What it came to so far.
    pub(super) fn ran(&self) -> super::Ran {
        super::Ran {
            operations: u64::from(self.operations),
            hits: self.hits,
            satellites: self.began_with.0,
            stores: self.began_with.1,
            kinds: self.profile.kinds,
        }
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
        if let Some(event) = self.unless_stalled(event) {
            self.carry_on(event);
        }
    }

    fn carry_on(&mut self, event: Event) {
        match event {
            Event::Operate => self.operate(),
            Event::Fate(fate) => self.fate(fate),
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
            Event::Room(process) => self.make_room(process),
            Event::Read(process, run) => self.read(process, run),
            Event::Wake(replica) => self.wake(replica),
        }
    }

    /// Whether a fault hits. Where what is left out must not change the rest, it is drawn even for what never hits.
    pub(super) fn chance(&mut self, per_thousand: u32) -> bool {
        let drawn = self.streams.is_some() || per_thousand > 0;
        if self.calm || !drawn || self.rng.random_range(0..1_000) >= per_thousand {
            return false;
        }
        self.hits += 1;
        !self.plan.spared.contains(&self.hits)
    }

    pub(super) fn delay(&mut self) -> i64 {
        self.rng.random_range(0..=self.profile.delay)
    }

    /// What a transaction of the primary takes from outside.
    pub(super) fn moment(&mut self) -> Moment {
        self.moment_at(0)
    }

    /// Batches without an ack that a session may have.
    pub(super) fn window(&self) -> usize {
        self.profile.limits.window
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
