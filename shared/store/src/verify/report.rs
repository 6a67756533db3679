//! What a verification comes to: what is wrong here, and the last comparison with each peer.

use supplysync_model::{Channel, Fault, SyncId};
use supplysync_sync_core::{Direction, OwnerProof};

use super::Verification;
use super::finding::Finding;
use crate::Store;
use crate::query::{Compared, CursorRow};

/// What is known of a channel's equality with a peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equality {
    /// No digest was compared yet.
    NotComparedYet,
    /// Equal.
    Equal,
    /// Equal once what is in quarantine is accounted for.
    Explained,
    /// Different, and nothing explains it.
    Different,
}

/// One channel and one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelVerdict {
    /// The channel.
    pub channel: Channel,
    /// The other end.
    pub peer: SyncId,
    /// Which way its records go.
    pub direction: Direction,
    /// Whether this site is the receiver.
    pub we_receive: bool,
    /// The result of the last comparison.
    pub equality: Equality,
    /// That comparison: both digests, the sender's seq, the time.
    pub compared: Option<Compared>,
    /// Changes in open quarantine at the receiver.
    pub quarantined: u64,
    /// What is proven of equality with the owner, when the sender only passes a copy on.
    pub owner: Option<OwnerProof>,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifyReport {
    /// Each channel with each peer.
    pub channels: Vec<ChannelVerdict>,
    /// What is wrong here, the first hundred.
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub findings_total: u64,
    /// Records looked at.
    pub records_checked: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong and nothing is known to differ.
    pub fn ok(&self) -> bool {
        let differs = |verdict: &ChannelVerdict| verdict.equality == Equality::Different;
        self.findings_total == 0 && !self.channels.iter().any(differs)
    }
}

impl Store {
    /// What a verification that is done found, and how each channel compared last.
    pub async fn report(&self, verification: Verification) -> Result<VerifyReport, Fault> {
        let cursors = self.read("last comparisons", |tx| {
            Box::pin(async move { tx.cursors().await })
        });
        let channels = cursors.await?.iter().map(verdict).collect();
        let records_checked = verification.records_checked;
        let (findings, findings_total) = verification.findings.into_parts();
        Ok(VerifyReport {
            channels,
            findings,
            findings_total,
            records_checked,
        })
    }
}

fn verdict(row: &CursorRow) -> ChannelVerdict {
    let equality = match row.compared {
        None => Equality::NotComparedYet,
        Some(compared) if !compared.equal => Equality::Different,
        Some(compared) if compared.explained => Equality::Explained,
        Some(_) => Equality::Equal,
    };
    ChannelVerdict {
        channel: row.channel,
        peer: row.peer,
        direction: row.direction,
        we_receive: row.we_receive,
        equality,
        compared: row.compared,
        quarantined: row.quarantined,
        owner: row.owner,
    }
}
