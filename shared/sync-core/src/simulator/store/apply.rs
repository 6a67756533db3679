//! Applying a batch: one transaction moves records, chain and cursors together, or nothing.

use supplysync_model::{
    Channel, Fault, FaultCode, Kind, Reason, Record, RecordHash, RecordKey, StoreId, SyncId,
};

use super::{CursorRow, ModelStore, Moment, Quarantined, StoredRecord, fault};
use crate::{
    ApplyOutcome, ApplyRequest, ChannelAck, Cursor, Direction, Part, Refusal, Tenure, Verdict,
    decide_give_back, decide_pull, decide_push, decide_repair, is_own_work, may_write, record_hash,
};

/// What one transaction does.
#[derive(Default)]
struct Work {
    hashes: Vec<RecordHash>,
    refused: Vec<Refusal>,
    duplicates: u64,
    renewals: Vec<super::Renewal>,
}

impl ModelStore {
    /// Applies a batch. `SESSION_FENCED` when the lease is gone, `PROTOCOL_VIOLATION` when a part does not start
    /// where this site stands. A record that is refused is quarantined; it never fails the batch.
    ///
    /// With it what was written anew, when this site loads its own stores back.
    pub fn apply(
        &mut self,
        moment: Moment,
        request: ApplyRequest,
    ) -> Result<(ApplyOutcome, Vec<super::Renewal>), Fault> {
        self.check_lease(request.peer, request.lease)?;
        for part in &request.parts {
            self.check_start(&request, part)?;
        }
        let ApplyRequest {
            direction,
            peer,
            parts,
            checkpoint,
            ..
        } = request;
        self.head()
            .ok_or_else(|| Fault::internal("a batch came before this database has an incarnation"))?;
        let mut work = Work::default();
        let given = direction == Direction::Push && self.owes(peer);
        let mut channels = Vec::new();
        let mut comparisons = Vec::new();
        for part in parts {
            let (channel, through, caught_up) = (part.channel, part.through, part.caught_up);
            let (digest, owner) = (part.digest, part.owner_proof);
            let judged = self.is_judged(channel, peer, direction);
            self.apply_part(peer, direction, part, judged, &mut work);
            let comparison = digest
                .filter(|_| judged)
                .map(|theirs| self.compare(channel, peer, theirs, checkpoint.seq));
            comparisons.extend(comparison);
            let (held, quarantined) = self.held_and_quarantined(channel, peer);
            let row = self
                .cursors
                .entry((peer, channel, direction))
                .or_insert_with(|| CursorRow::at(through));
            row.cursor = through;
            row.given |= given;
            row.caught_up = caught_up;
            row.held = held;
            row.quarantined = quarantined;
            if let Some(comparison) = comparison {
                row.compared = Some(comparison);
                if comparison.equal && !comparison.explained {
                    row.proven = Some(crate::OwnerProof {
                        seq: comparison.seq,
                        at: moment.now,
                    });
                }
            }
            row.owner = owner.or(row.owner);
            channels.push(ChannelAck {
                channel,
                cursor: through,
                digest: comparison.map(|comparison| comparison.ours),
                quarantined,
                held,
            });
        }
        self.learn_checkpoint(peer, checkpoint);
        if direction == Direction::Push {
            self.advance_moves(&mut work.hashes)?;
        } else {
            self.settle_losses();
            self.advance_recovery();
        }
        self.commit(&work.hashes, moment);
        let head = self
            .head()
            .ok_or_else(|| Fault::internal("the incarnation is gone"))?;
        let outcome = ApplyOutcome {
            channels,
            refused: work.refused,
            comparisons,
            head,
            applied: work.hashes.len() as u64,
            duplicates: work.duplicates,
        };
        Ok((outcome, work.renewals))
    }

    fn check_start(&self, request: &ApplyRequest, part: &Part) -> Result<(), Fault> {
        let here = self.stands(request, part);
        if here == part.from {
            return Ok(());
        }
        let message = format!(
            "a batch for {} begins at {:?}, this site is at {here:?}: the session begins again by itself",
            part.channel, part.from
        );
        Err(fault(FaultCode::Aborted, Reason::PROTOCOL_VIOLATION, message))
    }

    /// Where this site stands in the channel of a part. Without a cursor it may be sent everything, or what came after the
    /// hand-over of the store, if it holds just what was handed over; the batch itself may bring the news of it.
    pub fn stands(&self, request: &ApplyRequest, part: &Part) -> Option<Cursor> {
        let row = self.cursor(request.peer, part.channel, request.direction);
        if let Some(row) = row {
            return Some(row.cursor);
        }
        if request.direction == Direction::Push {
            return Some(Cursor::START);
        }
        let store = part.channel.store()?;
        let Some(Cursor::Following { seq: from }) = part.from else {
            return None;
        };
        let records = request.parts.iter().flat_map(|part| &part.records);
        let mut news = records.filter(|record| record.key.kind == Kind::ASSIGNMENT);
        let news = news.find(|record| StoreId::from(record.key.id) == store);
        let news = news.and_then(|record| (self.bodies.assignment)(record));
        // What the Hello went by holds, too: the store may have gone further since.
        let known = [self.assignment(store), news].into_iter().flatten();
        // An earlier hand-over, if another followed that brought nothing new, brings nothing but what is here.
        let stands = known
            .filter_map(|assignment| self.held_at(&assignment, part.channel))
            .any(|seq| from <= seq);
        // What the Hello went by may have been overtaken by an earlier batch.
        let overtaken = self.stood.get(&(part.channel, from));
        let stood = overtaken.is_some_and(|total| *total == self.digest(part.channel));
        part.from.filter(|_| stands || stood)
    }

    /// Whether the sender's word on a channel counts: on push that of the store's site; on pull anybody's but on what
    /// is active here, where the feed is not obeyed (what comes was on its way when the store came).
    pub fn is_judged(&self, channel: Channel, peer: SyncId, direction: Direction) -> bool {
        let site = channel
            .store()
            .and_then(|store| self.assignment(store))
            .map(|assignment| assignment.site);
        match direction {
            Direction::Push => site == Some(peer),
            Direction::Pull => site != Some(self.sync_id),
        }
    }

    fn apply_part(&mut self, peer: SyncId, direction: Direction, part: Part, judged: bool, work: &mut Work) {
        if let Some(assignment) = self.loads_back(part.channel, direction) {
            let range = key_range(&part);
            let done = self.take_back(&assignment, part, range);
            work.hashes.extend(done.hashes);
            work.renewals.extend(done.renewals);
            work.duplicates += done.duplicates;
            return;
        }
        if direction == Direction::Pull && !judged {
            work.duplicates += part.records.len() as u64;
            return;
        }
        let range = key_range(&part).filter(|_| judged);
        let repairs = matches!(part.from, Some(Cursor::Loading { .. }));
        if let Some((after, last)) = range {
            self.clear_leftovers(&part, after, last);
        }
        for record in part.records {
            let existing = self.records.get(&record.key).map(|held| &held.record);
            let verdict = if record_hash(&record) != record.hash || record.channel != part.channel {
                Verdict::Quarantine(Reason::MALFORMED_RECORD)
            } else if direction == Direction::Push {
                let assignment = part.channel.store().and_then(|store| self.assignment(store));
                match self.giving_back(peer) {
                    _ if repairs => decide_repair(existing, &record, peer, assignment.as_ref()),
                    Some(giving) => decide_give_back(existing, &record, peer, assignment.as_ref(), &giving),
                    None => decide_push(existing, &record, peer, assignment.as_ref()),
                }
            } else {
                decide_pull(existing, &record)
            };
            match verdict {
                Verdict::Duplicate => work.duplicates += 1,
                Verdict::Quarantine(reason) => {
                    work.refused.push(Refusal {
                        key: record.key,
                        reason,
                    });
                    self.set_aside(record, peer, reason);
                }
                Verdict::Apply => {
                    if direction == Direction::Pull {
                        self.keep_local_work(record.key);
                    }
                    self.supersede(record.key, peer);
                    let key = record.key;
                    let before = self
                        .assignment(key.id.into())
                        .filter(|_| key.kind == Kind::ASSIGNMENT);
                    work.hashes.push(self.write(record));
                    self.note_loss(key.id.into(), before.as_ref());
                    self.forget_proof(key.id.into(), before.as_ref());
                    if let Some(given) = before.as_ref().and_then(|before| before.hand_over) {
                        for channel in Channel::of_store(key.id.into()) {
                            self.stood.insert((channel, given.seq), given.totals.of(channel));
                        }
                    }
                }
            }
        }
    }

    /// A load replaces a whole key range: what the sender does not have goes.
    fn clear_leftovers(&mut self, part: &Part, after: Option<RecordKey>, last: Option<RecordKey>) {
        let leftovers: Vec<RecordKey> = self
            .feed(part.channel, 0)
            .map(|held| held.record.key)
            .filter(|key| after.is_none_or(|after| *key > after) && last.is_none_or(|last| *key <= last))
            .filter(|key| !part.records.iter().any(|record| record.key == *key))
            .collect();
        for key in leftovers {
            self.keep_local_work(key);
            self.remove(key);
        }
    }

    /// Work of this site that the primary has not acknowledged is kept aside before it is replaced; what it refused, for a later
    /// life of it.
    fn keep_local_work(&mut self, key: RecordKey) {
        let Some(held) = self.records.get(&key) else {
            return;
        };
        if !self.is_unacknowledged(held) {
            return self.keep_refused_work(key);
        }
        let record = held.record.clone();
        let assignment = record.channel.store().and_then(|store| self.assignment(store));
        let reason = may_write(
            record.channel,
            self.sync_id,
            assignment.as_ref(),
            Tenure::default(),
        )
        .err()
        .unwrap_or(Reason::NOT_OWNER);
        let here = self.sync_id;
        self.set_aside(record, here, reason);
    }

    pub(super) fn is_unacknowledged(&self, held: &StoredRecord) -> bool {
        let acknowledged = self.acknowledged(held.record.channel);
        is_own_work(self.sync_id, &held.record, held.seq)
            && match acknowledged {
                Some(Cursor::Following { seq }) => held.seq > seq,
                Some(Cursor::Loading { .. }) | None => true,
            }
    }

    /// How far the primary has acknowledged what this site pushes.
    pub(super) fn acknowledged(&self, channel: Channel) -> Option<Cursor> {
        self.cursor(SyncId::PRIMARY, channel, Direction::Push)
            .map(|row| row.cursor)
    }

    pub(super) fn set_aside(&mut self, record: Record, from_site: SyncId, reason: Reason) {
        let mut open = self.quarantine.iter_mut().filter(|kept| kept.open);
        if let Some(known) = open.find(|kept| kept.record == record) {
            known.former = false;
            return;
        }
        self.quarantine.push(Quarantined {
            record,
            from_site,
            reason,
            open: true,
            former: false,
        });
    }

    /// A later version of a record came from the same site and is applied.
    fn supersede(&mut self, key: RecordKey, from: SyncId) {
        for kept in &mut self.quarantine {
            kept.open &= kept.record.key != key || kept.from_site != from;
        }
    }
}

/// The key range that a load's part replaces: after the first key, up to and including the second.
fn key_range(part: &Part) -> Option<(Option<RecordKey>, Option<RecordKey>)> {
    let after = match part.from {
        None => None,
        Some(Cursor::Loading { last, .. }) => last,
        Some(Cursor::Following { .. }) => return None,
    };
    match part.through {
        Cursor::Loading { last: None, .. } => None,
        Cursor::Loading { last, .. } => Some((after, last)),
        Cursor::Following { .. } => Some((after, None)),
    }
}
