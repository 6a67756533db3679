//! What people do: edit where they may and where they may not, grant and withdraw copies, start and stop.

use rand::Rng;
use supplysync_model::{Channel, Kind, StoreId};

use super::event::{Event, ProcessId};
use super::{Observation, World, note};
use crate::simulator::body::{self, Reference};
use crate::simulator::counts::Deed;
use crate::simulator::store::{Etag, OwnChange};
use crate::simulator::truth::Write;
use crate::simulator::words;

impl World {
    pub(super) fn operate(&mut self) {
        self.operations += 1;
        if self.operations < self.profile.operations {
            let pause = self.rng.random_range(0..=self.profile.pause);
            self.queue.push(self.now + pause, Event::Operate);
        }
        if self.plan.without.contains(&u64::from(self.operations)) {
            return;
        }
        if self.streams.is_some() && self.chance(self.profile.adversity) {
            return self.adversity();
        }
        if self.chance(self.profile.misfortune) {
            return self.misfortune();
        }
        match self.rng.random_range(0..100) {
            0..=19 => self.edit_master(false),
            20..=24 => self.edit_master(true),
            25..=59 => self.edit_store(),
            60..=65 => self.delete_in_store(),
            66..=71 => self.write_where_forbidden(),
            72..=79 => self.grant(),
            80..=84 => self.withdraw(),
            85..=87 => {
                if self.processes[0].up && self.assign_new_store().is_some() {
                    self.count(Deed::StoreAssigned);
                }
            }
            88..=91 => self.sync_now(false),
            92..=94 => self.sync_now(true),
            95 => self.stop(),
            96 => self.abort_a_move(),
            97 => self.move_a_store(),
            98 => match self.rng.random_range(0..5) {
                0 => self.cancel_a_move(),
                1 => self.force_a_move(),
                2..=3 => self.abort_a_move(),
                _ => self.move_a_store(),
            },
            _ => self.back_up(),
        }
    }

    /// Writes on a process that owns what it writes; whether it was let.
    pub(super) fn put_at(&mut self, process: ProcessId, mut changes: Vec<OwnChange>) -> bool {
        if !self.processes[process].up {
            return false;
        }
        if self.lacks_room(process) {
            self.count(Deed::WriteWithoutRoom);
            return false;
        }
        self.in_newer_ways(process, &mut changes);
        let moment = self.moment_at(process);
        let store = &mut self.processes[process].store;
        let (before, site) = (store.seq(), store.sync_id());
        let settings = changes
            .iter()
            .any(|change| [Kind::ASSIGNMENT, Kind::SITE_SETTINGS].contains(&change.key.kind));
        let unready: Vec<_> = changes
            .iter()
            .filter_map(|change| store.assignment(change.channel.store()?))
            .filter(|assignment| !self.truth.has_begun(process, assignment))
            .filter(|assignment| {
                let given = assignment.hand_over;
                given.is_some_and(|given| given.totals != store.totals(assignment.store))
            })
            .map(|assignment| assignment.store)
            .collect();
        let written = match store.put(moment, changes) {
            Ok(written) => written,
            Err(fault) => {
                note!(self, "process {process} refuses a write: {fault}");
                return false;
            }
        };
        for written in written.iter().filter(|written| written.changed) {
            if let Some(held) = store.get_record(written.key) {
                let record = &held.record;
                let hash = record.hash;
                self.truth.written.insert((written.key, hash));
                // Whoever may write may write over it.
                self.truth.foul_last.remove(&(process, written.key));
                self.truth.writes.push(Write {
                    site,
                    channel: record.channel,
                    key: written.key,
                    version: written.etag,
                    hash,
                });
                if let Some(store) = record.channel.store() {
                    let by = (process, written.key, record.epoch);
                    self.truth.let_write.insert(by, (site, hash));
                    let present = self.truth.present.get(&store);
                    if present.is_some_and(|(_, epoch)| *epoch != record.epoch) {
                        self.counts.count(Deed::WrittenWhileLost);
                    }
                }
            }
        }
        let versions: Vec<_> = written
            .iter()
            .filter(|written| written.changed)
            .filter_map(|written| store.get_record(written.key))
            .map(|held| (held.record.key, held.record.hash))
            .collect();
        self.poison(process, &versions);
        for store in unready
            .into_iter()
            .filter(|_| !self.truth.doubtful.contains(&site))
        {
            self.seen.push(Observation::BeganUnready(process, store));
        }
        note!(
            self,
            "process {process} writes {:?}",
            written
                .iter()
                .map(|written| format!("{} as {}", words::key(written.key), written.etag.revision))
                .collect::<Vec<_>>()
        );
        self.after_commit(process, before);
        if settings {
            self.settings_moved(process);
        }
        true
    }

    pub(super) fn edit_master(&mut self, retire: bool) {
        let fresh = self.rng.random_bool(0.3);
        let kind = self.rng.random_range(0..3);
        let new = self.new_key([Kind::UNIT, Kind::ITEM, Kind::NAME][kind]);
        let known = [&self.units, &self.items, &self.names][kind].clone();
        let key = match self.pick(&known) {
            Some(key) if retire || !fresh => key,
            _ => new,
        };
        let payload = self.rng.random();
        let mut change = self.change(key, Channel::Master, body::entity(payload, &[]));
        change.deleted = retire;
        if self.put_at(0, vec![change]) {
            if key == new {
                [&mut self.units, &mut self.items, &mut self.names][kind].push(key);
            }
            self.count(if retire {
                Deed::MasterRetired
            } else {
                Deed::MasterEdited
            });
        }
    }

    /// A store, and a running process that says it is active there; or else one of the site where it is active.
    pub(super) fn store_with_owner(&mut self) -> Option<(StoreId, ProcessId)> {
        let store = self.pick(&self.stores.clone())?;
        let owner = self.truth.owners.get(&store).copied()?;
        let hosts: Vec<_> = (0..self.processes.len())
            .filter(|id| {
                let process = &self.processes[*id];
                let known = process.store.assignment(store);
                process.up && known.is_some_and(|known| [owner, known.site].contains(&process.site))
            })
            .collect();
        Some((store, self.pick(&hosts)?))
    }

    /// Stock moves, and most times a transaction says so: one write.
    fn edit_store(&mut self) {
        if let Some((store, process)) = self.store_with_owner() {
            self.edit_in(store, process);
        }
    }

    pub(super) fn edit_in(&mut self, store: StoreId, process: ProcessId) {
        let next = self.processes[process].store.seq() + 1;
        let Some(epoch) = self.processes[process].store.accepts(store) else {
            return self.count(Deed::WriteRefused);
        };
        let Some(item) = self.reference(process, Kind::ITEM, Channel::Master) else {
            return;
        };
        let Some(name) = self.reference(process, Kind::NAME, Channel::Master) else {
            return;
        };
        let stock = Channel::StoreStock(store);
        let history = Channel::StoreHistory(store);
        let mut changes = Vec::new();
        let mut referred = vec![item, name];
        for _ in 0..self.rng.random_range(1..=3) {
            let known = self.reference(process, Kind::STOCK_LINE, stock);
            let fresh = self.new_key(Kind::STOCK_LINE);
            let key = match known {
                Some(known) if self.rng.random_bool(0.6) => known.key,
                _ => fresh,
            };
            if changes.iter().any(|change: &OwnChange| change.key == key) {
                continue;
            }
            let revision = next + changes.len() as u64;
            let version = Etag { epoch, revision };
            referred.push(Reference { key, version });
            let payload = self.rng.random();
            changes.push(self.change(key, stock, body::entity(payload, &[item])));
        }
        if self.rng.random_bool(0.8) {
            let known = self.reference(process, Kind::TRANSACTION, history);
            let fresh = self.new_key(Kind::TRANSACTION);
            let key = match known {
                Some(known) if self.rng.random_bool(0.3) => known.key,
                _ => fresh,
            };
            let payload = self.rng.random();
            changes.push(self.change(key, history, body::entity(payload, &referred)));
        }
        if self.put_at(process, changes) {
            self.count(Deed::StoreEdited);
        }
    }

    /// A live record of a kind that a process holds, in its present version.
    fn reference(&mut self, process: ProcessId, kind: Kind, channel: Channel) -> Option<Reference> {
        let reads = self.processes[process].trouble.reads;
        let live: Vec<_> = self.processes[process]
            .store
            .feed(channel, 0)
            .filter(|held| held.record.key.kind == kind && !held.record.deleted)
            .filter(|held| held.record.schema <= reads)
            .map(|held| Reference {
                key: held.record.key,
                version: Etag {
                    epoch: held.record.epoch,
                    revision: held.record.revision,
                },
            })
            .collect();
        self.pick(&live)
    }

    fn delete_in_store(&mut self) {
        let Some((store, process)) = self.store_with_owner() else {
            return;
        };
        let [stock, history] = Channel::of_store(store);
        let line = self.rng.random_bool(0.4);
        let (kind, channel) = if line {
            (Kind::STOCK_LINE, stock)
        } else {
            (Kind::TRANSACTION, history)
        };
        let Some(known) = self.reference(process, kind, channel) else {
            return;
        };
        let mut change = self.change(known.key, channel, body::entity(0, &[]));
        change.deleted = true;
        if self.put_at(process, vec![change]) {
            self.count(Deed::StoreDeleted);
        }
    }

    fn write_where_forbidden(&mut self) {
        let everywhere: Vec<_> = (0..self.processes.len()).collect();
        let Some(process) = self.pick(&everywhere) else {
            return;
        };
        let site = self.processes[process].site;
        let store = self.pick(&self.stores.clone());
        let (key, channel) = match store {
            Some(store) if self.rng.random_bool(0.6) => {
                (self.new_key(Kind::STOCK_LINE), Channel::StoreStock(store))
            }
            _ => (self.new_key(Kind::UNIT), Channel::Master),
        };
        // A site that was skipped by force, and does not know it, is still let.
        let own = channel
            .store()
            .is_some_and(|store| self.processes[process].store.accepts(store).is_some());
        if own || self.truth.owner(channel) == Some(site) || !self.processes[process].up {
            return;
        }
        let change = self.change(key, channel, body::entity(1, &[]));
        if self.put_at(process, vec![change]) {
            self.seen.push(Observation::ForbiddenWrite(site, channel));
        } else {
            self.count(Deed::WriteRefused);
        }
    }
}
