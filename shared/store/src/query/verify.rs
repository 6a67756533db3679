//! Verification: what this site holds against its own books, and the last comparison with each peer.

use supplysync_model::{Channel, Digest, Fault, RecordHash, SyncId};
use supplysync_sync_core::{BUCKETS, Direction, OwnerProof, bucket_of};

use super::channels::ChannelInfo;
use super::column;
use super::cursors::{Compared, CursorRow};
use super::deep::{Finding, Findings};
use crate::Queries;
use crate::digest::buckets;
use crate::fault::damaged;
use crate::held::record_id;

/// Records hashed at a time.
const PAGE: usize = 5_000;

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

impl Queries {
    /// Adds each channel's digest up again from its records and compares it with the one kept. `deep` also hashes and
    /// decodes every body, compares it with its row in the typed tables, and adds stock movements up. Memory does not
    /// grow with the data.
    pub async fn verify(&self, deep: bool) -> Result<VerifyReport, Fault> {
        let cursors = self.cursors().await?;
        let mut findings = Findings::default();
        let mut records_checked = 0;
        for info in self.list_channels().await? {
            records_checked += self.check_digest(&info, &mut findings).await?;
        }
        if deep {
            self.check_records(&mut findings).await?;
            self.check_strays(&mut findings).await?;
            self.check_stock(&cursors, &mut findings).await?;
        }
        let channels = cursors.iter().map(verdict).collect();
        let (findings, findings_total) = findings.into_parts();
        Ok(VerifyReport {
            channels,
            findings,
            findings_total,
            records_checked,
        })
    }

    /// The channel's buckets from its records against those kept; returns how many live records there are.
    async fn check_digest(&self, info: &ChannelInfo, findings: &mut Findings) -> Result<u64, Fault> {
        let mut counted = vec![Digest::default(); usize::from(BUCKETS)];
        let mut live = 0;
        let mut after = 0i64;
        loop {
            let sql = format!(
                "SELECT seq, id, hash, deleted FROM record WHERE channel = $1 AND seq > $2 ORDER BY seq LIMIT {PAGE}"
            );
            let rows = self
                .conn()
                .rows(sql, vec![info.number.into(), after.into()])
                .await?;
            for row in &rows {
                after = column(row, 0)?;
                if column::<bool>(row, 3)? {
                    continue;
                }
                let hash: Vec<u8> = column(row, 2)?;
                let hash = hash
                    .try_into()
                    .map(RecordHash)
                    .map_err(|_| damaged("a hash that is not 16 bytes long"))?;
                counted[usize::from(bucket_of(record_id(column(row, 1)?)?))].add(hash);
                live += 1;
            }
            if rows.len() < PAGE {
                break;
            }
        }
        let kept = buckets(self.conn(), info.number).await?;
        let wrong = (0i32..)
            .zip(&counted)
            .filter(|(bucket, counted)| kept.get(bucket).copied().unwrap_or_default() != **counted);
        let wrong = wrong.count();
        if wrong > 0 {
            let words =
                format!("the digest kept is not that of the records, in {wrong} of {BUCKETS} buckets");
            findings.add(Some(info.channel), None, words);
        }
        Ok(live)
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
