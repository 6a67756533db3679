//! Rows of `cursor`: how far a receiver is, what was compared, what is proven. Read for reports in `query::cursors`.

use std::collections::BTreeMap;

use sea_orm::{QueryResult, Value};
use supplysync_model::{Digest, Fault, Kind, RecordKey, SyncId, Timestamp};
use supplysync_sync_core::{Comparison, Cursor, Direction, OwnerProof};

use crate::TxConn;
use crate::fault::database;
use crate::held::record_id;
use crate::projection::raw::{Rows, Table, by_keys};

const CURSOR: Table = Table {
    name: "cursor",
    columns: &[
        "peer",
        "channel",
        "direction",
        "state",
        "seq",
        "last_kind",
        "last_id",
        "moved_at",
        "held",
        "quarantined",
        "caught_up_at",
        "compared_seq",
        "compared_at",
        "equal",
        "explained",
        "their_count",
        "their_sum",
        "our_count",
        "our_sum",
        "proven_seq",
        "proven_at",
        "owner_seq",
        "owner_at",
    ],
    key: 3,
    lasting: &[],
    keep: 12,
};

/// How the direction of a batch is stored.
pub(crate) fn direction_number(direction: Direction) -> i32 {
    match direction {
        Direction::Push => 0,
        Direction::Pull => 1,
    }
}

/// How far a receiver is in one channel now. What was last compared and proven stays unless there is news of it.
pub(crate) struct Progress {
    /// The channel's number.
    pub number: i32,
    pub cursor: Cursor,
    pub held: u64,
    pub quarantined: u64,
    pub caught_up: bool,
    pub compared: Option<Comparison>,
    /// What the sender says of its own equality with the owner.
    pub owner: Option<OwnerProof>,
}

/// Writes them.
pub(crate) async fn store(
    conn: &TxConn,
    peer: SyncId,
    direction: Direction,
    now: Timestamp,
    progress: &[Progress],
) -> Result<(), Fault> {
    let mut rows = Rows::new(&CURSOR);
    for progress in progress {
        let (state, seq, last) = match progress.cursor {
            Cursor::Loading { head, last } => (0, head, last),
            Cursor::Following { seq } => (1, seq, None),
        };
        let compared = progress.compared.as_ref();
        // What only quarantine explains is accounted for, and no proof of being equal.
        let proven = compared.filter(|compared| compared.equal && !compared.explained);
        // What the sender proved of its copy holds for ours as far as ours is equal to the sender's.
        let owner = progress.owner.filter(|_| proven.is_some());
        let at = |there: bool| Value::from(there.then_some(now.0));
        let count = |digest: Option<Digest>| Value::from(digest.map(|digest| digest.count as i64));
        let sum =
            |digest: Option<Digest>| Value::from(digest.map(|digest| digest.sum.to_be_bytes().to_vec()));
        let theirs = compared.map(|compared| compared.theirs);
        let ours = compared.map(|compared| compared.ours);
        rows.push([
            i32::from(peer.get()).into(),
            progress.number.into(),
            direction_number(direction).into(),
            Value::from(state),
            (seq as i64).into(),
            last.map(|key| i32::from(key.kind.0)).into(),
            last.map(|key| key.id.to_bytes().to_vec()).into(),
            now.0.into(),
            (progress.held as i64).into(),
            (progress.quarantined as i64).into(),
            at(progress.caught_up),
            compared.map(|compared| compared.seq as i64).into(),
            at(compared.is_some()),
            compared.map(|compared| compared.equal).into(),
            compared.map(|compared| compared.explained).into(),
            count(theirs),
            sum(theirs),
            count(ours),
            sum(ours),
            proven.map(|proven| proven.seq as i64).into(),
            at(proven.is_some()),
            owner.map(|owner| owner.seq as i64).into(),
            owner.map(|owner| owner.at.0).into(),
        ]);
    }
    rows.upsert(conn).await
}

/// The cursors of one peer and direction in these channels, by channel number.
pub(crate) async fn of_channels(
    conn: &TxConn,
    peer: SyncId,
    direction: Direction,
    numbers: Vec<i32>,
) -> Result<BTreeMap<i32, Cursor>, Fault> {
    let head = format!(
        "SELECT channel, state, seq, last_kind, last_id FROM cursor WHERE peer = {peer} AND direction = {} \
         AND channel IN ",
        direction_number(direction)
    );
    let mut found = BTreeMap::new();
    for (sql, values) in by_keys(
        conn.backend(),
        &head,
        numbers.into_iter().map(Value::from).collect(),
    ) {
        for row in conn.rows(sql, values).await? {
            found.insert(row.try_get_by_index(0).map_err(database)?, cursor(&row, 1)?);
        }
    }
    Ok(found)
}

/// The position in the columns `state, seq, last_kind, last_id`, of which the first is at `at`.
pub(crate) fn cursor(row: &QueryResult, at: usize) -> Result<Cursor, Fault> {
    let seq = row.try_get_by_index::<i64>(at + 1).map_err(database)? as u64;
    if row.try_get_by_index::<i32>(at).map_err(database)? != 0 {
        return Ok(Cursor::Following { seq });
    }
    let kind: Option<i32> = row.try_get_by_index(at + 2).map_err(database)?;
    let id: Option<Vec<u8>> = row.try_get_by_index(at + 3).map_err(database)?;
    let last = kind.zip(id).map(|(kind, id)| {
        Ok(RecordKey {
            kind: Kind(kind as u16),
            id: record_id(id)?,
        })
    });
    Ok(Cursor::Loading {
        head: seq,
        last: last.transpose()?,
    })
}
