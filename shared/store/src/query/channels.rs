//! What is in each channel: counts, digest and last seq.

use std::collections::HashMap;

use supplysync_model::{Channel, Digest, Fault, Seq, SyncId};

use super::column;
use super::cursors::owner_of;
use crate::Queries;
use crate::digest::digest;
use crate::fault::damaged;

/// One channel as this site holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The channel.
    pub channel: Channel,
    /// The site that owns what is in it; `None` for a store that is assigned nowhere.
    pub owner: Option<SyncId>,
    /// Live records and the sum of their hashes.
    pub digest: Digest,
    /// Deleted and retired ones.
    pub tombstones: u64,
    /// Bytes of all bodies.
    pub bytes: u64,
    /// The last change, in this site's feed; 0 when there is none.
    pub last_seq: Seq,
    pub(crate) number: i32,
}

impl Queries {
    /// Every channel that this site holds records of, in rank order.
    pub async fn list_channels(&self) -> Result<Vec<ChannelInfo>, Fault> {
        let owners = self.owners().await?;
        let mut digests = self.stored_digests().await?;
        let sql = "SELECT c.number, c.name, c.records, c.bytes, \
                   COALESCE((SELECT MAX(r.seq) FROM record r WHERE r.channel = c.number), 0) FROM channel c";
        let mut channels = Vec::new();
        for row in self.conn().rows(sql, vec![]).await? {
            let number = column(&row, 0)?;
            let name: String = column(&row, 1)?;
            let channel = name
                .parse()
                .map_err(|_| damaged(format!("the channel {name:?}")))?;
            let digest: Digest = digests.remove(&number).unwrap_or_default();
            channels.push(ChannelInfo {
                channel,
                owner: owner_of(channel, &owners),
                digest,
                tombstones: (column::<i64>(&row, 2)? as u64).saturating_sub(digest.count),
                bytes: column::<i64>(&row, 3)? as u64,
                last_seq: column::<i64>(&row, 4)? as Seq,
                number,
            });
        }
        channels.sort_by_key(|info| info.channel);
        Ok(channels)
    }

    /// The digest of each channel as it is kept: its buckets folded.
    pub(super) async fn stored_digests(&self) -> Result<HashMap<i32, Digest>, Fault> {
        let mut digests: HashMap<i32, Digest> = HashMap::new();
        for row in self
            .conn()
            .rows("SELECT channel, count, sum FROM channel_digest", vec![])
            .await?
        {
            let bucket = digest(column(&row, 1)?, column(&row, 2)?)?;
            digests.entry(column(&row, 0)?).or_default().fold(bucket);
        }
        Ok(digests)
    }
}
