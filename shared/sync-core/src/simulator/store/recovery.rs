//! Recovery of a restored or copied database: a new life, own stores loaded back, and what only this database has goes up.

use supplysync_model::{
    Assignment, Channel, Checkpoint, Fault, Incarnation, RecordHash, RecordKey, Seq, SyncId,
};

use super::{ModelStore, Moment, Recovery, RecoveryStep, StoredRecord};
use crate::{
    Cursor, Direction, LeftOver, OwnRecord, Part, Reunion, Reunited, extend_chain, is_own_work, seal,
};

/// A version that was written anew: which record, what it was before, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Which record.
    pub key: RecordKey,
    /// Before.
    pub before: RecordHash,
    /// Now.
    pub now: RecordHash,
}

impl ModelStore {
    /// A person decides that this database goes on.
    pub fn recover(&mut self, moment: Moment) {
        self.recovery = Some(Recovery {
            step: RecoveryStep::Asked,
            began: 0,
        });
        self.commit(&[], moment);
    }

    /// The recovery under way.
    pub fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    /// Whether what this site has must wait: it may be of another past than the primary's.
    pub(super) fn holds_back(&self) -> bool {
        self.recovery
            .is_some_and(|recovery| recovery.step < RecoveryStep::Done)
    }

    /// A recovery that was under way begins again; whether one was.
    pub(super) fn begin_recovery_again(&mut self) -> bool {
        let again = self.holds_back() && !self.asks_for_life();
        if let Some(recovery) = self.recovery.as_mut().filter(|_| again) {
            recovery.step = RecoveryStep::Asked;
        }
        again
    }

    /// Whether a new life is to be asked for: until something came that proves that the primary knows of it.
    pub(super) fn asks_for_life(&self) -> bool {
        self.recovery
            .is_some_and(|recovery| recovery.step < RecoveryStep::Loading)
    }

    /// An ack came, and with it the proof that the primary knows of the new life.
    pub(super) fn life_is_known(&mut self) {
        if let Some(recovery) = &mut self.recovery
            && recovery.step == RecoveryStep::Adopted
        {
            recovery.step = RecoveryStep::Loading;
        }
    }

    /// Begins a new life beyond a seq: what the primary may not know is written anew, and own stores are loaded afresh.
    pub fn begin_life(
        &mut self,
        moment: Moment,
        life: Incarnation,
        resume_after: Seq,
    ) -> Result<(Checkpoint, Vec<Renewal>), Fault> {
        if !self.asks_for_life() {
            return Err(Fault::internal("a new life for a database that asks for none"));
        }
        self.incarnation = Some(life);
        self.seq = self.seq.max(resume_after) + 1;
        self.chain = extend_chain(self.chain, self.seq, &[], moment.salt);
        self.chains.insert(self.seq, self.chain);
        self.recovery = Some(Recovery {
            step: RecoveryStep::Adopted,
            began: self.seq,
        });
        let unknown: Vec<_> = self
            .records
            .values()
            .filter(|held| self.may_be_unknown(held))
            .map(|held| (held.seq, held.record.key))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_values()
            .collect();
        let (renewals, hashes) = self.renew(unknown);
        self.load_own_afresh();
        self.commit(&hashes, moment);
        let head = self
            .head()
            .ok_or_else(|| Fault::internal("the incarnation is gone"))?;
        Ok((head, renewals))
    }

    fn may_be_unknown(&self, held: &StoredRecord) -> bool {
        held.record.channel.store().is_some()
            && is_own_work(self.sync_id, &held.record, held.seq)
            && held.seq > self.shared_up_to(held.record.channel)
    }

    /// Up to where the primary has certainly seen what this site wrote in a channel.
    fn shared_up_to(&self, channel: Channel) -> Seq {
        match self.acknowledged(channel) {
            Some(Cursor::Following { seq }) => seq,
            _ => 0,
        }
    }

    fn renew(&mut self, keys: Vec<RecordKey>) -> (Vec<Renewal>, Vec<RecordHash>) {
        let mut renewals = Vec::new();
        for key in keys {
            let Some(held) = self.records.get(&key) else {
                continue;
            };
            let mut record = held.record.clone();
            let before = record.hash;
            record.origin_site = self.sync_id;
            record.revision = self.seq + 1;
            let now = self.write(seal(record));
            renewals.push(Renewal { key, before, now });
        }
        let hashes = renewals.iter().map(|renewal| renewal.now).collect();
        (renewals, hashes)
    }

    fn load_own_afresh(&mut self) {
        let here = self.sync_id;
        let own: Vec<_> = self.own_channels();
        self.cursors.retain(|(peer, channel, direction), _| {
            *peer != SyncId::PRIMARY || *direction != Direction::Pull || !own.contains(channel)
        });
        for ((peer, _, direction), row) in &mut self.cursors {
            row.caught_up &= *peer != SyncId::PRIMARY || *direction != Direction::Pull || here.is_primary();
        }
    }

    /// The channels of the stores active here.
    pub(super) fn own_channels(&self) -> Vec<Channel> {
        let own = self
            .assignments()
            .filter(|assignment| assignment.site == self.sync_id);
        own.flat_map(|assignment| Channel::of_store(assignment.store))
            .collect()
    }

    /// The assignment by which a pull loads back what is active here, if it does.
    pub fn loads_back(&self, channel: Channel, direction: Direction) -> Option<Assignment> {
        let assignment = self.assignment(channel.store()?)?;
        let waits = direction == Direction::Pull && self.holds_back();
        (waits && assignment.site == self.sync_id).then_some(assignment)
    }

    /// Applies what the primary has of a store of this site.
    pub(super) fn take_back(
        &mut self,
        assignment: &Assignment,
        part: Part,
        range: Option<(Option<RecordKey>, Option<RecordKey>)>,
    ) -> Reunions {
        let mut done = Reunions::default();
        let reunion = Reunion {
            site: self.sync_id,
            began: self.recovery.map_or(0, |recovery| recovery.began),
            shared: self.shared_up_to(part.channel),
            assignment,
        };
        let mut renewed = Vec::new();
        for key in self.left_in(&part, range) {
            let Some(held) = self.records.get(&key) else {
                continue;
            };
            let own = OwnRecord {
                record: &held.record,
                seq: held.seq,
            };
            match reunion.left_over(own) {
                LeftOver::Kept => {}
                LeftOver::Renewed => renewed.push((key, assignment.epoch)),
                LeftOver::Aside(reason) => {
                    let (record, here) = (held.record.clone(), self.sync_id);
                    self.set_aside(record, here, reason);
                    self.remove(key);
                }
            }
        }
        for (key, epoch) in renewed {
            if let Some(held) = self.records.get_mut(&key) {
                held.record.epoch = epoch;
            }
            let (renewals, hashes) = self.renew(vec![key]);
            done.renewals.extend(renewals);
            done.hashes.extend(hashes);
        }
        for record in part.records {
            let held = self.records.get(&record.key);
            let own = held.map(|held| OwnRecord {
                record: &held.record,
                seq: held.seq,
            });
            match reunion.of(own, &record) {
                Reunited::Same => done.duplicates += 1,
                Reunited::Again => {
                    let (key, now) = (record.key, record.hash);
                    let before = held.map_or(now, |held| held.record.hash);
                    done.renewals.push(Renewal { key, before, now });
                    done.hashes.push(self.write(record));
                }
                Reunited::Theirs => done.hashes.push(self.write(record)),
                Reunited::Ours => {}
                Reunited::OursRenewed => {
                    let (renewals, hashes) = self.renew(vec![record.key]);
                    done.renewals.extend(renewals);
                    done.hashes.extend(hashes);
                }
                Reunited::OursAside(reason) => {
                    if let Some(held) = held {
                        let (ours, here) = (held.record.clone(), self.sync_id);
                        self.set_aside(ours, here, reason);
                    }
                    done.hashes.push(self.write(record));
                }
                Reunited::Refused(reason) => self.set_aside(record, SyncId::PRIMARY, reason),
            }
        }
        done
    }

    fn left_in(&self, part: &Part, range: Option<(Option<RecordKey>, Option<RecordKey>)>) -> Vec<RecordKey> {
        let Some((after, last)) = range else {
            return Vec::new();
        };
        self.feed(part.channel, 0)
            .map(|held| held.record.key)
            .filter(|key| after.is_none_or(|after| *key > after) && last.is_none_or(|last| *key <= last))
            .filter(|key| !part.records.iter().any(|record| record.key == *key))
            .collect()
    }

    /// After a pull: how far the recovery is now.
    pub(super) fn advance_recovery(&mut self) {
        let Some(recovery) = self.recovery.filter(|_| self.holds_back()) else {
            return;
        };
        let caught_up = |channel: Channel| {
            self.cursor(SyncId::PRIMARY, channel, Direction::Pull)
                .is_some_and(|row| row.caught_up)
        };
        let mut needed = self.own_channels();
        needed.push(Channel::Master);
        let done = needed.into_iter().all(caught_up) && !self.waits_for_upgrade();
        let step = match recovery.step {
            RecoveryStep::Asked => return,
            _ if done => RecoveryStep::Done,
            _ => RecoveryStep::Loading,
        };
        self.recovery = Some(Recovery { step, ..recovery });
        if done {
            // Whatever was handed over is here, and what was written since.
            let own: Vec<_> = self
                .assignments()
                .filter(|assignment| assignment.site == self.sync_id)
                .map(|assignment| (assignment.store, assignment.epoch))
                .collect();
            self.taken.extend(own);
        }
    }

    /// Whether a recovery waits for a newer program: what was written elsewhere is to be read before this site begins to write
    /// beside it.
    pub fn waits_for_upgrade(&self) -> bool {
        let mut own = self
            .assignments()
            .filter(|assignment| assignment.site == self.sync_id);
        self.holds_back()
            && own
                .any(|assignment| !self.has_begun(&assignment) && self.parked_of_store(assignment.store) > 0)
    }

    /// The primary has noted that this life has taken back everything.
    pub(super) fn recovery_noted(&mut self, life: Incarnation) {
        if self.incarnation == Some(life) && !self.holds_back() {
            self.recovery = None;
        }
    }

    /// The life that has taken back everything, if the primary is still to be told; and again if a backup of it, made in
    /// between, serves this site its own stores.
    pub(super) fn recovered(&self) -> Option<Incarnation> {
        let told = match self.recovery {
            Some(recovery) => recovery.step != RecoveryStep::Done,
            None => !(self.has_met_a_life() && self.is_served_its_own()),
        };
        self.incarnation.filter(|_| !told)
    }

    fn is_served_its_own(&self) -> bool {
        let mut own = self.own_channels().into_iter();
        own.any(|channel| self.cursor(SyncId::PRIMARY, channel, Direction::Pull).is_some())
    }
}

/// What loading back did.
#[derive(Debug, Default)]
pub(super) struct Reunions {
    pub hashes: Vec<RecordHash>,
    pub renewals: Vec<Renewal>,
    pub duplicates: u64,
}
