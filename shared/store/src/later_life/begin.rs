//! The primary's database, put back, begins a later life: beyond whatever the lost one wrote, and asking each site for what
//! that may have had more.

use futures::FutureExt;
use supplysync_model::{Channel, Checkpoint, Epoch, Fault, FaultCode, Incarnation, Reason, Seq, SyncId};
use supplysync_sync_core::{Cursor, Direction, extend_chain};

use super::LaterLife;
use crate::cursor::{self, Progress};
use crate::query::column;
use crate::{AuditEntry, Queries, Store, WriteTx, raw};

impl Store {
    /// A person decided that this database of the primary, put back or copied, goes on; where its life begins. `sure` if
    /// nothing was written in it since it was the same as the lost one: the network's copies then go on from where they
    /// were, and otherwise are loaded afresh.
    ///
    /// # Errors
    /// `DATABASE_NOT_INITIALISED` on a database that has no life yet.
    pub async fn begin_later_life(&self, sure: bool) -> Result<Checkpoint, Fault> {
        let random = self.inner.deps.random.u64();
        let begun = self.write("begin a later life", move |tx| {
            async move { tx.begin_later_life(random, sure).await }.boxed()
        });
        let began = begun.await?;
        self.set_incarnation(began.incarnation);
        Ok(began)
    }
}

impl WriteTx {
    async fn begin_later_life(&mut self, random: u64, sure: bool) -> Result<Checkpoint, Fault> {
        let before = self.head.incarnation.filter(|_| self.sync_id().is_primary());
        let before = before.ok_or_else(|| {
            Fault::new(
                FaultCode::FailedPrecondition,
                Reason::DATABASE_NOT_INITIALISED,
                "this database is no primary's that has ever begun: there is nothing to recover",
            )
        })?;
        let epoch = Epoch {
            incarnation: before.counter,
            counter: 0,
        };
        let kept = (epoch, self.head.seq);
        self.ask_only_for_what_is_new().await?;
        self.note_former_life(before, sure).await?;
        let began = self.begin_beyond(before, random).await?;
        self.store_later_life(began, kept).await?;
        self.forget_what_was_agreed().await?;
        self.extend().await?;
        let entry = AuditEntry {
            at: self.now(),
            principal: "command line".to_owned(),
            from: String::new(),
            action: "recovery.begin".to_owned(),
            subject: SyncId::PRIMARY.to_string(),
            old: format!("life {before} at seq {}", kept.1),
            new: format!("life {} at seq {}", began.incarnation, began.seq),
        };
        self.audit(entry).await?;
        Ok(began)
    }

    /// The life's number and the place of its beginning are the time: so both are beyond those of any life that began before,
    /// from whichever backup.
    async fn begin_beyond(&mut self, before: Incarnation, random: u64) -> Result<Checkpoint, Fault> {
        let millis = u64::try_from(self.now().0).unwrap_or(0);
        let seconds = u32::try_from(millis / 1_000).unwrap_or(u32::MAX);
        let life = Incarnation {
            counter: seconds.max(before.counter.saturating_add(1)),
            random,
        };
        let seq = millis.max(self.head.seq + 1);
        let chain = extend_chain(self.head.chain, seq, &[], self.deps.random.bytes16());
        self.set_life(life).await?;
        raw::store_head(self.conn(), seq, chain).await?;
        (self.head.seq, self.head.chain) = (seq, chain);
        Ok(Checkpoint {
            incarnation: life,
            seq,
            chain,
        })
    }

    /// What a site had when it was heard last, it had from here: it gives back what came later. A site that still gives back
    /// to the present life goes on where it is.
    async fn ask_only_for_what_is_new(&mut self) -> Result<(), Fault> {
        let sql = "SELECT p.site, p.checkpoint_seq FROM peer p LEFT JOIN primary_life l ON l.id = 1 \
                   WHERE p.checkpoint_seq IS NOT NULL AND (l.id IS NULL OR p.given_back >= l.incarnation) \
                   ORDER BY p.site LIMIT 100000";
        for row in self.conn().rows(sql, vec![]).await? {
            let site = raw::site(column(&row, 0)?)?;
            let seq = column::<i64>(&row, 1)? as Seq;
            let mut rows = Vec::new();
            for channel in self.given_channels(site).await? {
                rows.push(Progress {
                    number: self.number_channel(channel).await?,
                    cursor: Cursor::Following { seq },
                    held: 0,
                    quarantined: 0,
                    caught_up: false,
                    compared: None,
                    owner: None,
                });
            }
            cursor::store(self.conn(), site, Direction::Push, self.now(), &rows).await?;
        }
        Ok(())
    }

    async fn note_former_life(&mut self, before: Incarnation, sure: bool) -> Result<(), Fault> {
        if !sure {
            return self
                .conn()
                .execute("DELETE FROM former_life", vec![])
                .await
                .map(drop);
        }
        let sql = "INSERT INTO former_life (incarnation, incarnation_random, kept_seq) VALUES ($1, $2, $3) \
                   ON CONFLICT (incarnation, incarnation_random) DO UPDATE SET kept_seq = excluded.kept_seq";
        let values = vec![
            i64::from(before.counter).into(),
            (before.random as i64).into(),
            (self.head.seq as i64).into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }

    async fn store_later_life(&mut self, began: Checkpoint, kept: (Epoch, Seq)) -> Result<(), Fault> {
        let LaterLife {
            began,
            kept,
            gathering,
        } = LaterLife {
            began,
            kept,
            gathering: true,
        };
        let sql = "INSERT INTO primary_life (id, incarnation, incarnation_random, began_seq, began_chain, kept_epoch, \
                   kept_seq, gathering) VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET \
                   incarnation = excluded.incarnation, incarnation_random = excluded.incarnation_random, \
                   began_seq = excluded.began_seq, began_chain = excluded.began_chain, \
                   kept_epoch = excluded.kept_epoch, kept_seq = excluded.kept_seq, gathering = excluded.gathering";
        let values = vec![
            i64::from(began.incarnation.counter).into(),
            (began.incarnation.random as i64).into(),
            (began.seq as i64).into(),
            began.chain.0.to_vec().into(),
            (kept.0.packed() as i64).into(),
            (kept.1 as i64).into(),
            gathering.into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }

    /// Leases, proofs of equality and join tokens were given by the lost database, and say nothing of this one.
    async fn forget_what_was_agreed(&mut self) -> Result<(), Fault> {
        let now = self.now().0;
        for sql in [
            "DELETE FROM session_lease".to_owned(),
            "UPDATE cursor SET caught_up_at = NULL, compared_seq = NULL, compared_at = NULL, equal = NULL, \
             explained = NULL, their_count = NULL, their_sum = NULL, our_count = NULL, our_sum = NULL, \
             proven_seq = NULL, proven_at = NULL, owner_seq = NULL, owner_at = NULL"
                .to_owned(),
            format!("UPDATE join_token SET expires_at = {now} WHERE expires_at > {now}"),
        ] {
            self.conn().execute(sql, vec![]).await?;
        }
        Ok(())
    }
}

impl Queries {
    /// The channels of what a site is served in which it can't have anything of its own.
    async fn given_channels(&self, site: SyncId) -> Result<Vec<Channel>, Fault> {
        let served = self.served_channels(site).await?;
        let stores: Vec<_> = served
            .iter()
            .filter_map(|served| served.channel.store())
            .collect();
        let known = self.assignments(&stores).await?;
        let never_there = |channel: &Channel| {
            channel.store().is_none_or(|store| {
                let mut found = known.iter().filter(|found| found.value.store == store);
                found.all(|found| found.value.site != site && found.value.epoch.counter <= 1)
            })
        };
        let channels = served.into_iter().map(|served| served.channel);
        Ok(channels.filter(never_there).collect())
    }
}
