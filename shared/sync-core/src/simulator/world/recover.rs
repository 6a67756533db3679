//! A person decides which database of a site goes on, and what is written anew because of that.

use rand::Rng;

use super::event::ProcessId;
use super::{World, note};
use crate::simulator::counts::Deed;
use crate::simulator::store::{Etag, Renewal};
use crate::simulator::truth::Write;
use crate::simulator::words;

impl World {
    /// With this probability, one of the databases whose synchronisation stopped is chosen to go on; whether it was.
    pub(super) fn recover_a_frozen_one(&mut self, probability: f64) -> bool {
        let frozen: Vec<_> = self
            .satellites()
            .filter(|satellite| self.processes[*satellite].frozen)
            .collect();
        if frozen.is_empty() || !self.rng.random_bool(probability) {
            return false;
        }
        if let Some(process) = self.pick(&frozen) {
            self.recover(process);
        }
        true
    }

    /// The program is stopped, told so, and started again.
    pub(super) fn recover(&mut self, process: ProcessId) {
        self.crash(process);
        let moment = self.moment();
        self.processes[process].store.recover(moment);
        self.processes[process].recovered = true;
        // Needlessly, perhaps; what it wrote gets new numbers all the same.
        self.truth.doubtful.insert(self.processes[process].site);
        note!(self, "process {process} is to go on");
        self.count(Deed::RecoveryAsked);
    }

    /// Versions that a recovering site wrote anew: they count as its own, and as what they were before.
    pub(super) fn renewed(&mut self, process: ProcessId, renewals: &[Renewal]) {
        let store = &self.processes[process].store;
        for renewal in renewals {
            let Some(held) = store.get_record(renewal.key) else {
                continue;
            };
            let record = &held.record;
            let (key, before, now) = (renewal.key, renewal.before, renewal.now);
            self.counts.count(Deed::RecordRenewed);
            if self.truth.written.insert((key, now)) {
                self.truth.writes.push(Write {
                    site: record.origin_site,
                    channel: record.channel,
                    key,
                    version: Etag {
                        epoch: record.epoch,
                        revision: record.revision,
                    },
                    hash: now,
                });
            }
            self.truth.renewed.entry((key, before)).or_default().insert(now);
            if self.truth.is_foul(key, before) {
                self.truth.foul.insert((process, key, now));
            }
            if let Some((_, hash)) = self.truth.foul_last.get_mut(&(process, key))
                && *hash == before
            {
                *hash = now;
            }
        }
        if !renewals.is_empty() {
            note!(
                self,
                "process {process} writes anew {:?}",
                renewals
                    .iter()
                    .map(|renewal| words::key(renewal.key))
                    .collect::<Vec<_>>()
            );
        }
    }
}
