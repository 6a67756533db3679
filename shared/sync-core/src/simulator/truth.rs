//! The ground truth that the invariants compare with: who wrote what, every database's past, every total.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_model::{Chain, Channel, Digest, RecordHash, RecordKey, Seq, StoreId, SyncId};

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
}

/// The ground truth.
#[derive(Debug, Default)]
pub struct Truth {
    /// Where each store is active.
    pub owners: BTreeMap<StoreId, SyncId>,
    /// Every version that an owner wrote, with its contents.
    pub written: BTreeSet<(RecordKey, RecordHash)>,
    /// The latest version of each record, as its owner wrote it.
    pub latest: BTreeMap<RecordKey, (SyncId, RecordHash)>,
    /// What was written past the checks: where, which, and the contents.
    pub foul: BTreeSet<(usize, RecordKey, RecordHash)>,
    /// Of those, the one that each process wrote last over a record: it must not vanish.
    pub foul_last: BTreeMap<(usize, RecordKey), (Channel, RecordHash)>,
    /// Sites of which a database was restored or cloned: what only they wrote is no longer certain.
    pub doubtful: BTreeSet<SyncId>,
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
    pub fn look(&mut self, process: usize, life: usize, store: &ModelStore) {
        if self.shadows.len() <= process {
            self.shadows.resize_with(process + 1, Shadow::default);
        }
        let shadow = &mut self.shadows[process];
        let Some(past) = self.lives.get_mut(life) else {
            return;
        };
        if let Some((seq, chain)) = store.chains().last_key_value() {
            past.chains.insert(*seq, *chain);
        }
        for channel in store.channels() {
            let mut changed = false;
            for held in store.feed(channel, shadow.seq) {
                changed = true;
                let version = Etag {
                    epoch: held.record.epoch,
                    revision: held.record.revision,
                };
                shadow
                    .records
                    .insert(held.record.key, (held.record.hash, version));
            }
            if changed {
                let totals = past.digests.entry(channel).or_default();
                totals.insert(store.seq(), store.digest(channel));
            }
        }
        shadow.seq = store.seq();
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
