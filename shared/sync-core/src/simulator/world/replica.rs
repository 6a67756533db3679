//! Two programs of the primary on one database. One stalls: nothing reaches its sessions, and its timers stand still,
//! until it wakes and goes on with what it had, while the other may have served the same sites.

use std::collections::VecDeque;

use rand::Rng;

use super::event::{ConnectionId, End, Event};
use super::{World, note};
use crate::simulator::counts::Deed;
use crate::simulator::fault::Fault;

/// One of the primary's programs.
#[derive(Debug, Default)]
pub struct Replica {
    /// Until when it stands still.
    stalled_until: i64,
    /// Whether it is still to wake up.
    asleep: bool,
    /// What it has not heard of, in order.
    waiting: VecDeque<Event>,
}

impl Replica {
    fn stands(&self, now: i64) -> bool {
        self.stalled_until > now || !self.waiting.is_empty()
    }
}

impl World {
    /// Which program a new connection leads to.
    pub(super) fn choose_replica(&mut self) -> usize {
        if !self.profile.kinds.has(Fault::Replica) {
            return 0;
        }
        let choice = self.rng.random_range(0..self.replicas.len());
        if self.suffers(Fault::Replica) { choice } else { 0 }
    }

    pub(super) fn stall_a_replica(&mut self) {
        let choice = self.rng.random_range(0..self.replicas.len());
        let until = self.now + self.rng.random_range(500..90_000);
        let replica = &mut self.replicas[choice];
        if replica.stands(self.now) {
            return;
        }
        (replica.stalled_until, replica.asleep) = (until, true);
        self.queue.push(until, Event::Wake(choice));
        note!(self, "replica {choice} of the primary stalls until {until}");
        self.count(Deed::ReplicaStalled);
    }

    fn replica_of(&self, connection: ConnectionId) -> usize {
        self.connections.get(&connection).map_or(0, |link| link.replica)
    }

    /// Whether the primary's end of a connection stands still.
    pub(super) fn is_stalled(&self, connection: ConnectionId, end: End) -> bool {
        end == End::Primary && self.replicas[self.replica_of(connection)].stands(self.now)
    }

    /// Whether a program of the primary stood still at some time since then.
    pub(super) fn was_stalled_since(&self, since: i64) -> bool {
        let mut replicas = self.replicas.iter();
        replicas.any(|replica| replica.stalled_until > since || !replica.waiting.is_empty())
    }

    /// Whether both connections lead to one program: what happens at one is told to the other at once.
    pub(super) fn same_replica(&self, one: ConnectionId, other: ConnectionId) -> bool {
        self.replica_of(one) == self.replica_of(other)
    }

    /// Keeps an event for a replica that stands still; otherwise it comes back.
    pub(super) fn unless_stalled(&mut self, event: Event) -> Option<Event> {
        let (connection, end) = match &event {
            Event::Deliver(connection, end, _) | Event::Ended(connection, end) => (*connection, *end),
            Event::Fence(connection) => (*connection, End::Primary),
            Event::Timer(at, ..) | Event::Execute(at, _) | Event::Complete(at, _) => (at.connection, at.end),
            _ => return Some(event),
        };
        if !self.is_stalled(connection, end) {
            return Some(event);
        }
        // What the database was asked for before, it may do.
        if matches!(event, Event::Execute(..)) && self.rng.random_bool(0.5) {
            return Some(event);
        }
        let replica = self.replica_of(connection);
        self.replicas[replica].waiting.push_back(event);
        None
    }

    /// A replica goes on: with one thing that waited, then the next.
    pub(super) fn wake(&mut self, choice: usize) {
        let replica = &mut self.replicas[choice];
        if replica.stalled_until > self.now || !replica.asleep {
            return;
        }
        let next = replica.waiting.pop_front();
        let more = !replica.waiting.is_empty();
        replica.asleep = more;
        if let Some(event) = next {
            self.count(Deed::HeardLate);
            if let Some(connection) = connection_of(&event) {
                self.wakes_without_lease(connection);
            }
            self.carry_on(event);
        }
        if more {
            let delay = self.delay();
            self.queue.push(self.now + delay, Event::Wake(choice));
        } else {
            let run = self.processes[0].run;
            self.queue.push(self.now, Event::HeadMoved(0, run));
            self.settings_moved(0);
        }
    }

    fn wakes_without_lease(&mut self, connection: ConnectionId) {
        let Some(link) = self.connections.get(&connection) else {
            return;
        };
        let site = self.processes[link.satellite].site;
        let holder = self.processes[0].store.lease_holder(site);
        if self.processes[0].sessions.contains_key(&connection)
            && holder.is_some_and(|holder| holder > connection)
        {
            self.count(Deed::WokeWithoutLease);
        }
    }

    /// All of them go on.
    pub(super) fn wake_the_replicas(&mut self) {
        for choice in 0..self.replicas.len() {
            if self.replicas[choice].stands(self.now) {
                self.replicas[choice].stalled_until = self.now;
                self.queue.push(self.now, Event::Wake(choice));
            }
        }
    }

    /// The primary's programs are gone, with what they had not heard of.
    pub(super) fn replicas_crash(&mut self) {
        self.replicas = Default::default();
    }
}

fn connection_of(event: &Event) -> Option<ConnectionId> {
    match event {
        Event::Deliver(connection, ..) | Event::Ended(connection, _) | Event::Fence(connection) => {
            Some(*connection)
        }
        Event::Timer(at, ..) | Event::Execute(at, _) | Event::Complete(at, _) => Some(at.connection),
        _ => None,
    }
}
