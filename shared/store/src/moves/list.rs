//! Moves as they are shown: those under way with what each waits for, and those that have ended.

use sea_orm::{QueryResult, Value};
use supplysync_model::{AssignmentState, Fault, StoreId, SyncId, Timestamp};
use supplysync_sync_core::MoveWait;

use super::advance::OpenMove;
use crate::fault::damaged;
use crate::projection::code;
use crate::query::column;
use crate::query::page::{PageOf, PageQuery, cut, place, wrong_token};
use crate::{Queries, raw};

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveState {
    /// Under way.
    UnderWay,
    /// The store was handed over.
    Moved,
    /// An administrator called it off.
    Cancelled,
    /// The old site went on by itself.
    Aborted,
}

impl MoveState {
    /// As `store_move.outcome` has it.
    pub(crate) fn number(self) -> Option<i32> {
        match self {
            MoveState::UnderWay => None,
            MoveState::Moved => Some(0),
            MoveState::Cancelled => Some(1),
            MoveState::Aborted => Some(2),
        }
    }

    fn from_number(number: Option<i32>) -> Result<MoveState, Fault> {
        match number {
            None => Ok(MoveState::UnderWay),
            Some(0) => Ok(MoveState::Moved),
            Some(1) => Ok(MoveState::Cancelled),
            Some(2) => Ok(MoveState::Aborted),
            Some(number) => Err(damaged(format!("the outcome {number} of a move"))),
        }
    }
}

/// A move, as the primary keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveRecord {
    /// The store.
    pub store: StoreId,
    /// The version of the assignment that asked for it.
    pub version: u64,
    /// From where.
    pub from: SyncId,
    /// Where to.
    pub to: SyncId,
    /// Whether the old site is skipped.
    pub forced: bool,
    /// What is known to be left behind by that, in words.
    pub missing: String,
    /// When it was asked for.
    pub begun_at: Timestamp,
    /// When the old site reported that it has stopped.
    pub released_at: Option<Timestamp>,
    /// When the new site last reported what it holds.
    pub held_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How far it is.
    pub state: MoveState,
    /// What it waits for; `None` once it has ended.
    pub waits_for: Option<MoveWait>,
}

impl Queries {
    /// A page of moves, the latest first; only those under way if asked (primary).
    pub async fn list_moves(&self, only_open: bool, page: &PageQuery) -> Result<PageOf<MoveRecord>, Fault> {
        let condition = if only_open { "ended_at IS NULL" } else { "TRUE" };
        self.moves_where(condition.to_owned(), Vec::new(), page).await
    }

    /// A page of the moves of one store, the latest first (primary).
    pub async fn moves_of(&self, store: StoreId, page: &PageQuery) -> Result<PageOf<MoveRecord>, Fault> {
        let of_store = vec![code::bytes(store.to_bytes())];
        self.moves_where("store_id = $1".to_owned(), of_store, page).await
    }

    async fn moves_where(
        &self,
        mut condition: String,
        mut values: Vec<Value>,
        page: &PageQuery,
    ) -> Result<PageOf<MoveRecord>, Fault> {
        let limit = page.limit();
        if let Some((key, ids)) = page.place(1)? {
            let (at, version) = split(&key)?;
            let first = values.len() + 1;
            values.push(at.into());
            values.extend(ids.into_iter().map(Value::from));
            values.push(version.into());
            condition.push_str(&format!(
                " AND (begun_at, store_id, version) < (${first}, ${}, ${})",
                first + 1,
                first + 2
            ));
        }
        let sql = format!(
            "SELECT store_id, version, from_site, to_site, forced, missing, begun_at, released_at, held_at, \
             ended_at, outcome FROM store_move WHERE {condition} \
             ORDER BY begun_at DESC, store_id DESC, version DESC LIMIT {}",
            limit + 1
        );
        let rows = self.conn().rows(sql, values).await?;
        let rows = rows.iter().map(kept).collect::<Result<Vec<_>, _>>()?;
        let (mut rows, next) = cut(rows, limit, |row| {
            let key = [row.begun_at.0.to_be_bytes(), row.version.to_be_bytes()];
            place(&key.concat(), &[&row.store.to_bytes()])
        });
        if rows.iter().any(|row| row.state == MoveState::UnderWay) {
            self.say_what_they_wait_for(&mut rows).await?;
        }
        Ok(PageOf { rows, next })
    }

    async fn say_what_they_wait_for(&self, rows: &mut [MoveRecord]) -> Result<(), Fault> {
        let open = self.open_moves().await?;
        let waits =
            |row: &MoveRecord, open: &OpenMove| open.store == row.store && open.version == row.version;
        for row in rows.iter_mut().filter(|row| row.state == MoveState::UnderWay) {
            let Some(open) = open.iter().find(|open| waits(row, open)) else {
                continue;
            };
            if open.loading {
                row.waits_for = self.judge_load(open).await?.err();
                continue;
            }
            let present = self.assignment(row.store).await?;
            if let Some(draining) = present.filter(|now| now.state != AssignmentState::Active) {
                row.waits_for = self.judge(&draining, open).await?.err();
            }
        }
        Ok(())
    }
}

fn kept(row: &QueryResult) -> Result<MoveRecord, Fault> {
    let stamp = |at: usize| Ok::<_, Fault>(column::<Option<i64>>(row, at)?.map(Timestamp));
    Ok(MoveRecord {
        store: code::id(column(row, 0)?)?,
        version: column::<i64>(row, 1)? as u64,
        from: raw::site(column(row, 2)?)?,
        to: raw::site(column(row, 3)?)?,
        forced: column(row, 4)?,
        missing: column(row, 5)?,
        begun_at: Timestamp(column(row, 6)?),
        released_at: stamp(7)?,
        held_at: stamp(8)?,
        ended_at: stamp(9)?,
        state: MoveState::from_number(column(row, 10)?)?,
        waits_for: None,
    })
}

/// The time and the version of the place after which a page begins.
fn split(key: &[u8]) -> Result<(i64, i64), Fault> {
    let (at, version) = key.split_at_checked(8).ok_or_else(wrong_token)?;
    let number = |bytes: &[u8]| {
        bytes
            .try_into()
            .map(i64::from_be_bytes)
            .map_err(|_| wrong_token())
    };
    Ok((number(at)?, number(version)?))
}
