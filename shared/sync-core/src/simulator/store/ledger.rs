//! The ledger (P8), channel by channel: the owner's records = held + quarantined whenever nothing is pending.
//! Counted on both ends by themselves: as the sender from its records and the receiver's acknowledged counts, as the
//! receiver from what it holds and the sender's stamped total.

use supplysync_model::{Channel, SyncId};

use super::ModelStore;
use crate::{Cursor, Direction};

/// Which end counted a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The one that sends.
    Sender,
    /// The one that receives.
    Receiver,
}

/// The counts of one channel at one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRow {
    /// The channel.
    pub channel: Channel,
    /// Who receives.
    pub receiver: SyncId,
    /// Which end this site is.
    pub side: Side,
    /// The sender's live records; `None` while the receiver is not caught up, so does not know.
    pub owner_records: Option<u64>,
    /// Live records held whose latest version is not in quarantine.
    pub held: u64,
    /// Live records in open quarantine.
    pub quarantined: u64,
    /// Records whose latest version, a tombstone too, is not there; `None` while that is not known.
    pub pending: Option<u64>,
}

impl LedgerRow {
    /// Whether nothing is unaccounted for.
    pub fn balanced(&self) -> bool {
        match (self.owner_records, self.pending) {
            (Some(records), Some(0)) => records == self.held + self.quarantined,
            _ => true,
        }
    }
}

impl ModelStore {
    /// A row for each channel that somebody has received from this site or that this site receives.
    pub fn ledger(&self) -> Vec<LedgerRow> {
        let rows = self.cursors.iter();
        let rows = rows.filter(|((peer, channel, direction), _)| self.counts(*peer, *channel, *direction));
        rows.map(|((peer, channel, direction), row)| {
            let side = if *direction == self.receives() {
                Side::Receiver
            } else {
                Side::Sender
            };
            let mut entry = LedgerRow {
                channel: *channel,
                receiver: *peer,
                side,
                owner_records: Some(self.digest(*channel).count),
                held: row.held,
                quarantined: row.quarantined,
                // A receiver that took everything and compared nothing knows the store as another site's by now.
                pending: Some(self.beyond(*channel, row.cursor))
                    .filter(|beyond| row.caught_up || *beyond > 0),
            };
            if side == Side::Receiver {
                let (held, quarantined) = self.held_and_quarantined(*channel, *peer);
                let compared = row.compared.filter(|_| row.caught_up);
                entry.receiver = self.sync_id;
                entry.owner_records = compared.map(|compared| compared.theirs.count);
                (entry.held, entry.quarantined) = (held, quarantined);
                entry.pending = compared.map(|_| 0);
            }
            entry
        })
        .collect()
    }

    /// Whether the books of a channel with that peer are kept: a store's by who has it, and of what this site has
    /// itself there is nothing to receive.
    fn counts(&self, peer: SyncId, channel: Channel, direction: Direction) -> bool {
        let site = channel
            .store()
            .and_then(|store| self.assignment(store))
            .map(|assignment| assignment.site);
        let (sender, receiver) = if direction == self.receives() {
            (peer, self.sync_id)
        } else {
            (self.sync_id, peer)
        };
        site.is_none() || (site != Some(receiver) && (direction == Direction::Pull || site == Some(sender)))
    }

    fn beyond(&self, channel: Channel, cursor: Cursor) -> u64 {
        let beyond = self.feed(channel, 0).filter(|held| match cursor {
            Cursor::Following { seq } => held.seq > seq,
            Cursor::Loading { head, last } => {
                held.seq > head || last.is_none_or(|last| held.record.key > last)
            }
        });
        beyond.count() as u64
    }
}
