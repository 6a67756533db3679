//! Sites that are added and removed while the others go on, and Sync IDs that are used again.

use rand::Rng;
use supplysync_model::{Channel, Kind, RecordKey, StoreId, SyncId};

use super::event::{Event, ProcessId};
use super::setup::{key, settings_change};
use super::{Observation, World, note};
use crate::Mode;
use crate::simulator::body::{self, BODIES};
use crate::simulator::counts::Deed;
use crate::simulator::store::ModelStore;

/// The most processes of a seed.
const MOST: usize = 12;

impl World {
    pub(super) fn change_the_roster(&mut self) {
        if !self.processes[0].up || self.lacks_room(0) {
            return;
        }
        match self.rng.random_range(0..10) {
            0..=1 => self.add_a_site(),
            // Who is to be removed is emptied first.
            2..=4 => self.move_a_store(),
            5..=7 => self.remove_a_site(),
            _ => self.use_a_sync_id_again(),
        }
    }

    fn register(&mut self, site: SyncId, copies: &[StoreId]) -> bool {
        let change = self.change(
            key(Kind::SITE, site.into()),
            Channel::Master,
            body::entity(0, &[]),
        );
        self.put_at(0, vec![change, settings_change(site, copies)])
    }

    fn add_a_site(&mut self) {
        let last = self.processes.iter().map(|process| process.site.get()).max();
        let Some(site) = last.and_then(|last| SyncId::new(last + 1)) else {
            return;
        };
        if self.processes.len() >= MOST || !self.register(site, &[]) {
            return;
        }
        let mode = [Mode::Live, Mode::Drain][self.rng.random_range(0..2)];
        let store = ModelStore::init(site, format!("site {}", site.get()), None, BODIES);
        let process = self.add_process(store, mode);
        self.age(process);
        self.profile.satellites += 1;
        note!(self, "site {site} is added: process {process}");
        self.count(Deed::SiteAdded);
        self.dial_in(process, 0);
    }

    /// A satellite that may be removed: nothing is active there or on its way there.
    fn removable(&self) -> Vec<ProcessId> {
        let primary = &self.processes[0].store;
        let unused = |site: SyncId| {
            primary.assignments().all(|assignment| assignment.site != site)
                && primary.moves().all(|(_, row)| row.to != site)
        };
        let twins = |site| self.processes.iter().filter(|other| other.site == site).count();
        self.satellites()
            .filter(|process| {
                let of = &self.processes[*process];
                !of.trouble.removed
                    && !self.truth.doubtful.contains(&of.site)
                    && twins(of.site) == 1
                    && unused(of.site)
            })
            .collect()
    }

    /// A site is removed by force: what it had not sent was listed, and is given up.
    fn remove_a_site(&mut self) {
        let removable = self.removable();
        let Some(process) = self.pick(&removable) else {
            return;
        };
        let site = self.processes[process].site;
        let settings = RecordKey {
            kind: Kind::SITE_SETTINGS,
            id: site.into(),
        };
        let mut changes = vec![
            self.change(
                key(Kind::SITE, site.into()),
                Channel::Master,
                body::entity(0, &[]),
            ),
            self.change(settings, Channel::Site(site), body::settings(&[])),
        ];
        for change in &mut changes {
            change.deleted = true;
        }
        if !self.put_at(0, changes) {
            return;
        }
        let moment = self.moment_at(0);
        self.processes[0].store.forget_peer(moment, site);
        note!(self, "site {site} is removed");
        self.count(Deed::SiteRemoved);
        let removed = &mut self.processes[process];
        removed.trouble.removed = true;
        removed.backup = None;
        let sessions: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, link)| link.satellite == process)
            .map(|(connection, _)| *connection)
            .collect();
        for connection in sessions {
            let delay = self.delay();
            self.queue.push(self.now + delay, Event::Fence(connection));
        }
        self.give_up_unsent_work(process);
        self.settings_moved(0);
    }

    fn give_up_unsent_work(&mut self, process: ProcessId) {
        let arrived = &self.truth.arrived;
        self.truth
            .let_write
            .retain(|(at, key, _), (_, hash)| *at != process || arrived.contains(&(*key, *hash)));
        self.truth.foul_last.retain(|(at, _), _| *at != process);
        self.truth.inherited.retain(|(at, ..)| *at != process);
    }

    /// An empty database joins as a site that was removed.
    fn use_a_sync_id_again(&mut self) {
        let free: Vec<_> = self
            .satellites()
            .filter(|process| self.processes[*process].trouble.removed)
            .collect();
        let Some(process) = self.pick(&free) else {
            return;
        };
        let site = self.processes[process].site;
        let mut copies = self.stores.clone();
        copies.retain(|_| self.rng.random_bool(0.5));
        if !self.register(site, &copies) {
            return;
        }
        self.crash(process);
        self.give_up_unsent_work(process);
        let store = ModelStore::init(site, format!("site {}", site.get()), None, BODIES);
        let life = self.truth.begin_life(&store, None);
        let joined = &mut self.processes[process];
        joined.trouble.removed = false;
        joined.frozen = false;
        joined.life = life;
        joined.store = store;
        let reads = joined.trouble.reads;
        joined.store.read_up_to(reads);
        self.truth.look_afresh(process, life, &joined.store);
        note!(self, "site {site} is used again: process {process}");
        self.count(Deed::SyncIdUsedAgain);
        self.seen.push(Observation::Committed(process));
    }
}
