//! The event queue: virtual time, then the order of scheduling.

use std::collections::BTreeMap;

use super::lost_primary::Fate;
use crate::simulator::frame::Frame;
use crate::{Effect, Input, TimerId};

/// Names a process: 0 is the primary's.
pub type ProcessId = usize;
/// Names a connection, and the session at either end of it.
pub type ConnectionId = u64;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The primary's.
    Primary,
    /// The satellite's.
    Satellite,
}

impl End {
    /// The one opposite.
    pub fn other(self) -> End {
        match self {
            End::Primary => End::Satellite,
            End::Satellite => End::Primary,
        }
    }
}

/// A session: an end of a connection, in one run of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The connection.
    pub connection: ConnectionId,
    /// Which end.
    pub end: End,
    /// The process there.
    pub process: ProcessId,
    /// Which run of it: a crash ends a run.
    pub run: u32,
}

/// What will happen.
#[derive(Debug)]
pub enum Event {
    /// Somebody does something, or something goes wrong.
    Operate,
    /// Something happens to the primary's database.
    Fate(Fate),
    /// A satellite dials, unless it has another date by now.
    Dial(ProcessId, u64),
    /// A frame arrives.
    Deliver(ConnectionId, End, Frame),
    /// The stream has ended.
    Ended(ConnectionId, End),
    /// A timer fires, unless it was set again.
    Timer(At, TimerId, u64),
    /// The store carries an operation out.
    Execute(At, Effect<Frame>),
    /// Its completion reaches the machine.
    Complete(At, Input<Frame>),
    /// A run's sessions hear that the feed moved.
    HeadMoved(ProcessId, u32),
    /// A run's sessions hear what to serve and to push.
    Settings(ProcessId, u32),
    /// The primary's session hears that it is fenced.
    Fence(ConnectionId),
    /// A process starts.
    Start(ProcessId),
    /// A process that was asked to stop is gone, in whatever state.
    Down(ProcessId, u32),
    /// A full disk has room again.
    Room(ProcessId),
    /// A slow reader reads the next thing.
    Read(ProcessId, u32),
    /// A stalled replica of the primary goes on with the next thing.
    Wake(usize),
}

/// What is to come.
#[derive(Debug, Default)]
pub struct Queue {
    events: BTreeMap<(i64, u64), Event>,
    scheduled: u64,
}

impl Queue {
    /// Schedules an event.
    pub fn push(&mut self, at: i64, event: Event) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    /// The next event, if it is not later than `until`.
    pub fn pop(&mut self, until: i64) -> Option<(i64, Event)> {
        let (at, _) = *self.events.first_key_value()?.0;
        if at > until {
            return None;
        }
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }
}
