//! The primary's database is lost: an older one of it goes on, in a later life, and is given back what it lacks. Drawn apart
//! from everything else, so that a seed without it is what it would be.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use supplysync_model::{Channel, Incarnation, RecordKey, SyncId};

use super::event::{Event, ProcessId};
use super::{Observation, World, note};
use crate::is_own_work;
use crate::simulator::counts::Deed;
use crate::simulator::fault::Fault;
use crate::simulator::store::{Etag, ModelStore};

/// When a site that stopped exchanging looks again, in milliseconds after peace began.
const LOOKS_AGAIN_MS: i64 = 10_000;
/// What draws whether the primary's database is lost when a store is.
const LOST_AT_A_LOSS: u64 = 0x7461_6b71;
/// How long a person waits for sites that are not heard, in milliseconds of virtual time.
const WAITS_MS: i64 = 100_000;

/// What happens to the primary's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is backed up.
    BackedUp,
    /// It is lost, and the backup put back with the product's own command.
    PutBack,
    /// It is lost, and the backup put back by other means.
    Copied,
    /// A person says that what was put back by other means goes on.
    Chosen,
    /// A person does not wait for the sites that were not heard.
    Waived,
    /// A store is taken away from its site, which has just written there.
    TakenAway,
}

impl World {
    /// Where the primary's database is lost it is lost once or twice.
    pub(super) fn draw_fate(&mut self) {
        if !self.profile.kinds.has(Fault::PrimaryLost) || self.plan.off.has(Fault::PrimaryLost) {
            return;
        }
        let mut fate = ChaCha8Rng::seed_from_u64(self.plan.seed ^ 0x6c69_6665);
        let whole = i64::from(self.profile.operations) * self.profile.pause / 2;
        let mut at = whole / 20;
        for _ in 0..fate.random_range(1..=2) {
            if fate.random_bool(0.85) {
                at += fate.random_range(0..=whole / 3);
                self.queue.push(at, Event::Fate(Fate::BackedUp));
            }
            at += fate.random_range(0..=whole / 2);
            let known = fate.random_bool(0.7);
            let lost = if known { Fate::PutBack } else { Fate::Copied };
            self.queue.push(at, Event::Fate(lost));
            if !known {
                at += fate.random_range(0..=whole / 4);
                self.queue.push(at, Event::Fate(Fate::Chosen));
            }
            if fate.random_bool(0.1) {
                let waived = at + fate.random_range(0..=20_000);
                self.queue.push(waived, Event::Fate(Fate::Waived));
            }
        }
        // The number was chosen so that this comes to none of the plans that were kept before.
        let mut apart = ChaCha8Rng::seed_from_u64(self.plan.seed ^ LOST_AT_A_LOSS);
        self.lost_at_a_loss = apart.random_bool(0.3);
        if self.lost_at_a_loss {
            for _ in 0..3 {
                let at = apart.random_range(whole / 10..=whole);
                self.queue.push(at, Event::Fate(Fate::TakenAway));
            }
        }
    }

    fn take_away(&mut self) {
        let owned = self.store_with_owner().filter(|(_, owner)| *owner != 0);
        if let Some((store, owner)) = owned.filter(|_| self.processes[0].up && !self.lacks_room(0)) {
            self.edit_in(store, owner);
            self.count(Deed::TakenAway);
            self.force(store, SyncId::PRIMARY);
        }
    }

    /// A site has heard that a store of its own went elsewhere, and the primary has not acknowledged all that it wrote there:
    /// where the seed has it so, that is when the primary's database is lost.
    pub(super) fn heard_of_a_loss(&mut self, satellite: ProcessId) {
        let ready = self.processes[0].backup.is_some() && !self.calm;
        if ready && self.lost_at_a_loss && self.processes[satellite].store.has_lost_work() {
            self.lost_at_a_loss = false;
            note!(self, "process {satellite} hears of it with work on its way");
            self.queue.push(self.now, Event::Fate(Fate::PutBack));
        }
    }

    pub(super) fn fate(&mut self, fate: Fate) {
        if self.calm {
            return;
        }
        match fate {
            Fate::BackedUp => {
                note!(self, "the primary is backed up");
                self.processes[0].backup = Some(self.processes[0].store.clone());
            }
            Fate::PutBack if self.lose_the_primary() => self.choose_the_primary(true),
            Fate::Copied => self.unchosen |= self.lose_the_primary(),
            Fate::Chosen if std::mem::take(&mut self.unchosen) => self.choose_the_primary(false),
            Fate::Waived => self.waive(),
            Fate::TakenAway => self.take_away(),
            Fate::PutBack | Fate::Chosen => {}
        }
    }

    /// The database that there is now is gone, and the backup in its place; whether there is one.
    fn lose_the_primary(&mut self) -> bool {
        let Some(backup) = self.processes[0].backup.clone() else {
            return false;
        };
        self.crash(0);
        self.note_what_sites_hold();
        let lost = self.processes[0].store.clone();
        let restored = &mut self.processes[0];
        restored.store = backup;
        restored.life = self.truth.begin_life(&restored.store, Some(restored.life));
        let (life, store) = (restored.life, restored.store.clone());
        self.truth.doubtful.insert(SyncId::PRIMARY);
        // What counted as safe because the lost database had it must come again, unless it had been written over.
        let mut last_arrived: BTreeMap<RecordKey, Etag> = BTreeMap::new();
        let ever = &self.truth.ever_arrived;
        for write in self
            .truth
            .writes
            .iter()
            .filter(|write| ever.contains(&(write.key, write.hash)))
        {
            let last = last_arrived.entry(write.key).or_insert(write.version);
            *last = write.version.max(*last);
        }
        for (key, last) in self.truth.latest() {
            let here = store.get_record(key).map(|held| &held.record);
            let written_over = last_arrived
                .get(&key)
                .is_some_and(|version| *version > last.version);
            if here.map(|here| here.hash) != Some(last.hash) && !written_over {
                self.truth.arrived.remove(&(key, last.hash));
                // Nor does what it was written over, in its place.
                let known = here.map(|here| (here.epoch, here.revision));
                let writes = self.truth.writes.iter().filter(|write| write.key == key);
                for write in
                    writes.filter(|write| Some((write.version.epoch, write.version.revision)) > known)
                {
                    self.truth.gone.insert((key, write.hash));
                }
            }
        }
        self.truth.look_afresh(0, life, &store);
        // What only it had is lost: what was written there and sent nowhere, what it had refused and kept, and what the
        // writer's own database has lost since.
        let (elsewhere, doubtful) = (&self.processes[1..], &self.truth.doubtful);
        let aside = |of: &ModelStore, hash| {
            of.keeps(hash) || of.quarantine().iter().any(|kept| kept.record.hash == hash)
        };
        let kept = |key, hash| {
            let held = |of: &ModelStore| {
                aside(of, hash) || of.get_record(key).is_some_and(|held| held.record.hash == hash)
            };
            held(&store) || elsewhere.iter().any(|process| held(&process.store))
        };
        self.truth.let_write.retain(|(at, key, _), (site, hash)| {
            kept(*key, *hash) || *at != 0 && !aside(&lost, *hash) && !doubtful.contains(site)
        });
        let foul = &mut self.truth.foul_last;
        foul.retain(|(_, key), (_, hash)| kept(*key, *hash) || !aside(&lost, *hash));
        note!(
            self,
            "the primary's database is lost at {}, the one put back ends at {}",
            lost.seq(),
            store.seq()
        );
        self.count(Deed::PrimaryLost);
        self.seen.push(Observation::Committed(0));
        true
    }

    /// A person says that this database of the primary goes on.
    fn choose_the_primary(&mut self, sure: bool) {
        self.crash(0);
        if !sure {
            self.doubt_what_was_written_there();
        }
        let moment = self.moment();
        self.last_life += 1;
        let life = Incarnation {
            counter: self.last_life,
            random: self.rng.random(),
        };
        let began = self.processes[0].store.begin_later_life(moment, life, sure);
        note!(self, "the primary's database begins a later life: {began:?}");
        self.seen.push(Observation::Committed(0));
        self.look_again();
    }

    /// What people wrote in stores of a primary that nobody knew to be an old one may be in stores that have gone elsewhere:
    /// nobody was to write there.
    fn doubt_what_was_written_there(&mut self) {
        for held in self.processes[0].store.records() {
            let record = &held.record;
            if record.channel.store().is_some() && is_own_work(SyncId::PRIMARY, record, held.seq) {
                self.truth.foul.insert((0, record.key, record.hash));
            }
        }
    }

    /// Whose past did not fit to the primary's looks again from time to time.
    fn look_again(&mut self) {
        for satellite in self.satellites() {
            if std::mem::take(&mut self.processes[satellite].frozen) {
                self.dial_again(satellite);
            }
        }
    }

    /// A person does not wait any longer: whoever holds a store by a word that nobody has brought back will lose it.
    pub(super) fn waive(&mut self) {
        if !self.processes[0].store.is_gathering() {
            return;
        }
        for satellite in self.satellites() {
            let store = &self.processes[satellite].store;
            for held in store.assignments() {
                if self.processes[0]
                    .store
                    .assignment(held.store)
                    .map(|now| now.epoch)
                    != Some(held.epoch)
                {
                    self.truth.fenced.insert((held.store, held.epoch));
                }
            }
        }
        let moment = self.moment();
        let before = self.processes[0].store.seq();
        let waived = self.processes[0].store.waive(moment);
        note!(self, "nobody waits for more: {waived:?}");
        self.count(Deed::Waived);
        self.after_commit(0, before);
        self.settings_moved(0);
    }

    /// In peace everybody comes to speak who can; a person ends what hangs on those who can't.
    pub(super) fn end_what_hangs(&mut self, began: i64) {
        if std::mem::take(&mut self.unchosen) {
            self.choose_the_primary(false);
        }
        let lost = self.truth.doubtful.contains(&SyncId::PRIMARY);
        if lost && self.now - began > LOOKS_AGAIN_MS && !std::mem::replace(&mut self.looked_again, true) {
            self.look_again();
        }
        if self.now - began > WAITS_MS {
            self.waive();
        }
    }

    /// What came to sites from others, in its latest version: a primary that was put back must have it again, or say why not.
    fn note_what_sites_hold(&mut self) {
        self.truth.given.clear();
        for satellite in self.satellites() {
            let process = &self.processes[satellite];
            if self.truth.doubtful.contains(&process.site) {
                continue;
            }
            for held in process.store.records() {
                let record = &held.record;
                let foreign = matches!(record.channel, Channel::Site(site) if site != process.site);
                let foul = self.truth.is_foul(record.key, record.hash);
                if foreign || foul || is_own_work(process.site, record, held.seq) {
                    continue;
                }
                let version = Etag {
                    epoch: record.epoch,
                    revision: record.revision,
                };
                let known = self.truth.given.get(&record.key);
                if known.is_none_or(|(_, known, _)| *known < version) {
                    let entry = (satellite, version, record.hash);
                    self.truth.given.insert(record.key, entry);
                }
            }
        }
    }
}
