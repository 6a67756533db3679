//! Handing stores over (primary): in every transaction that may bring the last thing that a move waited for.

use supplysync_model::{
    Assignment, AssignmentState, Channel, Fault, StoreId, StoreTotals, SyncId, Timestamp,
};
use supplysync_sync_core::{Direction, MoveFacts, MoveWait, judge_move};

use super::list::MoveState;
use crate::cursor::direction_number;
use crate::fault::database;
use crate::projection::code;
use crate::{Queries, WriteTx, raw};

/// Moves looked at in one transaction: more than a network has at one time.
const OPEN: usize = 1_000;

/// A move under way, as far as it must be judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenMove {
    pub store: StoreId,
    pub version: u64,
    pub to: SyncId,
    /// The new site has to load it before the present one is asked to stop.
    pub loading: bool,
    pub forced: bool,
    pub released: Option<StoreTotals>,
    pub held: Option<StoreTotals>,
}

impl WriteTx {
    /// Hands over every store of which nothing is missing any more.
    pub(crate) async fn advance_moves(&mut self) -> Result<(), Fault> {
        let under_way = self.open_moves().await?;
        if under_way.is_empty() || self.is_gathering().await? {
            return Ok(());
        }
        for open in under_way {
            let Some(present) = self.assignment(open.store).await? else {
                continue;
            };
            if present.version != open.version {
                continue;
            }
            let draining = match open.loading {
                false => present,
                true => match self.stop_when_loaded(&present, &open).await? {
                    Some(draining) => draining,
                    None => continue,
                },
            };
            if let Ok(moved) = self.judge(&draining, &open).await? {
                self.end_move(&draining, MoveState::Moved).await?;
                self.forget_tenure(open.store, moved.site).await?;
                let before = draining.clone();
                let now = moved.clone();
                self.assign(moved).await?;
                self.hands_changed(&[(before, now)]).await?;
            }
        }
        Ok(())
    }

    /// What was proven of the new site's copy was proven in another tenure of it.
    async fn forget_tenure(&mut self, store: StoreId, site: SyncId) -> Result<(), Fault> {
        let sql = format!(
            "UPDATE cursor SET caught_up_at = NULL, compared_seq = NULL, compared_at = NULL, equal = NULL, \
             explained = NULL, their_count = NULL, their_sum = NULL, our_count = NULL, our_sum = NULL, \
             proven_seq = NULL, proven_at = NULL WHERE peer = $1 AND direction = {} AND channel IN \
             (SELECT number FROM channel WHERE name IN ($2, $3))",
            direction_number(Direction::Push)
        );
        let [stock, history] = Channel::of_store(store).map(|channel| channel.to_string());
        let values = || {
            vec![
                i32::from(site.get()).into(),
                stock.clone().into(),
                history.clone().into(),
            ]
        };
        self.conn().execute(sql, values()).await?;
        // Nor does what the site was refused then say anything of what it has now.
        let sql = "UPDATE quarantine SET former = TRUE WHERE from_site = $1 AND resolved_at IS NULL AND channel IN \
                   (SELECT number FROM channel WHERE name IN ($2, $3))";
        self.conn().execute(sql, values()).await.map(drop)
    }
}

impl Queries {
    pub(super) async fn open_moves(&self) -> Result<Vec<OpenMove>, Fault> {
        let sql = format!(
            "SELECT store_id, version, forced, released, held, to_site, loading FROM store_move WHERE ended_at IS NULL \
             ORDER BY store_id LIMIT {OPEN}"
        );
        let rows = self.conn().rows(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                let totals = |at: usize| {
                    let bytes: Option<Vec<u8>> = row.try_get_by_index(at).map_err(database)?;
                    bytes.map(|bytes| code::totals(&bytes)).transpose()
                };
                Ok(OpenMove {
                    store: code::id(row.try_get_by_index(0).map_err(database)?)?,
                    version: row.try_get_by_index::<i64>(1).map_err(database)? as u64,
                    to: raw::site(row.try_get_by_index(5).map_err(database)?)?,
                    loading: row.try_get_by_index(6).map_err(database)?,
                    forced: row.try_get_by_index(2).map_err(database)?,
                    released: totals(3)?,
                    held: totals(4)?,
                })
            })
            .collect()
    }

    /// The new assignment, or what the move waits for.
    pub(super) async fn judge(
        &self,
        draining: &Assignment,
        open: &OpenMove,
    ) -> Result<Result<Assignment, MoveWait>, Fault> {
        let AssignmentState::Draining { to } = draining.state else {
            return Ok(Err(MoveWait::OldSite));
        };
        let totals = self.store_totals(open.store).await?;
        let held = match to.is_primary() {
            // The primary's own copy is the one that is compared, if it can read all of it.
            true => (self.parked_of_store(open.store).await? == 0).then_some(totals),
            false => open.held,
        };
        let caught_up = to.is_primary() || self.has_all(to, open.store).await?;
        let facts = MoveFacts {
            totals,
            released: open.released,
            held,
            caught_up,
            forced: open.forced,
            quarantined: self.quarantined_of_store(open.store).await?,
        };
        let incarnation = self.head.incarnation.map_or(0, |life| life.counter);
        Ok(judge_move(draining, &facts, incarnation, self.head.seq))
    }

    /// Whether a site has acknowledged everything of a store that is here.
    async fn has_all(&self, site: SyncId, store: StoreId) -> Result<bool, Fault> {
        let sql = format!(
            "SELECT COUNT(*) FROM cursor u JOIN channel c ON c.number = u.channel \
             WHERE u.peer = $1 AND u.direction = {} AND u.state = 1 AND c.name IN ($2, $3) \
             AND NOT EXISTS (SELECT 1 FROM record r WHERE r.channel = u.channel AND r.seq > u.seq)",
            direction_number(Direction::Pull)
        );
        let channels = Channel::of_store(store);
        let [stock, history] = channels.map(|channel| channel.to_string());
        let values = vec![i32::from(site.get()).into(), stock.into(), history.into()];
        let row = self.conn().row(sql, values).await?;
        let count = row.map(|row| row.try_get_by_index::<i64>(0).map_err(database));
        Ok(count.transpose()?.unwrap_or(0) as usize == channels.len())
    }

    /// Changes of a store in open quarantine here.
    pub(super) async fn quarantined_of_store(&self, store: StoreId) -> Result<u64, Fault> {
        let sql = "SELECT COUNT(*) FROM quarantine q JOIN channel c ON c.number = q.channel \
                   WHERE q.resolved_at IS NULL AND c.name IN ($1, $2)";
        self.count_of_store(sql, store).await
    }

    /// Records of a store that this site holds and can't read or place yet.
    pub(super) async fn parked_of_store(&self, store: StoreId) -> Result<u64, Fault> {
        let sql = "SELECT COUNT(*) FROM parked p JOIN record r ON r.kind = p.kind AND r.id = p.id \
                   JOIN channel c ON c.number = r.channel WHERE NOT r.deleted AND c.name IN ($1, $2)";
        self.count_of_store(sql, store).await
    }

    async fn count_of_store(&self, sql: &str, store: StoreId) -> Result<u64, Fault> {
        let names = Channel::of_store(store).map(|channel| channel.to_string().into());
        let row = self.conn().row(sql, names.into()).await?;
        let count = row.map(|row| row.try_get_by_index::<i64>(0).map_err(database));
        Ok(count.transpose()?.unwrap_or(0) as u64)
    }

    /// What a move that skips the present site is known to leave behind, in words.
    pub(super) async fn known_missing(&self, present: &Assignment) -> Result<String, Fault> {
        let sql = "SELECT checkpoint_seq, seen_at FROM peer WHERE site = $1";
        let site = present.site;
        let row = self.conn().row(sql, vec![i32::from(site.get()).into()]).await?;
        let mut said = match row {
            None => format!("site {site} never synchronised: nothing that it recorded is here"),
            Some(row) => {
                let seq: Option<i64> = row.try_get_by_index(0).map_err(database)?;
                let at: i64 = row.try_get_by_index(1).map_err(database)?;
                let at = Timestamp(at);
                format!(
                    "site {site} was last heard at {at}, with its feed at {}: what it recorded after that is not here",
                    seq.unwrap_or(0)
                )
            }
        };
        let sql = "SELECT u.peer FROM cursor u JOIN channel c ON c.number = u.channel WHERE u.peer = $1 \
                   AND u.direction = 0 AND u.caught_up_at IS NULL AND c.name IN ($2, $3) LIMIT 1";
        let [stock, history] = Channel::of_store(present.store).map(|channel| channel.to_string());
        let values = vec![i32::from(site.get()).into(), stock.into(), history.into()];
        if let Some(row) = self.conn().row(sql, values).await? {
            let peer = raw::site(row.try_get_by_index(0).map_err(database)?)?;
            said.push_str(&format!("; site {peer} had more to send when it was last heard"));
        }
        match self.quarantined_of_store(present.store).await? {
            0 => {}
            kept => said.push_str(&format!("; {kept} of its changes are in quarantine here")),
        }
        Ok(said)
    }
}
