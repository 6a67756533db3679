//! What closes a part: the channel's digest and what is proven of a copy, from the snapshot that the part was read in.

use std::collections::HashMap;

use supplysync_model::{Channel, Digest, Fault, SyncId, Timestamp};
use supplysync_sync_core::{Direction, OwnerProof, Part};

use crate::Queries;
use crate::cursor::direction_number;
use crate::digest::digest;
use crate::fault::database;
use crate::peer::ChannelTotal;
use crate::projection::raw::by_keys;
use crate::raw;

impl Queries {
    /// Stamps the parts that catch their receiver up.
    pub(super) async fn stamp(
        &self,
        parts: &mut [Part],
        totals: &HashMap<Channel, ChannelTotal>,
        direction: Direction,
    ) -> Result<(), Fault> {
        let number = |channel: Channel| totals.get(&channel).map(|total| total.number);
        let closing = parts.iter().filter(|part| part.caught_up);
        let numbers: Vec<_> = closing.filter_map(|part| number(part.channel)).collect();
        let digests = self.channel_digests(&numbers).await?;
        let proofs = match direction {
            Direction::Push => HashMap::new(),
            Direction::Pull => self.owner_proofs(parts).await?,
        };
        for part in parts.iter_mut().filter(|part| part.caught_up) {
            let total = number(part.channel).and_then(|number| digests.get(&number));
            part.digest = Some(total.copied().unwrap_or_default());
            part.owner_proof = proofs.get(&part.channel).copied();
        }
        Ok(())
    }

    /// The totals of channels, by number: their buckets folded. A channel without live records may be missing.
    pub(crate) async fn channel_digests(&self, numbers: &[i32]) -> Result<HashMap<i32, Digest>, Fault> {
        let head = "SELECT channel, count, sum FROM channel_digest WHERE channel IN ";
        let keys = numbers.iter().map(|number| (*number).into()).collect();
        let mut totals: HashMap<i32, Digest> = HashMap::new();
        for (sql, values) in by_keys(self.conn().backend(), head, keys) {
            for row in self.conn().rows(sql, values).await? {
                let count: i64 = row.try_get_by_index(1).map_err(database)?;
                let sum: Vec<u8> = row.try_get_by_index(2).map_err(database)?;
                let channel = row.try_get_by_index(0).map_err(database)?;
                totals.entry(channel).or_default().fold(digest(count, sum)?);
            }
        }
        Ok(totals)
    }

    /// For copies: the last proof that what is held here is what the owner has. It counts only while nothing came
    /// from the owner since, and the last comparison was equal: then it holds for this snapshot.
    async fn owner_proofs(&self, parts: &[Part]) -> Result<HashMap<Channel, OwnerProof>, Fault> {
        let closing = parts.iter().filter(|part| part.caught_up);
        let stores: Vec<_> = closing.filter_map(|part| part.channel.store()).collect();
        let owners: HashMap<_, _> = self
            .assignments(&stores)
            .await?
            .into_iter()
            .filter(|assignment| !assignment.retired && assignment.value.site != self.sync_id())
            .map(|assignment| (assignment.value.store, assignment.value.site))
            .collect();
        let copies = parts
            .iter()
            .filter_map(|part| Some((part.channel, *owners.get(&part.channel.store()?)?)));
        let copies: HashMap<String, (Channel, SyncId)> = copies
            .map(|(channel, owner)| (channel.to_string(), (channel, owner)))
            .collect();
        let head = format!(
            "SELECT c.name, u.peer, u.proven_seq, u.proven_at FROM cursor u JOIN channel c ON c.number = u.channel \
             WHERE u.direction = {} AND u.state = 1 AND u.seq = u.proven_seq AND u.equal AND NOT u.explained AND c.name IN ",
            direction_number(Direction::Push)
        );
        let mut proofs = HashMap::new();
        let names = copies.keys().map(|name| name.as_str().into()).collect();
        for (sql, values) in by_keys(self.conn().backend(), &head, names) {
            for row in self.conn().rows(sql, values).await? {
                let name: String = row.try_get_by_index(0).map_err(database)?;
                let peer = raw::site(row.try_get_by_index(1).map_err(database)?)?;
                let seq: i64 = row.try_get_by_index(2).map_err(database)?;
                let at = Timestamp(row.try_get_by_index(3).map_err(database)?);
                if let Some((channel, owner)) = copies.get(&name)
                    && *owner == peer
                {
                    proofs.insert(*channel, OwnerProof { seq: seq as u64, at });
                }
            }
        }
        Ok(proofs)
    }
}
