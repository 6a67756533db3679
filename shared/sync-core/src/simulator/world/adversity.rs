//! The later kinds of faults, chosen among those that the seed has; and their end, when nothing goes wrong any more.

use rand::Rng;

use super::World;
use crate::simulator::fault::Fault;

impl World {
    /// Whether this seed has a kind of fault, and it is not switched off.
    pub(super) fn suffers(&self, fault: Fault) -> bool {
        self.profile.kinds.has(fault) && !self.plan.off.has(fault)
    }

    pub(super) fn adversity(&mut self) {
        let kinds: Vec<Fault> = self.profile.kinds.iter().collect();
        let Some(kind) = self.pick(&kinds).filter(|kind| self.suffers(*kind)) else {
            return;
        };
        match kind {
            Fault::Disk => self.fill_a_disk(),
            Fault::Slow => self.slow_a_reader(),
            Fault::Clock => self.set_a_clock(),
            Fault::Poison => self.poison_what_comes(),
            Fault::Schema => self.upgrade_a_program(),
            Fault::Protocol => self.replace_a_program(),
            Fault::Roster => self.change_the_roster(),
            Fault::Moves => self.move_about(),
            Fault::Replica => self.stall_a_replica(),
            _ => {}
        }
    }

    /// Everything that can be healed is; some programs stay as old as they are.
    pub(super) fn heal(&mut self) {
        if self.streams.is_none() {
            return;
        }
        let upgrade = self.rng.random_bool(0.5);
        for process in 0..self.processes.len() {
            self.make_room(process);
            self.read_on(process);
            self.processes[process].trouble.protocol = (1, 1);
            if upgrade && self.suffers(Fault::Schema) {
                self.know_all_schemas(process);
            }
        }
        self.wake_the_replicas();
    }
}
