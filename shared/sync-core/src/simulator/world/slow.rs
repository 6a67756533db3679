//! Slow readers: a site that reads its link late, frame by frame, and takes long to apply what it reads.

use rand::Rng;

use super::event::{ConnectionId, End, Event, ProcessId};
use super::trouble::Unread;
use super::{World, note};
use crate::simulator::counts::Deed;

impl World {
    pub(super) fn slow_a_reader(&mut self) {
        let satellites: Vec<_> = self.satellites().collect();
        let Some(process) = self.pick(&satellites) else {
            return;
        };
        let until = self.now + self.rng.random_range(1_000..100_000);
        let trouble = &mut self.processes[process].trouble;
        if self.rng.random_bool(0.5) {
            trouble.slow_until = until.max(trouble.slow_until);
            note!(self, "process {process} applies slowly until {until}");
            return self.count(Deed::ApplierSlowed);
        }
        trouble.deaf_until = until.max(trouble.deaf_until);
        let until = trouble.deaf_until;
        let run = self.processes[process].run;
        note!(self, "process {process} reads nothing until {until}");
        self.count(Deed::ReaderSlowed);
        self.queue.push(until, Event::Read(process, run));
    }

    /// A slow reader is slow no more.
    pub(super) fn read_on(&mut self, process: ProcessId) {
        let run = self.processes[process].run;
        let trouble = &mut self.processes[process].trouble;
        (trouble.slow_until, trouble.deaf_until) = (self.now, self.now);
        self.queue.push(self.now, Event::Read(process, run));
    }

    /// Whether a process reads nothing now, or has something to read before what comes.
    pub(super) fn reads_late(&self, process: ProcessId) -> bool {
        let trouble = &self.processes[process].trouble;
        trouble.deaf_until > self.now || !trouble.unread.is_empty()
    }

    /// Puts what comes behind what was not read yet; where everything is read at once, it comes back.
    pub(super) fn keep_unread(&mut self, connection: ConnectionId, end: End, what: Unread) -> Option<Unread> {
        let satellite = self.connections.get(&connection).map(|link| link.satellite);
        let reader = satellite.filter(|process| end == End::Satellite && self.reads_late(*process));
        let Some(process) = reader else {
            return Some(what);
        };
        self.count(Deed::FrameReadLate);
        self.processes[process].trouble.unread.push_back(what);
        None
    }

    /// One thing is read; the next a little later.
    pub(super) fn read(&mut self, process: ProcessId, run: u32) {
        let of = &mut self.processes[process];
        if of.run != run || of.trouble.deaf_until > self.now {
            return;
        }
        let next = of.trouble.unread.pop_front();
        if !of.trouble.unread.is_empty() {
            let delay = self.delay();
            self.queue.push(self.now + delay, Event::Read(process, run));
        }
        match next {
            Some(Unread::Frame(connection, end, frame)) => self.take_frame(connection, end, *frame),
            Some(Unread::Ended(connection, end)) => self.take_end(connection, end),
            None => {}
        }
    }

    /// How long it takes until an operation of a store begins. There is one queue: whoever came first is first.
    pub(super) fn toil(&mut self, process: ProcessId) -> i64 {
        let delay = self.delay();
        let trouble = &self.processes[process].trouble;
        let (left, begins) = (trouble.slow_until - self.now, trouble.toils_until.max(self.now));
        if left <= 0 {
            return begins - self.now + delay;
        }
        self.count(Deed::PersistSlow);
        let begins = begins.max(self.now + delay + self.rng.random_range(0..=left));
        self.processes[process].trouble.toils_until = begins;
        begins - self.now
    }
}
