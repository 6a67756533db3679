//! A new life: on the satellite it goes on the feed that was, and what the primary may not know is written anew; on the
//! primary no other database of the site is known from then on.

use std::collections::HashMap;

use futures::FutureExt;
use supplysync_model::{
    Channel, Checkpoint, Epoch, Fault, Incarnation, Kind, Record, RecordKey, Seq, SyncId,
};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{Direction, extend_chain, seal};

use crate::cursor::direction_number;
use crate::digest::Deltas;
use crate::fault::database;
use crate::held::{self, record_id};
use crate::landing::Landing;
use crate::{AuditEntry, Queries, Store, WriteTx, raw};

use super::{Recovery, RecoveryStep};

/// Records written anew at a time.
const PAGE: usize = 2_500;

impl Store {
    /// Begins a new life of this database beyond a seq, in one transaction; where it begins (satellite).
    pub async fn begin_life(&self, life: Incarnation, resume_after: Seq) -> Result<Checkpoint, Fault> {
        let begins = self.write("begin a new life", move |tx| {
            async move { tx.begin_life(life, resume_after).await }.boxed()
        });
        let begins = begins.await?;
        self.set_incarnation(life);
        Ok(begins)
    }
}

impl WriteTx {
    async fn begin_life(&mut self, life: Incarnation, resume_after: Seq) -> Result<Checkpoint, Fault> {
        let asked = self.recovery().await?.filter(Recovery::asks_for_life);
        if asked.is_none() {
            return Err(Fault::internal("a new life for a database that asks for none"));
        }
        self.set_life(life).await?;
        let seq = self.head.seq.max(resume_after) + 1;
        let chain = extend_chain(self.head.chain, seq, &[], self.deps.random.bytes16());
        raw::store_head(self.conn(), seq, chain).await?;
        (self.head.seq, self.head.chain) = (seq, chain);
        let sql = "UPDATE recovery SET step = $1, began = $2 WHERE id = 1";
        let values = vec![(RecoveryStep::Adopted as i32).into(), (seq as i64).into()];
        self.conn().execute(sql, values).await?;
        self.renew_what_may_be_unknown(seq).await?;
        self.load_own_afresh().await?;
        self.extend().await?;
        let head = self.head.checkpoint();
        head.ok_or_else(|| Fault::internal("the incarnation is gone"))
    }

    /// Work of this site that the primary may not have seen moves beyond everything that it has.
    async fn renew_what_may_be_unknown(&mut self, began: Seq) -> Result<(), Fault> {
        let rows = self
            .conn()
            .rows("SELECT number, name FROM channel", vec![])
            .await?;
        let mut numbers = Vec::with_capacity(rows.len());
        for row in &rows {
            let name: String = row.try_get_by_index(1).map_err(database)?;
            if name
                .parse::<Channel>()
                .is_ok_and(|channel| channel.store().is_some())
            {
                numbers.push(row.try_get_by_index::<i32>(0).map_err(database)?);
            }
        }
        for (number, shared) in self.shared_up_to(numbers).await? {
            loop {
                let page = self.own_work_between(number, shared, began).await?;
                if page.is_empty() {
                    break;
                }
                self.renew(page, None).await?;
            }
        }
        Ok(())
    }

    /// Writes records anew as this site's own, in the order given, under the ownership they have or another one.
    pub(crate) async fn renew(&mut self, keys: Vec<RecordKey>, epoch: Option<Epoch>) -> Result<(), Fault> {
        if keys.is_empty() {
            return Ok(());
        }
        let old = held::by_key(self.conn(), keys.iter().copied()).await?;
        let whole = held::whole(self.conn(), keys.iter().copied()).await?;
        let mut whole: HashMap<_, _> = whole.into_iter().map(|record| (record.key, record)).collect();
        let mut renewed = Vec::with_capacity(keys.len());
        for record in keys.iter().filter_map(|key| whole.remove(key)) {
            let record = seal(Record {
                origin_site: self.sync_id(),
                revision: self.head.seq + 1 + renewed.len() as Seq,
                epoch: epoch.unwrap_or(record.epoch),
                ..record
            });
            let readable = !record.deleted || !record.body.is_empty();
            let body = readable
                .then(|| RecordBody::of_record(&record))
                .and_then(Result::ok);
            renewed.push((record, body));
        }
        let landings: Vec<_> = renewed
            .iter()
            .map(|(record, body)| Landing {
                record,
                body: body.as_ref(),
            })
            .collect();
        let mut deltas = Deltas::default();
        self.land(&landings, &old, &mut deltas).await?;
        deltas.store(self.conn()).await
    }

    /// Where this site stands in its own stores at the primary says nothing any more, nor whether it is caught up.
    async fn load_own_afresh(&mut self) -> Result<(), Fault> {
        let own = self.stores_of_site(self.sync_id()).await?;
        let channels: Vec<_> = own.into_iter().flat_map(Channel::of_store).collect();
        self.forget_cursors(SyncId::PRIMARY, Direction::Pull, &channels)
            .await?;
        let sql = format!(
            "UPDATE cursor SET caught_up_at = NULL WHERE peer = $1 AND direction = {}",
            direction_number(Direction::Pull)
        );
        let primary = i32::from(SyncId::PRIMARY.get());
        self.conn().execute(sql, vec![primary.into()]).await.map(drop)
    }

    /// A site's database begins a new life: what another life acknowledged, held, handed over or was refused says nothing of
    /// this one (primary).
    pub(crate) async fn know_new_life(&mut self, site: SyncId, begins: Checkpoint) -> Result<(), Fault> {
        if let Some(known) = self.peer(site).await?.checkpoint {
            let entry = AuditEntry {
                at: self.now(),
                principal: format!("site/{site}"),
                from: String::new(),
                action: "recovery.begin".to_owned(),
                subject: site.to_string(),
                old: in_words(known),
                new: in_words(begins),
            };
            self.audit(entry).await?;
        }
        raw::store_checkpoint(self.conn(), site, begins, self.now()).await?;
        let number = i32::from(site.get());
        let push = direction_number(Direction::Push);
        let now = self.now().0;
        for sql in [
            format!("UPDATE peer SET recovering = TRUE, life_began_at = {now} WHERE site = $1"),
            format!(
                "UPDATE cursor SET caught_up_at = NULL, compared_seq = NULL, compared_at = NULL, equal = NULL, \
                 explained = NULL, their_count = NULL, their_sum = NULL, our_count = NULL, our_sum = NULL, \
                 proven_seq = NULL, proven_at = NULL WHERE peer = $1 AND direction = {push}"
            ),
            "UPDATE store_move SET held = NULL, held_at = NULL WHERE to_site = $1 AND ended_at IS NULL".to_owned(),
            "UPDATE store_move SET released = NULL, released_at = NULL WHERE from_site = $1 AND ended_at IS NULL"
                .to_owned(),
            "UPDATE quarantine SET former = TRUE WHERE from_site = $1 AND resolved_at IS NULL".to_owned(),
        ] {
            self.conn().execute(sql, vec![number.into()]).await?;
        }
        self.forget_what_was_given(site).await
    }
}

impl Queries {
    /// What this site wrote itself in a channel between two seqs, in the order of its feed; a page of it.
    async fn own_work_between(&self, number: i32, after: Seq, through: Seq) -> Result<Vec<RecordKey>, Fault> {
        let sql = format!(
            "SELECT kind, id FROM record WHERE channel = $1 AND seq > $2 AND seq <= $3 AND origin_site = $4 \
             AND revision = seq ORDER BY seq LIMIT {PAGE}"
        );
        let values = vec![
            number.into(),
            (after as i64).into(),
            (through as i64).into(),
            i32::from(self.sync_id().get()).into(),
        ];
        let rows = self.conn().rows(sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(RecordKey {
                    kind: Kind(row.try_get_by_index::<i32>(0).map_err(database)? as u16),
                    id: record_id(row.try_get_by_index(1).map_err(database)?)?,
                })
            })
            .collect()
    }

    /// Whether a site is taking back its own stores (primary).
    pub(crate) async fn is_recovering(&self, site: SyncId) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM peer WHERE recovering AND site = $1";
        let row = self.conn().row(sql, vec![i32::from(site.get()).into()]).await?;
        Ok(row.is_some())
    }
}

fn in_words(point: Checkpoint) -> String {
    format!("life {} at seq {}", point.incarnation, point.seq)
}
