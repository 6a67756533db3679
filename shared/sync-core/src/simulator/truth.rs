//! The ground truth that the invariants compare with: who wrote what, every database's past, every total.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_model::{
    Assignment, Chain, Channel, Digest, Epoch, Kind, RecordHash, RecordKey, Seq, StoreId, SyncId,
};

use super::store::{Etag, ModelStore};

/// What is known of one life of a database, whatever became of the database since.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// The chain after each transaction.
    pub chains: BTreeMap<Seq, Chain>,
    /// A channel's total after each transaction that changed it.
    pub digests: BTreeMap<Channel, BTreeMap<Seq, Digest>>,
}

impl Life {
    /// The channel's total in the snapshot whose head is `seq`.
    pub fn digest(&self, channel: Channel, seq: Seq) -> Digest {
        let totals = self.digests.get(&channel);
        let last = totals.and_then(|totals| totals.range(..=seq).next_back());
        last.map_or(Digest::default(), |(_, digest)| *digest)
    }

    /// Whether a point of a feed is in this past.
    pub fn knows(&self, seq: Seq, chain: Chain) -> bool {
        seq == 0 || self.chains.get(&seq) == Some(&chain)
    }
}

/// What a process held when it was looked at last.
#[derive(Debug, Clone, Default)]
pub struct Shadow {
    /// Its head.
    pub seq: Seq,
    /// The hash and version of each record.
    pub records: BTreeMap<RecordKey, (RecordHash, Etag)>,
    /// The stores that it might write, under which ownership.
    pub writable: BTreeSet<(StoreId, Epoch)>,
}

/// A version of a record, as a site was let write it.
#[derive(Debug, Clone, Copy)]
pub struct Write {
    /// Who.
    pub site: SyncId,
    /// Where.
    pub channel: Channel,
    /// Which record.
    pub key: RecordKey,
    /// Its version.
    pub version: Etag,
    /// Its contents.
    pub hash: RecordHash,
}

/// The ground truth.
#[derive(Debug, Default)]
pub struct Truth {
    /// Where each store is active.
    pub owners: BTreeMap<StoreId, SyncId>,
    /// Every version that an owner wrote, with its contents.
    pub written: BTreeSet<(RecordKey, RecordHash)>,
    /// Which site each ownership of a store gave the right to write to.
    /// A primary that was put back unnoticed may give away under a number that the lost one had given to another site.
    pub tenures: BTreeSet<(StoreId, Epoch, SyncId)>,
    /// Where each store was active, and under which ownership, before the present step.
    pub present: BTreeMap<StoreId, (SyncId, Epoch)>,
    /// Ownerships whose site was skipped by force.
    pub fenced: BTreeSet<(StoreId, Epoch)>,
    /// What was written by whoever was let, with its version: all of it.
    pub writes: Vec<Write>,
    /// Of those the last under each ownership: process, record and ownership, then site and contents.
    pub let_write: BTreeMap<(usize, RecordKey, Epoch), (SyncId, RecordHash)>,
    /// Every version that the primary has held, but for what it lost with its database, as long as that has not come again.
    pub arrived: BTreeSet<(RecordKey, RecordHash)>,
    /// Of those, the ones that had been written over in a database that was lost, by what was lost with it.
    pub gone: BTreeSet<(RecordKey, RecordHash)>,
    /// Every version that it ever held.
    pub ever_arrived: BTreeSet<(RecordKey, RecordHash)>,
    /// What was written past the checks: where, which, and the contents.
    pub foul: BTreeSet<(usize, RecordKey, RecordHash)>,
    /// Of those, the one that each process wrote last over a record: it must not vanish.
    pub foul_last: BTreeMap<(usize, RecordKey), (Channel, RecordHash)>,
    /// Versions that a process sends so that nobody can read them.
    pub poisoned: BTreeSet<(usize, RecordKey, RecordHash)>,
    /// Sites of which a database was restored or cloned: what only they wrote is no longer certain.
    pub doubtful: BTreeSet<SyncId>,
    /// Versions that a recovering site wrote anew, and what they became: of a database and its copy each something else.
    pub renewed: BTreeMap<(RecordKey, RecordHash), BTreeSet<RecordHash>>,
    /// What had come to sites when the primary's database was lost last: which, its version and contents, by record.
    pub given: BTreeMap<RecordKey, (usize, Etag, RecordHash)>,
    /// What a clone had when it was made: the process, and the version.
    pub inherited: BTreeSet<(usize, RecordKey, RecordHash)>,
    /// Lives of databases.
    pub lives: Vec<Life>,
    /// What each process held.
    pub shadows: Vec<Shadow>,
}

impl Truth {
    /// The owner of a channel.
    pub fn owner(&self, channel: Channel) -> Option<SyncId> {
        match channel.store() {
            Some(store) => self.owners.get(&store).copied(),
            None => Some(SyncId::PRIMARY),
        }
    }

    /// Whether a site may have written in a channel under an ownership.
    pub fn was_owner(&self, site: SyncId, channel: Channel, epoch: Epoch) -> bool {
        match channel.store() {
            Some(store) => self.tenures.contains(&(store, epoch, site)),
            None => site.is_primary(),
        }
    }

    /// Whether a process has written under this ownership before.
    pub fn has_begun(&self, process: usize, assignment: &Assignment) -> bool {
        self.let_write.iter().any(|((at, key, epoch), _)| {
            let of = |write: &Write| write.key == *key && write.channel.store() == Some(assignment.store);
            *at == process && *epoch == assignment.epoch && self.writes.iter().any(of)
        })
    }

    /// The latest valid version of each record: written under the present ownership, or arrived under an earlier one.
    pub fn latest(&self) -> BTreeMap<RecordKey, Write> {
        let mut latest: BTreeMap<RecordKey, Write> = BTreeMap::new();
        for write in &self.writes {
            let present = write.channel.store().and_then(|store| self.present.get(&store));
            let valid = present.is_none_or(|(_, epoch)| *epoch == write.version.epoch)
                || self.arrived.contains(&(write.key, write.hash))
                    && !self.gone.contains(&(write.key, write.hash));
            if valid
                && latest
                    .get(&write.key)
                    .is_none_or(|held| held.version < write.version)
            {
                latest.insert(write.key, *write);
            }
        }
        latest
    }

    /// Takes note of what the primary wrote by itself about stores, before the step is judged.
    pub fn hear(&mut self, primary: &ModelStore) {
        let after = self.shadows.first().map_or(0, |shadow| shadow.seq);
        let news = primary.feed(Channel::Master, after);
        for held in news.filter(|held| held.record.key.kind == Kind::ASSIGNMENT) {
            let record = &held.record;
            if self.written.insert((record.key, record.hash)) {
                self.writes.push(Write {
                    site: SyncId::PRIMARY,
                    channel: record.channel,
                    key: record.key,
                    version: Etag {
                        epoch: record.epoch,
                        revision: record.revision,
                    },
                    hash: record.hash,
                });
            }
            if let Some(assignment) = primary.assignment(held.record.key.id.into()) {
                let tenure = (assignment.store, assignment.epoch);
                if !self.doubtful.contains(&SyncId::PRIMARY) {
                    self.tenures
                        .retain(|(store, epoch, _)| (*store, *epoch) != tenure);
                }
                self.tenures.insert((tenure.0, tenure.1, assignment.site));
            }
        }
    }

    /// Looks at where the primary says that stores are active.
    fn look_at_assignments(&mut self, primary: &ModelStore) -> u64 {
        let mut moved = 0;
        for assignment in primary.assignments() {
            let (store, site, epoch) = (assignment.store, assignment.site, assignment.epoch);
            self.owners.insert(store, site);
            let before = self.present.insert(store, (site, epoch));
            moved += u64::from(before.is_some_and(|(_, before)| before != epoch));
        }
        moved
    }

    /// What a version has become anywhere, itself first.
    pub fn became(&self, key: RecordKey, hash: RecordHash) -> Vec<RecordHash> {
        let mut all = vec![hash];
        let mut looked_at = 0;
        while let Some(version) = all.get(looked_at) {
            looked_at += 1;
            for next in self.renewed.get(&(key, *version)).into_iter().flatten() {
                if !all.contains(next) {
                    all.push(*next);
                }
            }
        }
        all
    }

    /// Whether these contents were written past the checks, anywhere.
    pub fn is_foul(&self, key: RecordKey, hash: RecordHash) -> bool {
        self.foul
            .iter()
            .any(|(_, foul, contents)| *foul == key && *contents == hash)
    }

    /// A database begins a life with the past that it has: its own, or that of a backup.
    pub fn begin_life(&mut self, store: &ModelStore, before: Option<usize>) -> usize {
        let mut life = before
            .and_then(|before| self.lives.get(before))
            .cloned()
            .unwrap_or_default();
        life.chains = store.chains().clone();
        for totals in life.digests.values_mut() {
            totals.retain(|seq, _| *seq <= store.seq());
        }
        self.lives.push(life);
        self.lives.len() - 1
    }

    /// Looks at a process after what it committed was judged.
    /// Returns how many stores have changed hands.
    pub fn look(&mut self, process: usize, life: usize, store: &ModelStore) -> u64 {
        if self.shadows.len() <= process {
            self.shadows.resize_with(process + 1, Shadow::default);
        }
        let shadow = &mut self.shadows[process];
        let Some(past) = self.lives.get_mut(life) else {
            return 0;
        };
        if let Some((seq, chain)) = store.chains().last_key_value() {
            past.chains.insert(*seq, *chain);
        }
        let known = past.digests.keys().copied();
        let channels: BTreeSet<_> = known.chain(store.channels()).collect();
        for channel in channels {
            let mut changed = false;
            for held in store.feed(channel, shadow.seq) {
                changed = true;
                if process == 0 {
                    self.arrived.insert((held.record.key, held.record.hash));
                    self.gone.remove(&(held.record.key, held.record.hash));
                    self.ever_arrived.insert((held.record.key, held.record.hash));
                }
                let version = Etag {
                    epoch: held.record.epoch,
                    revision: held.record.revision,
                };
                shadow
                    .records
                    .insert(held.record.key, (held.record.hash, version));
            }
            // What a load takes away has no seq, nor has what a recovering site sets aside.
            if changed || past.digest(channel, store.seq()) != store.digest(channel) {
                let totals = past.digests.entry(channel).or_default();
                totals.insert(store.seq(), store.digest(channel));
            }
        }
        // What a load takes away has no seq.
        if shadow.records.len() > store.records().len() {
            shadow.records.retain(|key, _| store.get_record(*key).is_some());
        }
        shadow.seq = store.seq();
        shadow.writable = store
            .assignments()
            .filter(|assignment| store.has_begun(assignment) || store.accepts(assignment.store).is_some())
            .map(|assignment| (assignment.store, assignment.epoch))
            .collect();
        if process == 0 {
            self.look_at_assignments(store)
        } else {
            0
        }
    }

    /// Forgets what a process held: its database was replaced.
    pub fn look_afresh(&mut self, process: usize, life: usize, store: &ModelStore) {
        if let Some(shadow) = self.shadows.get_mut(process) {
            *shadow = Shadow::default();
        }
        let totals = self.lives.get(life).map(|life| life.digests.clone());
        self.look(process, life, store);
        if let (Some(totals), Some(life)) = (totals, self.lives.get_mut(life)) {
            life.digests = totals;
        }
    }
}
