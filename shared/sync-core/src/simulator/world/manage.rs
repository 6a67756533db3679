//! What administrators do: grant and withdraw copies, synchronise now, change between live and interval, stop, start.

use supplysync_model::{Kind, RecordKey, StoreId, SyncId};

use super::event::{End, Event, ProcessId};
use super::setup::settings_change;
use super::{World, note};
use crate::simulator::body::BODIES;
use crate::simulator::counts::Deed;
use crate::{Input, Mode};

/// How long a stop in order may take, in milliseconds.
const STOP_MS: i64 = 4_000;

impl World {
    /// A satellite's site, and the copies that it is granted.
    fn copies_of_some_site(&mut self) -> Option<(SyncId, Vec<StoreId>)> {
        let sites: Vec<_> = self
            .satellites()
            .map(|satellite| self.processes[satellite].site)
            .collect();
        let site = self.pick(&sites)?;
        let key = RecordKey {
            kind: Kind::SITE_SETTINGS,
            id: site.into(),
        };
        let held = self.processes[0].store.get_record(key)?;
        Some((site, (BODIES.copies)(&held.record)?))
    }

    pub(super) fn grant(&mut self) {
        let Some((site, mut copies)) = self.copies_of_some_site() else {
            return;
        };
        let others: Vec<_> = self
            .stores
            .iter()
            .copied()
            .filter(|store| !copies.contains(store))
            .collect();
        if let Some(store) = self.pick(&others) {
            copies.push(store);
            copies.sort_unstable();
            if self.put_at(0, vec![settings_change(site, &copies)]) {
                self.count(Deed::CopyGranted);
            }
        }
    }

    pub(super) fn withdraw(&mut self) {
        let Some((site, mut copies)) = self.copies_of_some_site() else {
            return;
        };
        if let Some(store) = self.pick(&copies.clone()) {
            copies.retain(|copy| *copy != store);
            if self.put_at(0, vec![settings_change(site, &copies)]) {
                self.count(Deed::CopyWithdrawn);
            }
        }
    }

    /// Somebody presses "synchronise now", or changes between live and interval.
    pub(super) fn sync_now(&mut self, change_mode: bool) {
        let satellites: Vec<_> = self.satellites().collect();
        let Some(process) = self.pick(&satellites) else {
            return;
        };
        if !self.processes[process].up {
            return;
        }
        if change_mode {
            let other = match self.processes[process].mode {
                Mode::Live => Mode::Drain,
                Mode::Drain => Mode::Live,
            };
            self.processes[process].mode = other;
            self.count(Deed::ModeChanged);
        } else {
            self.count(Deed::SyncedNow);
        }
        self.begin_again(process);
    }

    /// A new session: at once, or as soon as the present one has ended in order.
    pub(super) fn begin_again(&mut self, process: ProcessId) {
        let Some(connection) = self.processes[process].sessions.keys().next().copied() else {
            return self.dial_in(process, 0);
        };
        if let Some(running) = self.processes[process].sessions.get_mut(&connection) {
            running.again = true;
        }
        self.drive(connection, End::Satellite, Input::Stop);
    }

    pub(super) fn stop(&mut self) {
        let everywhere: Vec<_> = (0..self.processes.len()).collect();
        let Some(process) = self.pick(&everywhere) else {
            return;
        };
        let run = self.processes[process].run;
        if !self.processes[process].up {
            return;
        }
        self.count(Deed::Stopped);
        self.processes[process].stopping = true;
        for (connection, end) in self.sessions_of(process, run) {
            self.drive(connection, end, Input::Stop);
        }
        self.queue.push(self.now + STOP_MS, Event::Down(process, run));
    }

    pub(super) fn start(&mut self, process: ProcessId) {
        if self.processes[process].up {
            return;
        }
        note!(self, "process {process} starts");
        self.count(Deed::Started);
        let started = &mut self.processes[process];
        started.up = true;
        started.frozen = false;
        started.attempt = 0;
        if process != 0 {
            let wait = self.delay();
            self.dial_in(process, wait);
        }
    }
}
