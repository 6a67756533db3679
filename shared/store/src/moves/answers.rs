//! A satellite's side of a move: what it promises and answers, and going on by itself when nobody hears it. How it is told is in
//! `crate::reports`.

use supplysync_model::{
    Assignment, AssignmentState, Channel, Fault, MoveStep, SiteReport, StoreId, SyncId, Timestamp,
};
use supplysync_sync_core::{Cursor, Direction, OwnSide, ReportsRead, answer};

use super::tenure::{ABORTED, RELEASED, Row};
use crate::fault::database;
use crate::projection::code;
use crate::query::Versioned;
use crate::{Queries, Store, WriteTx, cursor};

impl Store {
    /// Goes on writing the stores whose move was noticed before `before` and not answered since: nobody hears this
    /// site, and its users wait. Returns them (satellite).
    pub async fn abort_moves_noticed_before(&self, before: Timestamp) -> Result<Vec<StoreId>, Fault> {
        let waiting = self.read("look for moves to abort", move |tx| {
            Box::pin(async move { tx.unanswered_since(before).await })
        });
        if waiting.await?.is_empty() {
            return Ok(Vec::new());
        }
        self.write("abort moves", move |tx| {
            Box::pin(async move { tx.abort_moves(before).await })
        })
        .await
    }
}

impl Queries {
    /// Whether a store is on its way from or to this site.
    pub(crate) async fn has_moves_here(&self) -> Result<bool, Fault> {
        Ok(!self.draining_here().await?.is_empty())
    }

    /// Assignments by which a store is on its way from or to this site.
    async fn draining_here(&self) -> Result<Vec<Assignment>, Fault> {
        let all = self.draining().await?;
        let here = self.sync_id();
        Ok(all
            .into_iter()
            .filter(|assignment| match assignment.state {
                AssignmentState::Active => false,
                AssignmentState::Draining { to } => [assignment.site, to].contains(&here),
            })
            .collect())
    }

    /// Every assignment by which a store is on its way.
    pub async fn draining(&self) -> Result<Vec<Assignment>, Fault> {
        let found = self.draining_assignments().await?.into_iter();
        Ok(found
            .filter(|found: &Versioned<Assignment>| !found.retired)
            .map(|found| found.value)
            .collect())
    }

    async fn own_side(&self, assignment: &Assignment, row: Row) -> Result<OwnSide, Fault> {
        let totals = self.channel_totals(&Channel::of_store(assignment.store)).await?;
        let numbers: Vec<_> = totals.values().map(|total| total.number).collect();
        let loaded =
            cursor::of_channels(self.conn(), SyncId::PRIMARY, Direction::Pull, numbers.clone()).await?;
        let following = numbers
            .iter()
            .filter(|number| matches!(loaded.get(number), Some(Cursor::Following { .. })));
        Ok(OwnSide {
            totals: self.store_totals(assignment.store).await?,
            aborted: row.decided == Some((assignment.version, ABORTED)),
            pushed: !self.has_unacknowledged(assignment.store).await?,
            complete: following.count() == Channel::of_store(assignment.store).len()
                && self.parked_of_store(assignment.store).await? == 0,
        })
    }

    /// Stores whose move this site noticed before then, has not answered, and that still drain here.
    async fn unanswered_since(&self, before: Timestamp) -> Result<Vec<(StoreId, u64)>, Fault> {
        let sql = "SELECT a.store_id, a.version FROM store_assignment a JOIN store_tenure t \
                   ON t.store_id = a.store_id AND t.noticed_version = a.version \
                   WHERE a.draining_to IS NOT NULL AND NOT a.retired AND a.site = $1 AND t.noticed_at < $2 \
                   AND (t.decided_version IS NULL OR t.decided_version <> a.version) \
                   ORDER BY a.store_id LIMIT 1000";
        let values = vec![i64::from(self.sync_id().get()).into(), before.0.into()];
        let rows = self.conn().rows(sql, values).await?;
        rows.iter()
            .map(|row| {
                let version: i64 = row.try_get_by_index(1).map_err(database)?;
                Ok((
                    code::id(row.try_get_by_index(0).map_err(database)?)?,
                    version as u64,
                ))
            })
            .collect()
    }
}

impl WriteTx {
    /// What to push now, and what to say of moves; what is said is promised.
    pub(crate) async fn read_moves(&mut self) -> Result<ReportsRead, Fault> {
        let mut read = ReportsRead {
            push: self.push_channels().await?,
            ..ReportsRead::default()
        };
        let draining = self.draining_here().await?;
        let rows = self.tenure_rows(draining.iter().map(|a| a.store)).await?;
        for assignment in draining {
            read.open = true;
            if assignment.site != self.sync_id() {
                read.awaited.push(assignment.store);
            }
            let row = rows.get(&assignment.store).copied().unwrap_or_default();
            let own = self.own_side(&assignment, row).await?;
            let report = answer(self.sync_id(), &assignment, &own);
            if report.is_some_and(|report| matches!(report.step, MoveStep::Released(_))) {
                self.decide(assignment.store, assignment.version, RELEASED)
                    .await?;
            }
            read.reports.extend(report.map(SiteReport::Move));
        }
        Ok(read)
    }

    async fn abort_moves(&mut self, before: Timestamp) -> Result<Vec<StoreId>, Fault> {
        let waiting = self.unanswered_since(before).await?;
        for (store, version) in &waiting {
            self.decide(*store, *version, ABORTED).await?;
        }
        Ok(waiting.into_iter().map(|(store, _)| store).collect())
    }

    async fn decide(&mut self, store: StoreId, version: u64, decision: i32) -> Result<(), Fault> {
        let sql = "INSERT INTO store_tenure (store_id, decided_version, decision, lost) VALUES ($1, $2, $3, FALSE) \
                   ON CONFLICT (store_id) DO UPDATE SET decided_version = excluded.decided_version, \
                   decision = excluded.decision";
        let values = vec![
            code::bytes(store.to_bytes()),
            (version as i64).into(),
            decision.into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }
}
