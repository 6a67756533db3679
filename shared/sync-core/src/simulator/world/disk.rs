//! Full disks: every write of a site is refused, or nearly every one; reads go on; with room, everything does.

use rand::Rng;
use supplysync_model::{Fault, FaultCode, Reason};

use super::event::{Event, ProcessId};
use super::{World, note};
use crate::Effect;
use crate::simulator::counts::Deed;
use crate::simulator::frame::Frame;

impl World {
    pub(super) fn fill_a_disk(&mut self) {
        let everywhere: Vec<_> = (0..self.processes.len()).collect();
        let Some(process) = self.pick(&everywhere) else {
            return;
        };
        let until = self.now + self.rng.random_range(500..60_000);
        self.queue.push(until, Event::Room(process));
        if !self.processes[process].trouble.disk_full {
            note!(self, "the disk of process {process} is full");
            self.count(Deed::DiskFilled);
            self.processes[process].trouble.disk_full = true;
        }
    }

    pub(super) fn make_room(&mut self, process: ProcessId) {
        if self.processes[process].trouble.disk_full {
            note!(self, "the disk of process {process} has room");
            self.processes[process].trouble.disk_full = false;
        }
    }

    /// Whether a write finds no room: what is small may fit into what is left.
    pub(super) fn lacks_room(&mut self, process: ProcessId) -> bool {
        self.processes[process].trouble.disk_full && self.rng.random_range(0..8) > 0
    }

    /// The fault of an operation that writes, where there is no room for it.
    pub(super) fn no_room(&mut self, process: ProcessId, effect: &Effect<Frame>) -> Option<Fault> {
        let reads = matches!(
            effect,
            Effect::OpenPeer(..) | Effect::CheckLineage(..) | Effect::ReadPage(..)
        );
        if reads || !self.lacks_room(process) {
            return None;
        }
        self.count(Deed::PersistWithoutRoom);
        Some(Fault::new(
            FaultCode::ResourceExhausted,
            Reason::DISK_FULL,
            "the disk is full",
        ))
    }
}
