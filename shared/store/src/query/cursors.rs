//! The rows of `cursor` with their channels, read once for the reports that need them. Bounded by channels and sites.

use std::collections::HashMap;

use sea_orm::QueryResult;
use supplysync_model::{Channel, Digest, Fault, Seq, StoreId, SyncId, Timestamp};
use supplysync_sync_core::{Cursor, Direction, OwnerProof};

use super::column;
use crate::cursor::{cursor, direction_number};
use crate::digest::digest;
use crate::fault::damaged;
use crate::{Queries, TxConn, raw};

const CURSORS: &str = "SELECT u.peer, u.channel, c.name, u.direction, u.state, u.seq, u.last_kind, u.last_id, \
    u.moved_at, u.held, u.quarantined, u.caught_up_at, u.compared_seq, u.compared_at, u.equal, u.explained, \
    u.their_count, u.their_sum, u.our_count, u.our_sum, u.proven_seq, u.proven_at, u.owner_seq, u.owner_at \
    FROM cursor u JOIN channel c ON c.number = u.channel";

/// The last comparison of two digests of one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// The sender's head in that snapshot.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Equal, once what is quarantined is accounted for.
    pub equal: bool,
    /// Whether quarantined records were needed to explain a difference.
    pub explained: bool,
    /// The peer's total.
    pub theirs: Digest,
    /// Ours.
    pub ours: Digest,
}

/// How far one receiver is in one channel; the receiver is this site or the peer.
#[derive(Debug, Clone)]
pub(crate) struct CursorRow {
    pub peer: SyncId,
    pub channel: Channel,
    pub number: i32,
    pub direction: Direction,
    /// Whether this site is the receiver: then the row is the truth, else it is what the peer acknowledged.
    pub we_receive: bool,
    pub cursor: Cursor,
    /// When it came there.
    pub moved_at: Timestamp,
    pub held: u64,
    pub quarantined: u64,
    /// When the receiver was last caught up; `None` while it is known not to be.
    pub caught_up_at: Option<Timestamp>,
    pub compared: Option<Compared>,
    /// Equality with the sender, as proven here.
    pub proven: Option<OwnerProof>,
    /// Equality of the sender with the owner, as passed on.
    pub owner: Option<OwnerProof>,
}

impl CursorRow {
    fn counts(&self, here: SyncId, owners: &HashMap<StoreId, SyncId>) -> bool {
        let Some(owner) = self.channel.store().and_then(|store| owners.get(&store)) else {
            // Master data goes up only where a primary that was put back is given it back.
            return self.direction == Direction::Pull || self.channel.store().is_some();
        };
        let (sender, receiver) = if self.we_receive {
            (self.peer, here)
        } else {
            (here, self.peer)
        };
        match self.direction {
            Direction::Push => *owner == sender,
            Direction::Pull => *owner != receiver,
        }
    }

    /// What is proven of equality with the store's owner: directly when the sender is the owner.
    pub(super) fn owner_proof(&self, owner: Option<SyncId>) -> Option<OwnerProof> {
        if owner.is_none() || owner == Some(self.peer) {
            self.proven
        } else {
            self.owner
        }
    }
}

impl Queries {
    /// All that say something of who has a store now: a site that had it pushed it once, and one that has it received
    /// it once.
    pub(crate) async fn cursors(&self) -> Result<Vec<CursorRow>, Fault> {
        let here = self.sync_id();
        let sql = format!("{CURSORS} ORDER BY u.peer, u.direction, u.channel");
        let rows = self.conn().rows(sql, vec![]).await?;
        let rows: Result<Vec<_>, _> = rows.iter().map(|row| cursor_row(row, here)).collect();
        let owners = self.owners().await?;
        Ok(rows?
            .into_iter()
            .filter(|row| row.counts(here, &owners))
            .collect())
    }

    /// Those of one peer and direction.
    pub(crate) async fn cursors_with(
        &self,
        peer: SyncId,
        direction: Direction,
    ) -> Result<Vec<CursorRow>, Fault> {
        let here = self.sync_id();
        let sql = format!("{CURSORS} WHERE u.peer = $1 AND u.direction = $2 ORDER BY u.channel");
        let values = vec![i32::from(peer.get()).into(), direction_number(direction).into()];
        let rows = self.conn().rows(sql, values).await?;
        rows.iter().map(|row| cursor_row(row, here)).collect()
    }

    /// Where each store is active.
    pub(crate) async fn owners(&self) -> Result<HashMap<StoreId, SyncId>, Fault> {
        let all = self.all_assignments().await?;
        Ok(all
            .into_iter()
            .filter(|a| !a.retired)
            .map(|a| (a.value.store, a.value.site))
            .collect())
    }
}

/// The owner of a channel: the primary, but for store data.
pub(super) fn owner_of(channel: Channel, owners: &HashMap<StoreId, SyncId>) -> Option<SyncId> {
    match channel.store() {
        Some(store) => owners.get(&store).copied(),
        None => Some(SyncId::PRIMARY),
    }
}

/// Records of a channel that a receiver does not have in their latest version.
pub(super) struct Beyond {
    /// All of them: as long as a tombstone is on its way, the receiver holds more than there is.
    pub all: u64,
    /// Those that are not deleted.
    pub live: u64,
}

/// What is beyond a receiver's cursor; everything if it has none.
pub(super) async fn beyond(conn: &TxConn, number: i32, cursor: Option<Cursor>) -> Result<Beyond, Fault> {
    let count = "SELECT COUNT(*), COUNT(CASE WHEN NOT deleted THEN 1 END) FROM record WHERE channel = $1";
    let (sql, values) = match cursor {
        None | Some(Cursor::Loading { last: None, .. }) => (count.to_owned(), vec![number.into()]),
        Some(Cursor::Following { seq }) => (
            format!("{count} AND seq > $2"),
            vec![number.into(), (seq as i64).into()],
        ),
        Some(Cursor::Loading {
            head,
            last: Some(last),
        }) => (
            format!("{count} AND ((kind, id) > ($2, $3) OR seq > $4)"),
            vec![
                number.into(),
                i64::from(last.kind.0).into(),
                last.id.to_bytes().to_vec().into(),
                (head as i64).into(),
            ],
        ),
    };
    let row = conn
        .row(sql, values)
        .await?
        .ok_or_else(|| damaged("a count without a row"))?;
    Ok(Beyond {
        all: column::<i64>(&row, 0)? as u64,
        live: column::<i64>(&row, 1)? as u64,
    })
}

fn cursor_row(row: &QueryResult, here: SyncId) -> Result<CursorRow, Fault> {
    let name: String = column(row, 2)?;
    let direction = match column::<i32>(row, 3)? {
        0 => Direction::Push,
        _ => Direction::Pull,
    };
    let stamp = |index| Ok::<_, Fault>(column::<Option<i64>>(row, index)?.map(Timestamp));
    let seq = |index| Ok::<_, Fault>(column::<Option<i64>>(row, index)?.map(|seq| seq as Seq));
    let proof = |seq: Option<Seq>, at: Option<Timestamp>| seq.zip(at).map(|(seq, at)| OwnerProof { seq, at });
    let digest = |at: usize| {
        let count = column::<Option<i64>>(row, at)?;
        let sum = column::<Option<Vec<u8>>>(row, at + 1)?;
        digest(count.unwrap_or(0), sum.unwrap_or_else(|| vec![0; 16]))
    };
    let compared = match (seq(12)?, stamp(13)?) {
        (Some(seq), Some(at)) => Some(Compared {
            seq,
            at,
            equal: column::<Option<bool>>(row, 14)?.unwrap_or(false),
            explained: column::<Option<bool>>(row, 15)?.unwrap_or(false),
            theirs: digest(16)?,
            ours: digest(18)?,
        }),
        _ => None,
    };
    let moved_at = Timestamp(column(row, 8)?);
    Ok(CursorRow {
        peer: raw::site(column(row, 0)?)?,
        channel: name
            .parse()
            .map_err(|_| damaged(format!("the channel {name:?}")))?,
        number: column(row, 1)?,
        direction,
        we_receive: (direction == Direction::Push) == here.is_primary(),
        cursor: cursor(row, 4)?,
        moved_at,
        held: column::<i64>(row, 9)? as u64,
        quarantined: column::<i64>(row, 10)? as u64,
        caught_up_at: stamp(11)?.filter(|at| *at >= moved_at),
        compared,
        proven: proof(seq(20)?, stamp(21)?),
        owner: proof(seq(22)?, stamp(23)?),
    })
}
