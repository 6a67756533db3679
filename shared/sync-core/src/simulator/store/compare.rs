//! Comparing digests: equal, explained by what is quarantined, or different.

use std::collections::BTreeMap;

use supplysync_model::{Channel, Digest, RecordKey, Seq, SyncId};

use super::{ModelStore, Quarantined};
use crate::Comparison;

impl ModelStore {
    /// Compares the sender's total with ours as it is now.
    pub(super) fn compare(&self, channel: Channel, peer: SyncId, theirs: Digest, seq: Seq) -> Comparison {
        let ours = self.digest(channel);
        let explained = ours != theirs && self.with_quarantined(channel, peer, ours) == theirs;
        Comparison {
            channel,
            theirs,
            ours,
            seq,
            equal: ours == theirs || explained,
            explained,
        }
    }

    /// What the total would be if what the peer sent last had been applied wherever it was refused.
    fn with_quarantined(&self, channel: Channel, peer: SyncId, mut digest: Digest) -> Digest {
        for (key, kept) in self.refused_last(channel, peer) {
            if let Some(held) = self.records.get(&key)
                && !held.record.deleted
                && held.record.channel == channel
            {
                digest.remove(held.record.hash);
            }
            if !kept.record.deleted {
                digest.add(kept.record.hash);
            }
        }
        digest
    }

    /// The records of which the latest version that the peer sent is in open quarantine.
    pub(super) fn refused_last(&self, channel: Channel, peer: SyncId) -> BTreeMap<RecordKey, &Quarantined> {
        self.quarantine
            .iter()
            .filter(|kept| {
                kept.open && !kept.former && kept.from_site == peer && kept.record.channel == channel
            })
            .map(|kept| (kept.record.key, kept))
            .collect()
    }

    /// Live records held whose latest version is not in quarantine, and live records in quarantine.
    pub(super) fn held_and_quarantined(&self, channel: Channel, peer: SyncId) -> (u64, u64) {
        let refused = self.refused_last(channel, peer);
        let live = self.feed(channel, 0).filter(|held| !held.record.deleted);
        let held = live.filter(|held| !refused.contains_key(&held.record.key));
        let quarantined = refused.values().filter(|kept| !kept.record.deleted);
        (held.count() as u64, quarantined.count() as u64)
    }
}
