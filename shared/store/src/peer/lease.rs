//! The lease: the right of one session at a time to speak for a site.

use futures::FutureExt;
use supplysync_model::{Channel, Checkpoint, Fault, FaultCode, Incarnation, Reason, SyncId};
use supplysync_sync_core::Direction;

use crate::cursor::direction_number;
use crate::fault::database;
use crate::notice::Notice;
use crate::projection::raw::by_keys;
use crate::{Queries, Store, WriteTx};

impl Store {
    /// Gives the site's lease to a session, fencing an older one, and stores the site's incarnation; with where a new life
    /// of its database begins, if it does. The number of this grant: of two grants to one site the later has the higher.
    pub async fn grant_lease(
        &self,
        site: SyncId,
        session: u64,
        incarnation: Incarnation,
        begins: Option<Checkpoint>,
    ) -> Result<u64, Fault> {
        self.write("grant lease", move |tx| {
            tx.grant_lease(site, session, incarnation, begins).boxed()
        })
        .await
    }

    /// The session that speaks for a site.
    pub async fn lease_holder(&self, site: SyncId) -> Result<Option<u64>, Fault> {
        self.read("lease holder", move |tx| {
            async move { tx.lease_holder(site).await }.boxed()
        })
        .await
    }

    /// Forgets the cursors of channels that are no longer served to this site; a new grant loads afresh.
    pub async fn forget_channels(&self, channels: Vec<Channel>) -> Result<(), Fault> {
        let asked = channels.clone();
        let known = self.read("channels to forget", move |tx| {
            async move {
                let known = tx.cursors_with(SyncId::PRIMARY, Direction::Pull).await?;
                Ok(known.iter().any(|row| asked.contains(&row.channel)))
            }
            .boxed()
        });
        if !known.await? {
            // Such as those of a store that this site gave away: an idle session commits nothing.
            return Ok(());
        }
        self.write("forget channels", move |tx| {
            let channels = channels.clone();
            async move {
                // What is active here and was loaded back is no copy.
                let own = tx.stores_of_site(tx.sync_id()).await?;
                let copies = channels.iter().copied();
                let copies =
                    copies.filter(|channel| channel.store().is_none_or(|store| !own.contains(&store)));
                tx.date_copies(&copies.collect::<Vec<_>>()).await?;
                tx.forget_cursors(SyncId::PRIMARY, Direction::Pull, &channels)
                    .await
            }
            .boxed()
        })
        .await
    }
}

impl Queries {
    /// The session that speaks for a site.
    pub async fn lease_holder(&self, site: SyncId) -> Result<Option<u64>, Fault> {
        let sql = "SELECT session FROM session_lease WHERE site = $1 AND session <> 0";
        let row = self.conn().row(sql, vec![i32::from(site.get()).into()]).await?;
        row.map(|row| Ok(row.try_get_by_index::<i64>(0).map_err(database)? as u64))
            .transpose()
    }
}

impl WriteTx {
    /// Whether a session, where it needs the lease, still speaks for the site; `SESSION_FENCED` if not.
    pub(crate) async fn check_lease(&self, site: SyncId, session: Option<u64>) -> Result<(), Fault> {
        if session.is_none() || session == self.lease_holder(site).await? {
            return Ok(());
        }
        let message = format!("a newer session speaks for site {site}; this one ends");
        Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::SESSION_FENCED,
            message,
        ))
    }

    /// Nobody speaks for the site until a session is granted the lease. The grants are counted on, so that the next one is
    /// known to be the later.
    pub(crate) async fn take_lease_away(&mut self, site: SyncId) -> Result<(), Fault> {
        let sql = "UPDATE session_lease SET session = 0 WHERE site = $1";
        self.conn()
            .execute(sql, vec![i32::from(site.get()).into()])
            .await?;
        self.notify(Notice::Lease(site));
        Ok(())
    }

    async fn grant_lease(
        &mut self,
        site: SyncId,
        session: u64,
        incarnation: Incarnation,
        begins: Option<Checkpoint>,
    ) -> Result<u64, Fault> {
        let number = i32::from(site.get());
        let sql = "INSERT INTO session_lease (site, session, granted_at, grants) VALUES ($1, $2, $3, 1) \
                   ON CONFLICT (site) DO UPDATE SET session = excluded.session, granted_at = excluded.granted_at, \
                   grants = session_lease.grants + 1 RETURNING grants";
        let values = vec![number.into(), (session as i64).into(), self.now().0.into()];
        let row = self.conn().row(sql, values).await?;
        let row = row.ok_or_else(|| Fault::internal("a lease that was not granted"))?;
        let grant = row.try_get_by_index::<i64>(0).map_err(database)? as u64;
        self.notify(Notice::Lease(site));
        let known = self.peer(site).await?;
        self.forget_withdrawn(site, known.incarnation != Some(incarnation))
            .await?;
        let outlived = self
            .is_outlived(site, known.checkpoint, Some(incarnation))
            .await?;
        if begins.is_none() && outlived {
            // Where we stood was in another feed.
            let push = direction_number(Direction::Push);
            let sql = format!("DELETE FROM cursor WHERE peer = $1 AND direction = {push}");
            self.conn().execute(sql, vec![number.into()]).await?;
        }
        // A site that is new here has handed nothing over, whoever had its Sync ID before.
        let sql = "INSERT INTO peer (site, incarnation, incarnation_random, seen_at, life_began_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (site) DO UPDATE SET incarnation = excluded.incarnation, \
                   incarnation_random = excluded.incarnation_random, seen_at = excluded.seen_at";
        let values = vec![
            number.into(),
            i64::from(incarnation.counter).into(),
            (incarnation.random as i64).into(),
            self.now().0.into(),
            (self.now().0 - 1).into(),
        ];
        self.conn().execute(sql, values).await?;
        match begins {
            Some(begins) => self.know_new_life(site, begins).await?,
            None => self.forget_done_giving(site).await?,
        }
        Ok(grant)
    }

    /// What a site acknowledged in channels that it is served no longer is of no use; nor is anything that another
    /// life of its database acknowledged.
    async fn forget_withdrawn(&mut self, site: SyncId, all: bool) -> Result<(), Fault> {
        let served = self.served_channels(site).await?;
        let known = self.cursors_with(site, Direction::Pull).await?;
        let withdrawn = known.iter().map(|row| row.channel);
        let withdrawn: Vec<_> = withdrawn
            .filter(|channel| all || !served.iter().any(|served| served.channel == *channel))
            .collect();
        self.forget_cursors(site, Direction::Pull, &withdrawn).await
    }

    /// Deletes the cursors of channels one way between this site and a peer.
    pub(crate) async fn forget_cursors(
        &mut self,
        peer: SyncId,
        direction: Direction,
        channels: &[Channel],
    ) -> Result<(), Fault> {
        let totals = self.channel_totals(channels).await?;
        let numbers = totals.values().map(|total| total.number.into()).collect();
        let head = format!(
            "DELETE FROM cursor WHERE peer = {peer} AND direction = {} AND channel IN ",
            direction_number(direction)
        );
        for (sql, values) in by_keys(self.conn().backend(), &head, numbers) {
            self.conn().execute(sql, values).await?;
        }
        Ok(())
    }
}
