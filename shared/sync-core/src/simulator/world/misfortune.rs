//! What goes wrong: crashes, links, backups put back, servers copied, records edited behind the product's back.

use rand::Rng;
use supplysync_model::{Channel, Epoch, Kind};

use super::event::{End, Event, ProcessId};
use super::process::Process;
use super::{Observation, World, note};
use crate::Mode;
use crate::simulator::body;
use crate::simulator::counts::Deed;
use crate::simulator::words;

impl World {
    pub(super) fn misfortune(&mut self) {
        match self.rng.random_range(0..100) {
            0..=15 => {
                let everywhere: Vec<_> = (0..self.processes.len()).collect();
                if let Some(process) = self.pick(&everywhere)
                    && self.processes[process].up
                {
                    self.count(Deed::CrashAnywhere);
                    self.crash(process);
                }
            }
            16..=39 => self.cut_some_link(),
            40..=49 => {
                let satellites: Vec<_> = self.satellites().collect();
                if let Some(process) = self.pick(&satellites) {
                    self.processes[process].reachable ^= true;
                }
            }
            50..=63 => self.write_under_stale_epoch(),
            64..=78 => self.spoil_a_copy(),
            79..=88 => self.restore(),
            _ => self.clone_a_satellite(),
        }
    }

    /// What is volatile is gone; the rest is as the last commit left it.
    pub(super) fn crash(&mut self, process: ProcessId) {
        if !self.processes[process].up {
            return;
        }
        note!(self, "process {process} crashes");
        let wait = self.rng.random_range(100..5_000);
        self.queue.push(self.now + wait, Event::Start(process));
        let crashed = &mut self.processes[process];
        crashed.up = false;
        crashed.stopping = false;
        crashed.run += 1;
        crashed.trouble.unread.clear();
        crashed.trouble.toils_until = 0;
        let sessions = std::mem::take(&mut crashed.sessions);
        let end = if process == 0 {
            End::Primary
        } else {
            End::Satellite
        };
        if process == 0 {
            self.replicas_crash();
        }
        for connection in sessions.into_keys() {
            if self.rng.random_bool(0.3) {
                // Power is gone: nobody says that the stream has ended.
                if let Some(link) = self.connections.get_mut(&connection) {
                    link.dead = true;
                }
            } else {
                self.hang_up(connection, end);
            }
        }
    }

    pub(super) fn down(&mut self, process: ProcessId, run: u32) {
        if self.processes[process].run == run {
            self.crash(process);
        }
    }

    fn cut_some_link(&mut self) {
        let open: Vec<_> = self
            .connections
            .iter()
            .filter(|(connection, link)| {
                !link.dead && self.processes[link.satellite].sessions.contains_key(connection)
            })
            .map(|(connection, _)| *connection)
            .collect();
        let Some(connection) = self.pick(&open) else {
            return;
        };
        let (primary, satellite) = (self.rng.random_bool(0.7), self.rng.random_bool(0.7));
        self.count(if primary && satellite {
            Deed::LinkCut
        } else {
            Deed::LinkHalfOpen
        });
        self.cut(connection, primary, satellite);
    }

    /// A defect of an owner: a transaction written under an ownership that has ended.
    fn write_under_stale_epoch(&mut self) {
        let Some((store, process)) = self.store_with_owner() else {
            return;
        };
        let channel = Channel::StoreHistory(store);
        if self.processes[process].site.is_primary() {
            return;
        }
        let Some(mut record) = self.some_record(process, channel, Kind::TRANSACTION) else {
            return;
        };
        record.origin_site = self.processes[process].site;
        record.epoch = Epoch {
            incarnation: 1,
            counter: 0,
        };
        record.deleted = self.rng.random_bool(0.2);
        record.body = body::entity(self.rng.random(), &[]);
        self.count(Deed::WroteUnderStaleEpoch);
        self.write_foul(process, record);
    }

    /// A satellite's copy is edited, or something is added to it, though the satellite does not own it.
    fn spoil_a_copy(&mut self) {
        let satellites: Vec<_> = self.satellites().collect();
        let Some(process) = self.pick(&satellites) else {
            return;
        };
        // What is left of a withdrawn copy is as good as one that is kept.
        let site = self.processes[process].site;
        let mut copied = self.processes[process].store.channels();
        copied.retain(|channel| [0, 3].contains(&channel.rank()) && self.truth.owner(*channel) != Some(site));
        let Some(channel) = self.pick(&copied) else {
            return;
        };
        let kind = if channel == Channel::Master {
            Kind::UNIT
        } else {
            Kind::TRANSACTION
        };
        let Some(mut record) = self.some_record(process, channel, kind) else {
            return;
        };
        if self.rng.random_bool(0.4) {
            record.key = self.new_key(kind);
        }
        record.origin_site = self.processes[process].site;
        record.deleted = false;
        record.body = body::entity(self.rng.random(), &[]);
        self.count(Deed::CopySpoiled);
        self.write_foul(process, record);
    }

    fn some_record(
        &mut self,
        process: ProcessId,
        channel: Channel,
        kind: Kind,
    ) -> Option<supplysync_model::Record> {
        let records: Vec<_> = self.processes[process]
            .store
            .feed(channel, 0)
            .filter(|held| held.record.key.kind == kind)
            .map(|held| held.record.key)
            .collect();
        let key = self.pick(&records)?;
        let held = self.processes[process].store.get_record(key)?;
        Some(held.record.clone())
    }

    fn write_foul(&mut self, process: ProcessId, record: supplysync_model::Record) {
        if !self.processes[process].up {
            return;
        }
        let moment = self.moment();
        let store = &mut self.processes[process].store;
        let before = store.seq();
        let record = store.write_behind_the_back(moment, record);
        note!(
            self,
            "process {process} has {} written past the checks",
            words::key(record.key)
        );
        self.truth.foul.insert((process, record.key, record.hash));
        let last = (record.channel, record.hash);
        self.truth.foul_last.insert((process, record.key), last);
        self.after_commit(process, before);
    }

    pub(super) fn back_up(&mut self) {
        let satellites: Vec<_> = self.satellites().collect();
        if let Some(process) = self.pick(&satellites) {
            note!(self, "process {process} is backed up");
            self.processes[process].backup = Some(self.processes[process].store.clone());
        }
    }

    /// A satellite's database is replaced by an older one of its own.
    fn restore(&mut self) {
        if self.recover_a_frozen_one(0.6) {
            return;
        }
        let with_backup: Vec<_> = self
            .satellites()
            .filter(|satellite| self.processes[*satellite].backup.is_some())
            .filter(|satellite| !self.processes[*satellite].trouble.removed)
            .collect();
        let Some(process) = self.pick(&with_backup) else {
            return;
        };
        self.crash(process);
        let restored = &mut self.processes[process];
        let Some(backup) = restored.backup.clone() else {
            return;
        };
        restored.store = backup;
        restored.store.read_up_to(restored.trouble.reads);
        restored.recovered = false;
        restored.life = self.truth.begin_life(&restored.store, Some(restored.life));
        self.truth.look_afresh(process, restored.life, &restored.store);
        self.truth.doubtful.insert(restored.site);
        let store = &restored.store;
        // What only the lost database had is lost: nobody was told that it is safe.
        let arrived = &self.truth.arrived;
        self.truth.let_write.retain(|(at, key, _), (_, hash)| {
            let held = store.get_record(*key).map(|held| held.record.hash);
            *at != process || held == Some(*hash) || arrived.contains(&(*key, *hash))
        });
        self.truth.foul_last.retain(|(at, key), (_, hash)| {
            *at != process
                || store
                    .get_record(*key)
                    .is_some_and(|held| held.record.hash == *hash)
        });
        note!(
            self,
            "process {process} is restored, its head is {}",
            self.processes[process].store.seq()
        );
        self.count(Deed::Restored);
        if self.rng.random_bool(0.4) {
            // With the product's own command, which says so at once.
            self.recover(process);
        }
        self.seen.push(Observation::Committed(process));
    }

    /// Somebody copies a whole server and switches both on. Once in a seed is enough.
    fn clone_a_satellite(&mut self) {
        if self.recover_a_frozen_one(0.6) {
            return;
        }
        if self.processes.len() > usize::from(self.profile.satellites) + 1 {
            return;
        }
        let mut satellites: Vec<_> = self.satellites().collect();
        satellites.retain(|satellite| !self.processes[*satellite].trouble.removed);
        let Some(original) = self.pick(&satellites) else {
            return;
        };
        let of = &self.processes[original];
        let life = self.truth.begin_life(&of.store, Some(of.life));
        let mode = if self.rng.random_bool(0.5) {
            Mode::Live
        } else {
            Mode::Drain
        };
        let mut twin = Process::new(of.store.clone(), life, mode, of.interval);
        twin.trouble.reads = of.trouble.reads;
        self.truth.doubtful.insert(twin.site);
        let id = self.processes.len();
        self.truth.look_afresh(id, life, &twin.store);
        let had = twin
            .store
            .records()
            .map(|held| (id, held.record.key, held.record.hash));
        self.truth.inherited.extend(had);
        self.processes.push(twin);
        note!(self, "process {original} is cloned as process {id}");
        self.count(Deed::Cloned);
        self.seen.push(Observation::Committed(id));
        let wait = self.delay();
        self.dial_in(id, wait);
    }
}
