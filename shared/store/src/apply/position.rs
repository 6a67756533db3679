//! Where the receiver stands in each channel of a batch: checked before, moved after, with digests compared (P11).

use std::collections::BTreeMap;

use supplysync_model::{Assignment, Channel, Digest, Fault, RecordHash, StoreId};
use supplysync_sync_core::{ApplyRequest, ChannelAck, Comparison, Cursor, Direction};

use super::judge::is_comparable;
use super::violation;
use crate::cursor::{self, Progress};
use crate::fault::{damaged, database};
use crate::query::Aside;
use crate::{WriteTx, raw};

/// Entries of quarantine accounted for at a time.
const PAGE: i64 = 1_000;

impl WriteTx {
    /// The number of each part's channel, once every part begins where this site stands.
    pub(super) async fn positions(
        &mut self,
        request: &ApplyRequest,
        assignments: &BTreeMap<StoreId, Assignment>,
    ) -> Result<Vec<i32>, Fault> {
        let mut numbers = Vec::with_capacity(request.parts.len());
        for part in &request.parts {
            numbers.push(self.number_channel(part.channel).await?);
        }
        let known =
            cursor::of_channels(self.conn(), request.peer, request.direction, numbers.clone()).await?;
        for (part, number) in request.parts.iter().zip(&numbers) {
            let here = match (known.get(number), request.direction) {
                (Some(cursor), _) => Some(*cursor),
                // A push follows from the very beginning.
                (None, Direction::Push) => Some(Cursor::START),
                (None, Direction::Pull) => self.begins_at_hand_over(part, assignments).await?,
            };
            let assignment = part.channel.store().and_then(|store| assignments.get(&store));
            let stray = request.direction == Direction::Push
                && matches!(here, Some(Cursor::Loading { .. }))
                && !is_comparable(request, self.sync_id(), assignment);
            if stray {
                return Err(violation(format!(
                    "{} is not active on site {} any more: what it was asked for is called off, and the session \
                     begins again by itself",
                    part.channel, request.peer
                )));
            }
            if part.from != here {
                return Err(violation(format!(
                    "a batch does not begin where {} stands; the session begins again by itself",
                    part.channel
                )));
            }
        }
        Ok(numbers)
    }

    /// Moves the cursors, and compares digests where the sender stamped one.
    pub(super) async fn advance(
        &mut self,
        request: &ApplyRequest,
        numbers: Vec<i32>,
        assignments: &BTreeMap<StoreId, Assignment>,
    ) -> Result<(Vec<ChannelAck>, Vec<Comparison>), Fault> {
        let asides = match self.any_quarantined().await? {
            true => self.quarantined_by_channel(Some(&numbers)).await?,
            false => Default::default(),
        };
        let mut progress = Vec::with_capacity(request.parts.len());
        let mut acks = Vec::with_capacity(request.parts.len());
        for (part, number) in request.parts.iter().zip(numbers) {
            let ours = self.channel_digest(number).await?;
            let aside: Aside = asides.get(&(number, request.peer)).copied().unwrap_or_default();
            let assignment = part.channel.store().and_then(|store| assignments.get(&store));
            let comparable = is_comparable(request, self.sync_id(), assignment);
            let compared = match part.digest.filter(|_| comparable) {
                Some(theirs) => Some(self.compare(request, part.channel, number, theirs, ours).await?),
                None => None,
            };
            let held = ours.count.saturating_sub(aside.also_held);
            progress.push(Progress {
                number,
                cursor: part.through,
                held,
                quarantined: aside.live,
                caught_up: part.caught_up,
                compared,
                owner: part.owner_proof,
            });
            acks.push(ChannelAck {
                channel: part.channel,
                cursor: part.through,
                digest: (part.caught_up && comparable).then_some(ours),
                quarantined: aside.live,
                held,
            });
        }
        cursor::store(
            self.conn(),
            request.peer,
            request.direction,
            self.now(),
            &progress,
        )
        .await?;
        raw::store_checkpoint(self.conn(), request.peer, request.checkpoint, self.now()).await?;
        Ok((
            acks,
            progress
                .into_iter()
                .filter_map(|progress| progress.compared)
                .collect(),
        ))
    }

    async fn compare(
        &self,
        request: &ApplyRequest,
        channel: Channel,
        number: i32,
        theirs: Digest,
        ours: Digest,
    ) -> Result<Comparison, Fault> {
        let equal = theirs == ours;
        let explained = !equal && self.with_quarantined(request, number, ours).await? == theirs;
        Ok(Comparison {
            channel,
            theirs,
            ours,
            seq: request.checkpoint.seq,
            equal: equal || explained,
            explained,
        })
    }

    /// Our total as it would be had nothing of this sender been refused: its latest refused version of each record
    /// in place of what is held.
    async fn with_quarantined(
        &self,
        request: &ApplyRequest,
        number: i32,
        ours: Digest,
    ) -> Result<Digest, Fault> {
        let sql = "SELECT q.kind, q.record_id, q.hash, q.deleted, r.hash, r.deleted FROM quarantine q \
                   LEFT JOIN record r ON r.kind = q.kind AND r.id = q.record_id AND r.channel = q.channel \
                   WHERE q.resolved_at IS NULL AND NOT q.former AND q.channel = $1 AND q.from_site = $2 \
                   AND (q.kind, q.record_id) > ($3, $4) AND NOT EXISTS (SELECT 1 FROM quarantine n \
                   WHERE n.resolved_at IS NULL AND NOT n.former AND n.channel = q.channel AND n.kind = q.kind \
                   AND n.record_id = q.record_id AND n.from_site = q.from_site \
                   AND (n.epoch, n.revision, n.id) > (q.epoch, q.revision, q.id)) \
                   ORDER BY q.kind, q.record_id LIMIT $5";
        let mut total = ours;
        let mut after = (0i32, Vec::<u8>::new());
        loop {
            let peer = i32::from(request.peer.get());
            let values = vec![
                number.into(),
                peer.into(),
                after.0.into(),
                after.1.clone().into(),
                PAGE.into(),
            ];
            let rows = self.conn().rows(sql, values).await?;
            for row in &rows {
                after = (
                    row.try_get_by_index(0).map_err(database)?,
                    row.try_get_by_index(1).map_err(database)?,
                );
                let version = |at: usize| {
                    let hash: Option<Vec<u8>> = row.try_get_by_index(at).map_err(database)?;
                    let deleted: Option<bool> = row.try_get_by_index(at + 1).map_err(database)?;
                    let live = hash.filter(|_| deleted == Some(false));
                    let hash = live.map(|hash| hash.try_into().map(RecordHash));
                    hash.transpose()
                        .map_err(|_| damaged("a hash that is not 16 bytes long"))
                };
                if let Some(held) = version(4)? {
                    total.remove(held);
                }
                if let Some(refused) = version(2)? {
                    total.add(refused);
                }
            }
            if (rows.len() as i64) < PAGE {
                return Ok(total);
            }
        }
    }
}
