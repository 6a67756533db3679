//! The world at its beginning: a registered network with a little master data, and every site dialling.

use rand::Rng;
use supplysync_model::{
    Assignment, AssignmentState, Channel, Epoch, Incarnation, Kind, RecordId, RecordKey, StoreId, SyncId,
};

use super::event::Event;
use super::process::Process;
use super::{Observation, World};
use crate::Mode;
use crate::simulator::body::{self, BODIES};
use crate::simulator::store::{ModelStore, OwnChange};

impl World {
    pub(super) fn set_up(&mut self) {
        let life = Incarnation {
            counter: 1,
            random: self.rng.random(),
        };
        let store = ModelStore::init(SyncId::PRIMARY, "head office", Some(life), BODIES);
        self.add_process(store, Mode::Live);
        let mut changes = Vec::new();
        for number in 2..self.profile.satellites + 2 {
            let Some(site) = SyncId::new(number) else {
                continue;
            };
            let mode = if self.rng.random_bool(0.6) {
                Mode::Live
            } else {
                Mode::Drain
            };
            let store = ModelStore::init(site, format!("site {number}"), None, BODIES);
            let process = self.add_process(store, mode);
            let key = key(Kind::SITE, site.into());
            changes.push(self.change(key, Channel::Master, body::entity(0, &[])));
            changes.push(settings_change(site, &[]));
            let at = self.rng.random_range(0..2_000);
            self.queue.push(at, Event::Dial(process, 0));
        }
        for _ in 0..3 {
            let unit = self.new_key(Kind::UNIT);
            let item = self.new_key(Kind::ITEM);
            let name = self.new_key(Kind::NAME);
            self.units.push(unit);
            self.items.push(item);
            self.names.push(name);
            for key in [unit, item, name] {
                changes.push(self.change(key, Channel::Master, body::entity(0, &[])));
            }
        }
        self.put_at(0, changes);
        for _ in 0..self.profile.stores {
            self.assign_new_store();
        }
        for process in 0..self.processes.len() {
            self.age(process);
        }
        self.queue.push(0, Event::Operate);
    }

    pub(super) fn add_process(&mut self, store: ModelStore, mode: Mode) -> usize {
        let life = self.truth.begin_life(&store, None);
        let interval = self.rng.random_range(2_000..20_000);
        let id = self.processes.len();
        self.processes.push(Process::new(store, life, mode, interval));
        self.seen.push(Observation::Committed(id));
        id
    }

    /// A new store, active on a random site, the primary included.
    pub(super) fn assign_new_store(&mut self) -> Option<StoreId> {
        let id = self.new_key(Kind::STORE).id;
        let store = StoreId::from(id);
        let present = self.processes.iter().filter(|process| !process.trouble.removed);
        let sites: Vec<_> = present.map(|process| process.site).collect();
        let site = self.pick(&sites)?;
        let assignment = Assignment {
            store,
            site,
            epoch: Epoch {
                incarnation: 1,
                counter: 1,
            },
            version: 1,
            state: AssignmentState::Active,
            hand_over: None,
        };
        let changes = vec![
            self.change(key(Kind::STORE, id), Channel::Master, body::entity(0, &[])),
            self.change(
                key(Kind::ASSIGNMENT, id),
                Channel::Master,
                body::assignment(&assignment),
            ),
        ];
        if self.put_at(0, changes) {
            self.stores.push(store);
            self.truth.owners.insert(store, site);
            return Some(store);
        }
        None
    }

    pub(super) fn new_key(&mut self, kind: Kind) -> RecordKey {
        key(kind, RecordId::from_bytes(self.rng.random()))
    }

    pub(super) fn change(&mut self, key: RecordKey, channel: Channel, body: bytes::Bytes) -> OwnChange {
        OwnChange {
            key,
            channel,
            schema: 1,
            body,
            deleted: false,
            expected: None,
        }
    }
}

pub(super) fn key(kind: Kind, id: RecordId) -> RecordKey {
    RecordKey { kind, id }
}

/// The copies that a site is granted.
pub(super) fn settings_change(site: SyncId, copies: &[StoreId]) -> OwnChange {
    OwnChange {
        key: key(Kind::SITE_SETTINGS, site.into()),
        channel: Channel::Site(site),
        schema: 1,
        body: body::settings(copies),
        deleted: false,
        expected: None,
    }
}
