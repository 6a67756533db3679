//! How far each receiver is in each channel, for the status.

use supplysync_model::{Channel, Digest, Fault, Seq, SyncId, Timestamp};
use supplysync_sync_core::{Cursor, Direction, OwnerProof};

use super::cursors::{Compared, beyond};
use super::ledger::parked_by_channel;
use crate::Queries;

/// What was last compared and proven of one channel between two sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proof {
    /// The last comparison with the peer.
    pub compared: Option<Compared>,
    /// When the receiver last proved to be equal to its sender, and at which of the sender's seqs.
    pub proven: Option<OwnerProof>,
    /// What the sender said of its own equality with the owner.
    pub owner: Option<OwnerProof>,
}

/// How far one receiver is in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelProgress {
    /// The site at the other end.
    pub peer: SyncId,
    /// The channel.
    pub channel: Channel,
    /// Which way its records go.
    pub direction: Direction,
    /// Whether this site is the receiver.
    pub we_receive: bool,
    /// The receiver's position.
    pub cursor: Cursor,
    /// Live records that the receiver has in their latest version, or that this site holds when it receives.
    pub done: u64,
    /// Live records in all, as this site knows; `None` while it receives and is not caught up.
    pub total: Option<u64>,
    /// Records whose latest version is not there yet; `None` while this site receives and is not caught up.
    pub pending: Option<u64>,
    /// Changes of this channel in open quarantine at the receiver.
    pub quarantined: u64,
    /// Records of this channel parked here; 0 when the peer receives: it does not say.
    pub parked: u64,
    /// When the receiver was last caught up.
    pub caught_up_at: Option<Timestamp>,
    /// What is proven.
    pub proof: Proof,
}

impl ChannelProgress {
    /// The sender's seq of the last comparison; 0 before the first.
    pub fn compared_seq(&self) -> Seq {
        self.proof.compared.map_or(0, |compared| compared.seq)
    }
}

impl Queries {
    /// Every channel that is exchanged with a peer, by peer and direction, in rank order.
    pub async fn channel_progress(&self) -> Result<Vec<ChannelProgress>, Fault> {
        let digests = self.stored_digests().await?;
        let parked = parked_by_channel(self.conn()).await?;
        let mut progress = Vec::new();
        for row in self.cursors().await? {
            let held: Digest = digests.get(&row.number).copied().unwrap_or_default();
            let (done, total, pending) = if row.we_receive {
                let caught_up = row.caught_up_at.is_some();
                (
                    held.count,
                    caught_up.then_some(held.count),
                    caught_up.then_some(0),
                )
            } else {
                let beyond = beyond(self.conn(), row.number, Some(row.cursor)).await?;
                (
                    held.count.saturating_sub(beyond.live),
                    Some(held.count),
                    Some(beyond.all),
                )
            };
            progress.push(ChannelProgress {
                peer: row.peer,
                channel: row.channel,
                direction: row.direction,
                we_receive: row.we_receive,
                cursor: row.cursor,
                done,
                total,
                pending,
                quarantined: row.quarantined,
                parked: if row.we_receive {
                    parked.get(&row.number).copied().unwrap_or(0)
                } else {
                    0
                },
                caught_up_at: row.caught_up_at,
                proof: Proof {
                    compared: row.compared,
                    proven: row.proven,
                    owner: row.owner,
                },
            });
        }
        progress.sort_by_key(|row| (row.peer, row.direction == Direction::Pull, row.channel));
        Ok(progress)
    }
}
