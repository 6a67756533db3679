//! A satellite meets a later life of the primary's database: what a former life acknowledged and sent says little of it.

use supplysync_model::{Channel, Fault, FaultCode, Reason, SyncId};
use supplysync_sync_core::{Cursor, Direction, PrimaryLife, extend_chain};

use crate::cursor::{self, Progress, direction_number};
use crate::projection::raw::by_keys;
use crate::quarantine::Aside;
use crate::{RecoveryStep, Store, WriteTx, held, raw};

impl Store {
    /// Stores the life that the primary's database has now, and where both ends stand in each other's channels; the channels
    /// to push, in rank order (satellite).
    pub async fn meet_life(
        &self,
        life: PrimaryLife,
        pushed: Vec<(Channel, Cursor)>,
        stands: Option<Vec<(Channel, Cursor)>>,
    ) -> Result<Vec<Channel>, Fault> {
        let known = self.read("the primary's life", move |tx| {
            Box::pin(async move {
                let met = tx.met_life().await?;
                let same = met.is_some_and(|met| {
                    let told = (life.began.incarnation, life.gathering, life.given_back);
                    (met.life, met.gathering, met.given_back) == told
                });
                match same {
                    true => tx.push_channels().await.map(Some),
                    false => Ok(None),
                }
            })
        });
        if let Some(push) = known.await? {
            return Ok(push);
        }
        self.write("meet the primary's life", move |tx| {
            let (pushed, stands) = (pushed.clone(), stands.clone());
            Box::pin(async move { tx.meet_life(&life, &pushed, stands.as_deref()).await })
        })
        .await?
        .ok_or_else(|| {
            Fault::new(
                FaultCode::Aborted,
                Reason::RECOVERY_PENDING,
                "this database asks anew to recover, from the primary's later life: the session begins again by itself",
            )
        })
    }
}

impl WriteTx {
    async fn meet_life(
        &mut self,
        life: &PrimaryLife,
        pushed: &[(Channel, Cursor)],
        stands: Option<&[(Channel, Cursor)]>,
    ) -> Result<Option<Vec<Channel>>, Fault> {
        let known = self
            .met_life()
            .await?
            .filter(|met| met.life == life.began.incarnation);
        if known.is_none() {
            // A step of the feed: what was acknowledged before it was acknowledged by a former life.
            let seq = self.head.seq + 1;
            let chain = extend_chain(self.head.chain, seq, &[], self.deps.random.bytes16());
            raw::store_head(self.conn(), seq, chain).await?;
            (self.head.seq, self.head.chain) = (seq, chain);
            self.keep_what_was_refused().await?;
            self.ask_for_what_was_kept().await?;
            self.forget_former_life(life, pushed, stands).await?;
        }
        let sql = "INSERT INTO met_life (id, incarnation, incarnation_random, head_seq, gathering, given_back) \
                   VALUES (1, $1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET incarnation = excluded.incarnation, \
                   incarnation_random = excluded.incarnation_random, head_seq = excluded.head_seq, \
                   gathering = excluded.gathering, given_back = excluded.given_back";
        let head = known.map_or(self.head.seq, |met| met.head);
        let values = vec![
            i64::from(life.began.incarnation.counter).into(),
            (life.began.incarnation.random as i64).into(),
            (head as i64).into(),
            life.gathering.into(),
            life.given_back.into(),
        ];
        self.conn().execute(sql, values).await?;
        // The life before was giving this site's own stores back to it; this one knows nothing of that.
        let recovery = self.recovery_holding_back().await?;
        if known.is_none() && recovery.is_some_and(|recovery| !recovery.asks_for_life()) {
            self.set_recovery_step(RecoveryStep::Asked).await?;
            return self.extend().await.map(|()| None);
        }
        self.extend().await?;
        self.push_channels().await.map(Some)
    }

    /// What a former life refused it may have kept, and that is lost: it is kept here.
    async fn keep_what_was_refused(&mut self) -> Result<(), Fault> {
        let held = self.refused_here().await?;
        let found = held::whole(self.conn(), held).await?;
        let here = self.sync_id();
        let aside: Vec<_> = found
            .iter()
            .map(|record| Aside {
                record,
                reason: Reason::STALE_EPOCH,
                from: here,
            })
            .collect();
        self.set_changes_aside(&aside).await
    }

    async fn forget_former_life(
        &mut self,
        life: &PrimaryLife,
        pushed: &[(Channel, Cursor)],
        stands: Option<&[(Channel, Cursor)]>,
    ) -> Result<(), Fault> {
        let primary = i32::from(SyncId::PRIMARY.get());
        let [push, pull] = [Direction::Push, Direction::Pull].map(direction_number);
        let sql = "UPDATE cursor SET caught_up_at = NULL, compared_seq = NULL, compared_at = NULL, equal = NULL, \
                   explained = NULL, their_count = NULL, their_sum = NULL, our_count = NULL, our_sum = NULL, \
                   proven_seq = NULL, proven_at = NULL, owner_seq = NULL, owner_at = NULL";
        self.conn().execute(sql, vec![]).await?;
        self.conn().execute("DELETE FROM given_back", vec![]).await?;
        if let Some(stands) = stands {
            let sql = "DELETE FROM cursor WHERE peer = $1 AND direction = $2";
            self.conn()
                .execute(sql, vec![primary.into(), pull.into()])
                .await?;
            self.stand(Direction::Pull, stands).await?;
        }
        let own = self.stores_of_site(self.sync_id()).await?;
        let own: Vec<_> = own.into_iter().flat_map(Channel::of_store).collect();
        let totals = self.channel_totals(&own).await?;
        let head =
            format!("DELETE FROM cursor WHERE peer = {primary} AND direction = {push} AND channel IN ");
        let numbers = totals.values().map(|total| total.number.into()).collect();
        for (sql, values) in by_keys(self.conn().backend(), &head, numbers) {
            self.conn().execute(sql, values).await?;
        }
        // While it recovers, where the primary stands may be in the feed of another database of this site.
        if self.recovery_holding_back().await?.is_none() {
            let pushed = pushed.iter().filter(|(channel, _)| own.contains(channel));
            let pushed: Vec<_> = pushed.copied().collect();
            self.stand(Direction::Push, &pushed).await?;
        }
        raw::store_checkpoint(self.conn(), SyncId::PRIMARY, life.began, self.now()).await
    }

    async fn stand(&mut self, direction: Direction, cursors: &[(Channel, Cursor)]) -> Result<(), Fault> {
        let mut rows = Vec::with_capacity(cursors.len());
        for (channel, cursor) in cursors {
            rows.push(Progress {
                number: self.number_channel(*channel).await?,
                cursor: *cursor,
                held: 0,
                quarantined: 0,
                caught_up: false,
                compared: None,
                owner: None,
            });
        }
        cursor::store(self.conn(), SyncId::PRIMARY, direction, self.now(), &rows).await
    }
}
