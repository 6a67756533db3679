//! The first step of a move (primary): the new site loads the store while the present one goes on, and only then is that
//! one asked to stop.

use supplysync_model::{Assignment, Channel, Fault, StoreId, SyncId};
use supplysync_sync_core::{Direction, LoadFacts, MoveWait, begun, judge_load};

use super::advance::OpenMove;
use crate::cursor::direction_number;
use crate::projection::code;
use crate::query::column;
use crate::{Queries, WriteTx, raw};

impl WriteTx {
    /// Asks the present site to stop once the new one has loaded the store; the assignment with which it is asked.
    pub(super) async fn stop_when_loaded(
        &mut self,
        present: &Assignment,
        open: &OpenMove,
    ) -> Result<Option<Assignment>, Fault> {
        let loaded = self.judge_load(open).await?.is_ok();
        match begun(present, open.to).filter(|_| loaded) {
            Some(draining) => self.stop(present, draining).await.map(Some),
            None => Ok(None),
        }
    }

    /// Asks the present site of a store that is being loaded to stop; the assignment with which it is asked.
    pub(super) async fn stop(
        &mut self,
        present: &Assignment,
        draining: Assignment,
    ) -> Result<Assignment, Fault> {
        let sql = "UPDATE store_move SET loading = FALSE, version = $3 WHERE store_id = $1 AND version = $2";
        let values = vec![
            code::bytes(present.store.to_bytes()),
            (present.version as i64).into(),
            (draining.version as i64).into(),
        ];
        self.conn().execute(sql, values).await?;
        self.assign(draining.clone()).await?;
        self.hands_changed(&[(present.clone(), draining.clone())]).await?;
        Ok(draining)
    }

    /// Advances moves if one of them goes to this site, which has acknowledged something; cheap when none does.
    pub(crate) async fn advance_moves_to(&mut self, site: SyncId) -> Result<(), Fault> {
        let sql = "SELECT 1 FROM store_move WHERE ended_at IS NULL AND to_site = $1 LIMIT 1";
        let row = self.conn().row(sql, vec![i32::from(site.get()).into()]).await?;
        match row {
            Some(_) => self.advance_moves().await,
            None => Ok(()),
        }
    }

    /// A copy that is not served (any more) will be loaded afresh, whatever was heard of it before.
    pub(super) async fn forget_copy(&mut self, store: StoreId, site: SyncId) -> Result<(), Fault> {
        if self.stores_served(site).await?.contains(&store) {
            return Ok(());
        }
        let sql = format!(
            "UPDATE cursor SET caught_up_at = NULL WHERE peer = $1 AND direction = {} AND channel IN \
             (SELECT number FROM channel WHERE name IN ($2, $3))",
            direction_number(Direction::Pull)
        );
        let [stock, history] = Channel::of_store(store).map(|channel| channel.to_string());
        let values = vec![i32::from(site.get()).into(), stock.into(), history.into()];
        self.conn().execute(sql, values).await.map(drop)
    }
}

impl Queries {
    /// The stores that a site loads because they are to move there (primary), by id.
    pub async fn loading_to(&self, site: SyncId) -> Result<Vec<StoreId>, Fault> {
        let sql = "SELECT store_id FROM store_move WHERE ended_at IS NULL AND loading AND to_site = $1 \
                   ORDER BY store_id LIMIT 1000";
        let rows = self.conn().rows(sql, vec![i32::from(site.get()).into()]).await?;
        rows.iter().map(|row| code::id(column(row, 0)?)).collect()
    }

    /// The site that loads a store because it is to move there (primary).
    pub async fn loads(&self, store: StoreId) -> Result<Option<SyncId>, Fault> {
        let sql = "SELECT to_site FROM store_move WHERE ended_at IS NULL AND loading AND store_id = $1";
        let row = self.conn().row(sql, vec![code::bytes(store.to_bytes())]).await?;
        row.map(|row| raw::site(column(&row, 0)?)).transpose()
    }

    /// Whether the present site may be asked to stop, or what that waits for.
    pub(super) async fn judge_load(&self, open: &OpenMove) -> Result<Result<(), MoveWait>, Fault> {
        Ok(judge_load(&self.load_facts(open).await?))
    }

    async fn load_facts(&self, open: &OpenMove) -> Result<LoadFacts, Fault> {
        let announced = self.assignments(&[open.store]).await?;
        let announced = announced.first().map_or(u64::MAX, |found| found.etag.revision);
        let sql = format!(
            "SELECT c.name, u.seq, u.caught_up_at IS NOT NULL FROM cursor u JOIN channel c ON c.number = u.channel \
             WHERE u.peer = $1 AND u.direction = {} AND u.state = 1 AND c.name IN ($2, $3, $4)",
            direction_number(Direction::Pull)
        );
        let [stock, history] = Channel::of_store(open.store).map(|channel| channel.to_string());
        let master = Channel::Master.to_string();
        let site = i32::from(open.to.get());
        let values = vec![site.into(), master.clone().into(), stock.into(), history.into()];
        let (mut heard, mut caught_up) = (false, 0);
        for row in self.conn().rows(sql, values).await? {
            if column::<String>(&row, 0)? == master {
                heard = column::<i64>(&row, 1)? as u64 >= announced;
            } else if column(&row, 2)? {
                caught_up += 1;
            }
        }
        Ok(LoadFacts {
            heard,
            caught_up: caught_up == Channel::of_store(open.store).len(),
            quarantined: self.quarantined_of_store(open.store).await?,
        })
    }
}
