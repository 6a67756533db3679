//! Clocks that are set forth or back. A session has the clock that the site had when it began, and elapsed time, as the
//! services have it; whatever begins afterwards has the new one.

use rand::Rng;
use supplysync_model::Timestamp;

use super::event::ProcessId;
use super::{World, note};
use crate::simulator::counts::Deed;
use crate::simulator::store::Moment;

/// The most that a clock is set by: a day, in milliseconds.
const MOST_MS: i64 = 86_400_000;

impl World {
    pub(super) fn set_a_clock(&mut self) {
        let everywhere: Vec<_> = (0..self.processes.len()).collect();
        let Some(process) = self.pick(&everywhere) else {
            return;
        };
        let most = MOST_MS >> self.rng.random_range(0..16u32);
        let by = self.rng.random_range(1..=most);
        let back = self.rng.random_bool(0.5);
        self.count(if back {
            Deed::ClockSetBack
        } else {
            Deed::ClockSetForth
        });
        let by = if back { -by } else { by };
        note!(self, "the clock of process {process} is set by {by} ms");
        self.processes[process].trouble.clock += by;
    }

    /// What a process takes the time for.
    pub(super) fn time_at(&self, process: ProcessId) -> Timestamp {
        Timestamp(self.now + self.processes[process].trouble.clock)
    }

    /// What a transaction of a process takes from outside.
    pub(super) fn moment_at(&mut self, process: ProcessId) -> Moment {
        Moment {
            now: self.time_at(process),
            salt: self.rng.random(),
        }
    }
}
