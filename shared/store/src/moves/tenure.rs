//! What a site keeps of the stores that are or were active on it: whether it has begun to write, what it decided about
//! a move, and whether work of it is still on its way.

use std::collections::{HashMap, HashSet};

use supplysync_model::{
    Assignment, AssignmentState, Channel, Epoch, Fault, StoreId, StoreTotals, SyncId, Timestamp,
};
use supplysync_sync_core::{Cursor, Direction, Tenure, tenure_matters};

use crate::fault::database;
use crate::projection::code;
use crate::projection::raw::by_keys;
use crate::{Queries, WriteTx, cursor};

/// What is written in `store_tenure.decision`.
pub(super) const RELEASED: i32 = 0;
pub(super) const ABORTED: i32 = 1;

/// A row of `store_tenure`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The version of the assignment that was decided about, and what.
    pub decided: Option<(u64, i32)>,
    /// The ownership under which this site has begun to write.
    pub taken: Option<Epoch>,
}

impl Queries {
    /// What this site itself knows of assignments; those that need no such knowledge are left out.
    pub async fn tenures<'a>(
        &self,
        assignments: impl Iterator<Item = &'a Assignment>,
    ) -> Result<HashMap<StoreId, Tenure>, Fault> {
        let here = self.sync_id();
        let concerned: Vec<_> = assignments.filter(|a| tenure_matters(here, a)).collect();
        let rows = self.tenure_rows(concerned.iter().map(|a| a.store)).await?;
        let taken = |assignment: &Assignment| {
            let row = rows.get(&assignment.store);
            row.and_then(|row| row.taken) == Some(assignment.epoch)
        };
        // Nothing more is asked of a store that was taken over long ago: this is read with every write.
        let open = concerned.iter().copied().filter(|assignment| !taken(assignment));
        let unreadable = self.unreadable_among(open).await?;
        let mut tenures = HashMap::with_capacity(concerned.len());
        for assignment in concerned {
            let row = rows.get(&assignment.store).copied().unwrap_or_default();
            let taken_over = match assignment.hand_over {
                None => true,
                Some(_) if taken(assignment) => true,
                Some(_) if unreadable.contains(&assignment.store) => false,
                Some(given) => self.store_totals(assignment.store).await? == given.totals,
            };
            let aborted = row.decided.filter(|(_, what)| *what == ABORTED);
            let aborted = aborted.map(|(version, _)| version);
            tenures.insert(assignment.store, Tenure { aborted, taken_over });
        }
        Ok(tenures)
    }

    /// Stores that were handed over to this site, that it has not begun to write, and that it can't: some of their records
    /// were written by a newer program.
    pub(crate) async fn unreadable_among<'a>(
        &self,
        assignments: impl Iterator<Item = &'a Assignment>,
    ) -> Result<HashSet<StoreId>, Fault> {
        let given = assignments.filter(|assignment| assignment.hand_over.is_some());
        let given: HashMap<_, _> = given.map(|given| (given.store, given.epoch)).collect();
        if given.is_empty() {
            return Ok(HashSet::new());
        }
        let sql = "SELECT DISTINCT c.name FROM parked p JOIN record r ON r.kind = p.kind AND r.id = p.id \
                   JOIN channel c ON c.number = r.channel WHERE p.missing_kind IS NULL AND NOT r.deleted";
        let mut unreadable = HashSet::new();
        for row in self.conn().rows(sql, vec![]).await? {
            let name: String = row.try_get_by_index(0).map_err(database)?;
            let store = name.parse::<Channel>().ok().and_then(|channel| channel.store());
            unreadable.extend(store.filter(|store| given.contains_key(store)));
        }
        let begun = self.tenure_rows(unreadable.iter().copied()).await?;
        unreadable.retain(|store| begun.get(store).and_then(|row| row.taken) != given.get(store).copied());
        Ok(unreadable)
    }

    pub(super) async fn tenure_rows(
        &self,
        stores: impl Iterator<Item = StoreId>,
    ) -> Result<HashMap<StoreId, Row>, Fault> {
        let head =
            "SELECT store_id, decided_version, decision, taken_epoch FROM store_tenure WHERE store_id IN ";
        let keys = stores.map(|store| code::bytes(store.to_bytes())).collect();
        let mut found = HashMap::new();
        for (sql, values) in by_keys(self.conn().backend(), head, keys) {
            for row in self.conn().rows(sql, values).await? {
                let version: Option<i64> = row.try_get_by_index(1).map_err(database)?;
                let decision: Option<i32> = row.try_get_by_index(2).map_err(database)?;
                let taken: Option<i64> = row.try_get_by_index(3).map_err(database)?;
                let kept = Row {
                    decided: version.map(|version| version as u64).zip(decision),
                    taken: taken.map(|epoch| Epoch::from_packed(epoch as u64)),
                };
                found.insert(code::id(row.try_get_by_index(0).map_err(database)?)?, kept);
            }
        }
        Ok(found)
    }

    /// What is held of a store here: the totals of its two channels.
    pub async fn store_totals(&self, store: StoreId) -> Result<StoreTotals, Fault> {
        let channels = Channel::of_store(store);
        let numbers = self.channel_totals(&channels).await?;
        let known: Vec<_> = numbers.values().map(|total| total.number).collect();
        let digests = self.channel_digests(&known).await?;
        let of = |channel: &Channel| {
            let total = numbers.get(channel)?;
            digests.get(&total.number).copied()
        };
        let [stock, history] = &channels;
        Ok(StoreTotals {
            stock: of(stock).unwrap_or_default(),
            history: of(history).unwrap_or_default(),
        })
    }

    /// Whether this site wrote anything in the store that the primary has not acknowledged (satellite).
    pub(crate) async fn has_unacknowledged(&self, store: StoreId) -> Result<bool, Fault> {
        let totals = self.channel_totals(&Channel::of_store(store)).await?;
        let numbers: Vec<_> = totals.values().map(|total| total.number).collect();
        let seen =
            cursor::of_channels(self.conn(), SyncId::PRIMARY, Direction::Push, numbers.clone()).await?;
        let sql = "SELECT 1 FROM record WHERE channel = $1 AND seq > $2 AND origin_site = $3 AND revision = seq LIMIT 1";
        for number in numbers {
            let seen = match seen.get(&number) {
                Some(Cursor::Following { seq }) => *seq,
                _ => 0,
            };
            let here = i32::from(self.sync_id().get());
            let values = vec![number.into(), (seen as i64).into(), here.into()];
            if self.conn().row(sql, values).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When this site was last asked to stop writing in a store that was active here.
    async fn noticed(&self, store: StoreId) -> Result<Option<Timestamp>, Fault> {
        let sql = "SELECT noticed_at FROM store_tenure WHERE store_id = $1";
        let row = self.conn().row(sql, vec![code::bytes(store.to_bytes())]).await?;
        let at = row.map(|row| row.try_get_by_index::<Option<i64>>(0).map_err(database));
        Ok(at.transpose()?.flatten().map(Timestamp))
    }

    /// Stores that went elsewhere while work of this site was on its way, by id.
    pub(crate) async fn lost_stores(&self) -> Result<Vec<StoreId>, Fault> {
        let sql = "SELECT store_id FROM store_tenure WHERE lost ORDER BY store_id LIMIT 100000";
        let rows = self.conn().rows(sql, vec![]).await?;
        rows.iter()
            .map(|row| code::id(row.try_get_by_index(0).map_err(database)?))
            .collect()
    }
}

impl WriteTx {
    /// Notes that this site writes under these ownerships: what came with the hand-over was all here.
    pub(crate) async fn take_over<'a>(
        &mut self,
        begun: impl Iterator<Item = &'a Assignment>,
    ) -> Result<(), Fault> {
        let begun: Vec<_> = begun
            .filter(|assignment| assignment.hand_over.is_some())
            .collect();
        let known = self.tenure_rows(begun.iter().map(|a| a.store)).await?;
        for assignment in begun {
            if known.get(&assignment.store).and_then(|row| row.taken) == Some(assignment.epoch) {
                continue;
            }
            let sql = "INSERT INTO store_tenure (store_id, taken_epoch, lost) VALUES ($1, $2, FALSE) \
                       ON CONFLICT (store_id) DO UPDATE SET taken_epoch = excluded.taken_epoch";
            let values = vec![
                code::bytes(assignment.store.to_bytes()),
                (assignment.epoch.packed() as i64).into(),
            ];
            self.conn().execute(sql, values).await?;
        }
        Ok(())
    }

    /// Stores that changed hands in this transaction: what this site still has on its way is sent on, and what was
    /// proven of a copy was in another owner's counting.
    pub(crate) async fn hands_changed(&mut self, changes: &[(Assignment, Assignment)]) -> Result<(), Fault> {
        let here = self.sync_id();
        for (before, now) in changes {
            if before.epoch != now.epoch {
                self.forget_proof(now.store).await?;
            }
            if before.site != now.site && here.is_primary() {
                self.call_off_repairs(&[now.store]).await?;
            }
            let lost = before.site == here && now.site != here;
            if lost && !here.is_primary() {
                let noticed = self.noticed(now.store).await?;
                self.date_lost(now.store, noticed).await?;
            }
            if lost
                && (self.has_unacknowledged(now.store).await? || self.may_be_lost_there(now.store).await?)
            {
                let sql = "INSERT INTO store_tenure (store_id, lost) VALUES ($1, TRUE) \
                           ON CONFLICT (store_id) DO UPDATE SET lost = TRUE";
                let values = vec![code::bytes(now.store.to_bytes())];
                self.conn().execute(sql, values).await?;
            }
            if now.site == here && matches!(now.state, AssignmentState::Draining { .. }) {
                let sql = "INSERT INTO store_tenure (store_id, noticed_version, noticed_at, lost) \
                           VALUES ($1, $2, $3, FALSE) ON CONFLICT (store_id) DO UPDATE SET \
                           noticed_version = excluded.noticed_version, noticed_at = excluded.noticed_at";
                let values = vec![
                    code::bytes(now.store.to_bytes()),
                    (now.version as i64).into(),
                    self.now().0.into(),
                ];
                self.conn().execute(sql, values).await?;
            }
        }
        Ok(())
    }

    async fn forget_proof(&mut self, store: StoreId) -> Result<(), Fault> {
        let sql = "UPDATE cursor SET owner_seq = NULL, owner_at = NULL WHERE channel IN \
                   (SELECT number FROM channel WHERE name IN ($1, $2))";
        let names = Channel::of_store(store).map(|channel| channel.to_string().into());
        self.conn().execute(sql, names.into()).await.map(drop)
    }

    /// Forgets lost stores of which everything is acknowledged by now.
    pub(crate) async fn settle_losses(&mut self) -> Result<(), Fault> {
        for store in self.lost_stores().await? {
            if !self.has_unacknowledged(store).await? && !self.may_be_lost_there(store).await? {
                let sql = "UPDATE store_tenure SET lost = FALSE WHERE store_id = $1";
                let values = vec![code::bytes(store.to_bytes())];
                self.conn().execute(sql, values).await?;
            }
        }
        Ok(())
    }
}
