//! The primary's side of a move: asking for it, calling it off, and storing what the two sites report.

use supplysync_model::{
    Assignment, AssignmentState, Fault, FaultCode, MoveReport, MoveStep, Reason, StoreId, StoreTotals, SyncId,
};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{announced, begun, called_off};

use super::list::MoveState;
use crate::projection::code;
use crate::{OwnChange, WriteTx};

/// A move as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveOrder {
    /// The store.
    pub store: StoreId,
    /// Where it goes.
    pub to: SyncId,
    /// Whether the present site is skipped, because it is destroyed. A move under way to the same site becomes forced.
    pub forced: bool,
}

impl WriteTx {
    /// Announces that a store is to go to another site, which loads it while the present one goes on; that one is asked to
    /// stop once it has, or now where there is nothing to load or it is skipped (primary). Returns the store's
    /// assignment, which is the new site's already where nothing is missing.
    ///
    /// # Errors
    /// `MOVE_NOT_POSSIBLE` when the store is active nowhere, is there already, or is on its way elsewhere.
    pub async fn begin_move(&mut self, order: MoveOrder) -> Result<Assignment, Fault> {
        let MoveOrder { store, to, forced } = order;
        self.refuse_while_gathering("a move").await?;
        let present = self.assignment(store).await?;
        let present = present.ok_or_else(|| not_possible("it is active nowhere: assign it instead"))?;
        let loads = self.loads(store).await?;
        let under_way = loads == Some(to) || present.state == (AssignmentState::Draining { to });
        if under_way && forced {
            self.force(&present, to, loads.is_some()).await?;
        } else if let Some(other) = loads {
            return Err(on_its_way(&present, other));
        } else {
            self.announce(&present, &order).await?;
        }
        self.advance_moves().await?;
        let now = self.assignment(store).await?;
        now.ok_or_else(|| Fault::internal("an assignment vanished"))
    }

    async fn announce(&mut self, present: &Assignment, order: &MoveOrder) -> Result<(), Fault> {
        let MoveOrder { store, to, forced } = *order;
        let loading = announced(present, to).filter(|_| !forced);
        let missing = match forced {
            true => self.known_missing(present).await?,
            false => String::new(),
        };
        if loading.is_some() {
            self.forget_copy(store, to).await?;
        }
        let is_loading = loading.is_some();
        let next = loading.or_else(|| begun(present, to));
        let next = next.ok_or_else(|| why_not(present, to))?;
        let sql = "INSERT INTO store_move (store_id, version, from_site, to_site, loading, forced, missing, begun_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = vec![
            code::bytes(store.to_bytes()),
            (next.version as i64).into(),
            i32::from(present.site.get()).into(),
            i32::from(to.get()).into(),
            is_loading.into(),
            forced.into(),
            missing.into(),
            self.now().0.into(),
        ];
        self.conn().execute(sql, values).await?;
        self.assign(next).await
    }

    /// From now on the present site is skipped.
    async fn force(&mut self, present: &Assignment, to: SyncId, loading: bool) -> Result<(), Fault> {
        let missing = self.known_missing(present).await?;
        let sql = "UPDATE store_move SET forced = TRUE, missing = $3 WHERE store_id = $1 AND version = $2";
        let values = vec![
            code::bytes(present.store.to_bytes()),
            (present.version as i64).into(),
            missing.into(),
        ];
        self.conn().execute(sql, values).await?;
        match begun(present, to).filter(|_| loading) {
            Some(draining) => self.stop(present, draining).await.map(drop),
            None => Ok(()),
        }
    }

    /// Leaves a store that is on its way where it is (primary).
    ///
    /// # Errors
    /// `NO_MOVE_UNDER_WAY`.
    pub async fn cancel_move(&mut self, store: StoreId) -> Result<Assignment, Fault> {
        self.refuse_while_gathering("the end of a move").await?;
        let present = self.assignment(store).await?;
        let loads = self.loads(store).await?.is_some();
        let moving = present.filter(|now| loads || now.state != AssignmentState::Active);
        let moving = moving.ok_or_else(|| {
            Fault::new(
                FaultCode::FailedPrecondition,
                Reason::NO_MOVE_UNDER_WAY,
                "the store is not being moved: there is nothing to cancel",
            )
        })?;
        self.call_off(&moving, MoveState::Cancelled).await
    }

    async fn call_off(&mut self, moving: &Assignment, outcome: MoveState) -> Result<Assignment, Fault> {
        let stays = called_off(moving);
        self.end_move(moving, outcome).await?;
        self.assign(stays.clone()).await?;
        Ok(stays)
    }

    /// Stores what a site answers to a move, and hands the store over if nothing is missing any more. An answer to another
    /// version than the present one changes nothing.
    pub(crate) async fn record_move(&mut self, peer: SyncId, report: MoveReport) -> Result<(), Fault> {
        let present = self.assignment(report.store).await?;
        if let Some(present) = present.filter(|present| present.version == report.version)
            && let AssignmentState::Draining { to } = present.state
        {
            match report.step {
                MoveStep::Released(totals) if peer == present.site => {
                    self.note("released", &report, totals).await?;
                }
                MoveStep::Held(totals) if peer == to => self.note("held", &report, totals).await?,
                MoveStep::Aborted if peer == present.site && !self.is_forced(&present).await? => {
                    self.call_off(&present, MoveState::Aborted).await?;
                }
                _ => {}
            }
            self.advance_moves().await?;
        }
        Ok(())
    }

    async fn note(&mut self, column: &str, report: &MoveReport, totals: StoreTotals) -> Result<(), Fault> {
        let sql = format!(
            "UPDATE store_move SET {column} = $3, {column}_at = $4 WHERE store_id = $1 AND version = $2 \
             AND ended_at IS NULL"
        );
        let values = vec![
            code::bytes(report.store.to_bytes()),
            (report.version as i64).into(),
            code::totals_bytes(&totals).into(),
            self.now().0.into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }

    async fn is_forced(&self, draining: &Assignment) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM store_move WHERE store_id = $1 AND version = $2 AND forced";
        let values = vec![
            code::bytes(draining.store.to_bytes()),
            (draining.version as i64).into(),
        ];
        Ok(self.conn().row(sql, values).await?.is_some())
    }

    pub(super) async fn end_move(&mut self, draining: &Assignment, outcome: MoveState) -> Result<(), Fault> {
        let sql = "UPDATE store_move SET ended_at = $3, outcome = $4 WHERE store_id = $1 AND version = $2";
        let values = vec![
            code::bytes(draining.store.to_bytes()),
            (draining.version as i64).into(),
            self.now().0.into(),
            outcome.number().into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }

    pub(super) async fn assign(&mut self, assignment: Assignment) -> Result<(), Fault> {
        let change = OwnChange {
            body: RecordBody::Assignment(assignment),
            deleted: false,
            expected: None,
        };
        self.put(vec![change]).await.map(drop)
    }
}

fn not_possible(why: impl std::fmt::Display) -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::MOVE_NOT_POSSIBLE,
        format!("the store can't be moved: {why}"),
    )
}

fn why_not(present: &Assignment, to: SyncId) -> Fault {
    match present.state {
        AssignmentState::Active => not_possible(format!("it is active on site {to} already")),
        AssignmentState::Draining { to } => on_its_way(present, to),
    }
}

fn on_its_way(present: &Assignment, to: SyncId) -> Fault {
    not_possible(format!(
        "it is on its way from site {} to site {to}: cancel that move first",
        present.site
    ))
}
