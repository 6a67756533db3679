//! What a receiver acknowledges: how far it is, what it holds, and whether it is equal to us.

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use supplysync_model::{Checkpoint, Digest, Fault, Seq, SyncId};
use supplysync_sync_core::{Ack, ChannelAck, Comparison, Cursor, Direction};

use crate::cursor::{self, Progress};
use crate::fault::database;
use crate::projection::raw::by_keys;
use crate::{Queries, RecoveryStep, Store, WriteTx, raw};

/// What a channel of ours is compared by.
#[derive(Debug, Clone, Copy, Default)]
struct Ours {
    last_seq: Seq,
    digest: Digest,
}

impl Store {
    /// Stores a receiver's acknowledgement: its cursors, digests and counts, and its feed's head. Writes nothing when
    /// all of it is known. On the primary under the session's lease, `SESSION_FENCED` without: an ack that was on its
    /// way when a newer session took over may be of another past.
    pub async fn record_ack(&self, peer: SyncId, lease: Option<u64>, ack: &Ack) -> Result<(), Fault> {
        let ack = Arc::new(ack.clone());
        let heard = ack.clone();
        let known = self.read("look at ack", move |tx| {
            async move { tx.knows(peer, &heard).await }.boxed()
        });
        if known.await? {
            return Ok(());
        }
        self.write("record ack", move |tx| {
            let ack = ack.clone();
            async move { tx.record_ack(peer, lease, &ack).await }.boxed()
        })
        .await
    }
}

impl Queries {
    /// Which way what we send to others goes.
    fn sending(&self) -> Direction {
        if self.sync_id().is_primary() {
            Direction::Pull
        } else {
            Direction::Push
        }
    }

    /// Whether an acknowledgement brings nothing new.
    async fn knows(&self, peer: SyncId, ack: &Ack) -> Result<bool, Fault> {
        let known = self.peer(peer).await?.checkpoint;
        let heard_of =
            |known: Checkpoint| known.incarnation == ack.head.incarnation && known.seq >= ack.head.seq;
        if ack.head.seq > 0 && !known.is_some_and(heard_of) {
            return Ok(false);
        }
        let recovery = self.recovery().await?;
        if recovery.is_some_and(|recovery| recovery.step == RecoveryStep::Adopted) {
            return Ok(false);
        }
        let rows = self.cursors_with(peer, self.sending()).await?;
        let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.channel, row)).collect();
        Ok(ack.channels.iter().all(|acked| {
            rows.get(&acked.channel).is_some_and(|row| {
                let heard = match (acked.digest, acked.cursor) {
                    (Some(theirs), Cursor::Following { seq }) => {
                        let compared = row
                            .compared
                            .is_some_and(|held| held.seq == seq && held.theirs == theirs);
                        compared && row.caught_up_at.is_some()
                    }
                    _ => row.caught_up_at.is_none(),
                };
                heard
                    && (row.cursor, row.held, row.quarantined)
                        == (acked.cursor, acked.held, acked.quarantined)
            })
        }))
    }

    /// Our side of a comparison with each of these channels as they are now.
    async fn ours(&self, numbers: &[i32]) -> Result<HashMap<i32, Ours>, Fault> {
        let head = "SELECT c.number, COALESCE((SELECT MAX(r.seq) FROM record r WHERE r.channel = c.number), 0) \
                    FROM channel c WHERE c.number IN ";
        let digests = self.channel_digests(numbers).await?;
        let mut ours = HashMap::with_capacity(numbers.len());
        let keys = numbers.iter().map(|number| (*number).into()).collect();
        for (sql, values) in by_keys(self.conn().backend(), head, keys) {
            for row in self.conn().rows(sql, values).await? {
                let number = row.try_get_by_index(0).map_err(database)?;
                let last_seq = row.try_get_by_index::<i64>(1).map_err(database)? as Seq;
                let digest = digests.get(&number).copied().unwrap_or_default();
                ours.insert(number, Ours { last_seq, digest });
            }
        }
        Ok(ours)
    }
}

impl WriteTx {
    async fn record_ack(&mut self, peer: SyncId, lease: Option<u64>, ack: &Ack) -> Result<(), Fault> {
        self.check_lease(peer, lease).await?;
        let channels = match self.sending() {
            Direction::Push => {
                self.note_refused(ack).await?;
                self.life_is_known().await?;
                self.note_given(ack).await?
            }
            Direction::Pull => ack.channels.iter().collect(),
        };
        let mut numbers = Vec::with_capacity(channels.len());
        for acked in &channels {
            numbers.push(self.number_channel(acked.channel).await?);
        }
        let closing = channels
            .iter()
            .zip(&numbers)
            .filter(|(acked, _)| acked.digest.is_some());
        let closing: Vec<_> = closing.map(|(_, number)| *number).collect();
        let ours = self.ours(&closing).await?;
        let progress: Vec<_> = channels
            .iter()
            .zip(numbers)
            .map(|(acked, number)| Progress {
                number,
                cursor: acked.cursor,
                held: acked.held,
                quarantined: acked.quarantined,
                caught_up: acked.digest.is_some(),
                compared: ours.get(&number).and_then(|ours| compare(acked, *ours)),
                owner: None,
            })
            .collect();
        cursor::store(self.conn(), peer, self.sending(), self.now(), &progress).await?;
        match self.sending() {
            Direction::Push => {
                let same = progress.iter().filter(|row| {
                    row.compared
                        .is_some_and(|compared| compared.equal && !compared.explained)
                });
                self.all_is_taken(same.map(|row| row.number).collect()).await?;
                self.settle_losses().await?;
            }
            Direction::Pull => self.advance_moves_to(peer).await?,
        }
        // A later word of the same database may have come before this one.
        match self.peer(peer).await?.checkpoint {
            Some(known) if known.incarnation == ack.head.incarnation && known.seq >= ack.head.seq => Ok(()),
            _ => raw::store_checkpoint(self.conn(), peer, ack.head, self.now()).await,
        }
    }
}

/// The receiver's total against ours: they say something of each other only while nothing here is beyond it. What the
/// receiver refused it lists itself; here only the counts can tell whether that explains a difference.
fn compare(acked: &ChannelAck, ours: Ours) -> Option<Comparison> {
    let Cursor::Following { seq } = acked.cursor else {
        return None;
    };
    let theirs = acked.digest.filter(|_| ours.last_seq <= seq)?;
    let explained = theirs != ours.digest
        && acked.quarantined > 0
        && ours.digest.count == acked.held.saturating_add(acked.quarantined);
    Some(Comparison {
        channel: acked.channel,
        theirs,
        ours: ours.digest,
        seq,
        equal: theirs == ours.digest || explained,
        explained,
    })
}
