//! What the primary makes of what its sites give back: how a site stands to the life, by what its pushes are judged, and the
//! end, where it is said anew on which site each store is active.

use std::collections::BTreeSet;

use supplysync_model::{Assignment, Channel, Checkpoint, Fault, Incarnation, Seq, SyncId};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{Cursor, Direction, GivingBack, Hello, PrimaryLife, Served, renewed};

use super::{LaterLife, number};
use crate::cursor::direction_number;
use crate::moves::MoveState;
use crate::projection::raw::by_keys;
use crate::query::column;
use crate::{AuditEntry, OwnChange, Queries, Store, WriteTx, raw};

impl Store {
    /// Nobody waits any more for sites that have not given back what they have: what they still bring is judged as late
    /// (primary). Whether anybody was waited for.
    pub async fn end_gathering(&self) -> Result<bool, Fault> {
        self.write("end gathering", |tx| {
            Box::pin(async move { tx.end_gathering("command line").await })
        })
        .await
    }
}

impl Queries {
    /// Registered sites that have not given back what they have to this life, by Sync ID.
    pub async fn owing(&self, life: Incarnation) -> Result<Vec<SyncId>, Fault> {
        let mut owing = Vec::new();
        let given = self.given_back().await?;
        for site in self.sites().await?.into_iter().filter(|site| !site.retired) {
            let id = site.value.sync_id;
            if !id.is_primary() && !given.contains(&(id, life.counter)) {
                owing.push(id);
            }
        }
        Ok(owing)
    }

    async fn given_back(&self) -> Result<Vec<(SyncId, u32)>, Fault> {
        let sql = "SELECT site, given_back FROM peer WHERE given_back > 0 ORDER BY site LIMIT 100000";
        let rows = self.conn().rows(sql, vec![]).await?;
        let found = rows
            .iter()
            .map(|row| Ok((raw::site(column(row, 0)?)?, number(row, 1)? as u32)));
        found.collect()
    }

    async fn has_given_back(&self, site: SyncId, life: Incarnation) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM peer WHERE site = $1 AND given_back >= $2";
        let values = vec![i32::from(site.get()).into(), i64::from(life.counter).into()];
        Ok(self.conn().row(sql, values).await?.is_some())
    }

    /// How a site that says Hello stands to the life.
    pub(crate) async fn life_for(&self, hello: &Hello, life: &LaterLife) -> Result<PrimaryLife, Fault> {
        let given_back = self.has_given_back(hello.sync_id, life.began.incarnation).await?;
        Ok(PrimaryLife {
            began: life.began,
            gathering: life.gathering,
            given_back: given_back && !hello.recovers,
        })
    }

    /// Where a site stands that heard of a past of ours which is lost: records that it was not sent then may be back at a
    /// place that it has passed. What it had acknowledged here it has, in that version or a later one.
    pub(crate) async fn stands_of(
        &self,
        hello: &Hello,
        life: &LaterLife,
        known: Option<Incarnation>,
        serve: &[Served],
    ) -> Result<Option<Vec<(Channel, Cursor)>>, Fault> {
        let Some(heard) = hello
            .checkpoint
            .filter(|heard| heard.incarnation != life.began.incarnation)
        else {
            return Ok(None);
        };
        let kept = self.kept_of(heard.incarnation).await?;
        let Some(kept) = kept.filter(|_| known == hello.incarnation) else {
            return Ok(Some(Vec::new()));
        };
        if heard.seq <= kept {
            return Ok(None);
        }
        let acknowledged = self.cursors_with(hello.sync_id, Direction::Pull).await?;
        let stands = hello.cursors.iter().filter_map(|(channel, said)| {
            let served = serve.iter().any(|served| served.channel == *channel);
            let row = acknowledged
                .iter()
                .find(|row| served && row.channel == *channel)?;
            match (row.cursor, said) {
                (Cursor::Following { seq: known }, Cursor::Following { seq: said }) => {
                    let seq = known.min(*said);
                    Some((*channel, Cursor::Following { seq }))
                }
                _ => None,
            }
        });
        Ok(Some(stands.collect()))
    }

    /// How much of a former life is certainly the same here.
    async fn kept_of(&self, life: Incarnation) -> Result<Option<Seq>, Fault> {
        let sql = "SELECT kept_seq FROM former_life WHERE incarnation = $1 AND incarnation_random = $2";
        let values = vec![i64::from(life.counter).into(), (life.random as i64).into()];
        let row = self.conn().row(sql, values).await?;
        row.map(|row| number(&row, 0)).transpose()
    }

    /// By what a push of this site is judged, in a later life.
    pub(crate) async fn giving_back(&self, site: SyncId) -> Result<Option<GivingBack>, Fault> {
        let Some(life) = self.later_life().await? else {
            return Ok(None);
        };
        Ok(Some(GivingBack {
            life: life.began.incarnation.counter,
            kept: life.kept,
            open: !self.has_given_back(site, life.began.incarnation).await?,
        }))
    }

    /// Whether what is known of a site's feed is of a former life of its database: the present one began when this was lost.
    pub(crate) async fn is_outlived(
        &self,
        site: SyncId,
        known: Option<Checkpoint>,
        life: Option<Incarnation>,
    ) -> Result<bool, Fault> {
        let (Some(known), Some(life)) = (known, life) else {
            return Ok(false);
        };
        if life.counter <= known.incarnation.counter {
            return Ok(false);
        }
        match self.later_life().await? {
            Some(present) => Ok(!self.has_given_back(site, present.began.incarnation).await?),
            None => Ok(false),
        }
    }

    /// Of these channels, those in which a site gives back, and does not push its own store's: by where stores are active now,
    /// or by what the site knew of that when it gave back.
    pub(crate) async fn given_in(&self, site: SyncId, channels: Vec<Channel>) -> Result<Vec<Channel>, Fault> {
        let own = self.stores_of_site(site).await?;
        let sql = format!(
            "SELECT c.name FROM cursor u JOIN channel c ON c.number = u.channel WHERE u.peer = $1 AND u.direction = {} \
             AND u.given LIMIT 1000000",
            direction_number(Direction::Push)
        );
        let mut marked = BTreeSet::new();
        for row in self.conn().rows(sql, vec![i32::from(site.get()).into()]).await? {
            marked.insert(column::<String>(&row, 0)?);
        }
        let given = channels.into_iter();
        let given = given.filter(|channel| {
            channel.store().is_none_or(|store| !own.contains(&store)) || marked.contains(&channel.to_string())
        });
        Ok(given.collect())
    }
}

impl WriteTx {
    /// A site has given back everything to this life.
    pub(crate) async fn record_given_back(&mut self, site: SyncId, life: Incarnation) -> Result<(), Fault> {
        let Some(present) = self.later_life().await? else {
            return Ok(());
        };
        if present.began.incarnation != life || self.has_given_back(site, life).await? {
            return Ok(());
        }
        // What was heard of a former life of its database is of no use: only this one speaks for the site.
        let sql = "UPDATE peer SET given_back = $2, checkpoint_seq = CASE WHEN checkpoint_incarnation = incarnation \
                   AND checkpoint_random = incarnation_random THEN checkpoint_seq ELSE NULL END WHERE site = $1";
        let values = vec![i32::from(site.get()).into(), i64::from(life.counter).into()];
        self.conn().execute(sql, values).await?;
        if self.owing(life).await?.is_empty() {
            self.end_gathering("this primary").await?;
        }
        Ok(())
    }

    /// What is known now of where stores are active is said anew, so that it holds everywhere; moves under way are off.
    async fn end_gathering(&mut self, by: &str) -> Result<bool, Fault> {
        let Some(life) = self.later_life().await?.filter(|life| life.gathering) else {
            return Ok(false);
        };
        let sql = "UPDATE primary_life SET gathering = FALSE WHERE id = 1";
        self.conn().execute(sql, vec![]).await?;
        let sql = "UPDATE store_move SET ended_at = $1, outcome = $2 WHERE ended_at IS NULL";
        let values = vec![self.now().0.into(), MoveState::Cancelled.number().into()];
        self.conn().execute(sql, values).await?;
        let owing = self.owing(life.began.incarnation).await?;
        let present = self.all_assignments().await?;
        let present = present
            .into_iter()
            .filter(|found| !found.retired)
            .map(|found| found.value);
        let said: Vec<(Assignment, Assignment)> = present
            .map(|before| {
                let now = renewed(&before, life.began.incarnation.counter);
                (before, now)
            })
            .collect();
        let changes = said.iter().map(|(_, now)| OwnChange {
            body: RecordBody::Assignment(now.clone()),
            deleted: false,
            expected: None,
        });
        self.put(changes.collect()).await?;
        self.hands_changed(&said).await?;
        let waived = owing.iter().map(SyncId::to_string).collect::<Vec<_>>().join(", ");
        let entry = AuditEntry {
            at: self.now(),
            principal: by.to_owned(),
            from: String::new(),
            action: "recovery.end".to_owned(),
            subject: SyncId::PRIMARY.to_string(),
            old: String::new(),
            new: match waived.is_empty() {
                true => "every site has given back what it has".to_owned(),
                false => format!("not waited for: {waived}"),
            },
        };
        self.audit(entry).await?;
        Ok(true)
    }

    /// Another database of the site goes on: it gives back what it has from the beginning.
    pub(crate) async fn forget_what_was_given(&mut self, site: SyncId) -> Result<(), Fault> {
        if self.later_life().await?.is_none() {
            return Ok(());
        }
        self.forget_given_cursors(site).await?;
        let sql = "UPDATE peer SET given_back = 0 WHERE site = $1";
        self.conn()
            .execute(sql, vec![i32::from(site.get()).into()])
            .await
            .map(drop)
    }

    /// Where this primary stood in what a site gave back is of no use once that is done.
    pub(crate) async fn forget_done_giving(&mut self, site: SyncId) -> Result<(), Fault> {
        match self.later_life().await? {
            Some(life) if self.has_given_back(site, life.began.incarnation).await? => {
                self.forget_given_cursors(site).await
            }
            _ => Ok(()),
        }
    }

    /// Notes that a site gave back in these channels: its own work was left out of that.
    pub(crate) async fn mark_given(&mut self, site: SyncId, channels: &[Channel]) -> Result<(), Fault> {
        let totals = self.channel_totals(channels).await?;
        let numbers = totals.values().map(|total| total.number.into()).collect();
        let head = format!(
            "UPDATE cursor SET given = TRUE WHERE NOT given AND peer = {site} AND direction = {} AND channel IN ",
            direction_number(Direction::Push)
        );
        for (sql, values) in by_keys(self.conn().backend(), &head, numbers) {
            self.conn().execute(sql, values).await?;
        }
        Ok(())
    }

    async fn forget_given_cursors(&mut self, site: SyncId) -> Result<(), Fault> {
        let known = self.cursors_with(site, Direction::Push).await?;
        let channels = known.into_iter().map(|row| row.channel).collect();
        let given = self.given_in(site, channels).await?;
        self.forget_cursors(site, Direction::Push, &given).await
    }
}
