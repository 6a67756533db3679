//! Programs of two ages: an older one keeps records that it can't read, and passes them on, until it is replaced.

use rand::Rng;
use supplysync_model::Kind;

use super::event::ProcessId;
use super::{World, note};
use crate::simulator::counts::Deed;
use crate::simulator::fault::Fault;
use crate::simulator::store::OwnChange;

/// The schema of what only newer programs can read.
const NEWER: u32 = 2;

impl World {
    /// Which programs are old at the beginning.
    pub(super) fn age(&mut self, process: ProcessId) {
        if self.profile.kinds.has(Fault::Schema) {
            let old = self.rng.random_bool(0.5) && self.suffers(Fault::Schema);
            self.know(process, if old { NEWER - 1 } else { NEWER });
        }
    }

    /// A program is stopped, replaced by a newer one, and started.
    pub(super) fn upgrade_a_program(&mut self) {
        let old: Vec<_> = (0..self.processes.len())
            .filter(|process| self.processes[*process].trouble.reads < NEWER)
            .collect();
        if let Some(process) = self.pick(&old) {
            self.crash(process);
            self.know_all_schemas(process);
        }
    }

    /// Who is told by its status that a recovery waits for a newer program gets one.
    pub(super) fn upgrade_who_waits(&mut self) {
        let mut all = 0..self.processes.len();
        if let Some(process) = all.find(|process| self.processes[*process].store.waits_for_upgrade()) {
            self.crash(process);
            self.know_all_schemas(process);
            self.start(process);
        }
    }

    pub(super) fn know_all_schemas(&mut self, process: ProcessId) {
        if self.processes[process].trouble.reads < NEWER {
            note!(self, "process {process} is upgraded");
            self.count(Deed::Upgraded);
            self.know(process, NEWER);
            self.settings_moved(process);
        }
    }

    fn know(&mut self, process: ProcessId, schema: u32) {
        self.processes[process].trouble.reads = schema;
        self.processes[process].store.read_up_to(schema);
    }

    /// A newer program writes some of its records in the newer way.
    pub(super) fn in_newer_ways(&mut self, process: ProcessId, changes: &mut [OwnChange]) {
        if !self.profile.kinds.has(Fault::Schema) {
            return;
        }
        for change in changes {
            let plain = [Kind::ASSIGNMENT, Kind::SITE_SETTINGS, Kind::SITE, Kind::STORE];
            let newer = self.rng.random_bool(0.2) && self.suffers(Fault::Schema);
            if newer && self.processes[process].trouble.reads >= NEWER && !plain.contains(&change.key.kind) {
                change.schema = NEWER;
                self.counts.count(Deed::WrittenInNewerSchema);
            }
        }
    }
}
