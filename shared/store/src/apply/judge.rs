//! Sorting a batch's records by their verdicts: what to write, what to set aside, what is there already.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use supplysync_model::{Assignment, Channel, Fault, Reason, Record, RecordKey, StoreId, SyncId};
use supplysync_record_codec::{CodecError, RecordBody};
use supplysync_sync_core::{
    ApplyRequest, Cursor, Direction, Part, Verdict, decide_give_back, decide_pull, decide_push, decide_repair,
};

use super::Decoded;
use crate::held::{self, Held};
use crate::quarantine::Aside;
use crate::{WriteTx, cursor};

/// A batch by its verdicts.
pub(super) struct Judged<'a> {
    /// To write, each with its body if it can be read.
    pub apply: Vec<(&'a Record, Option<&'a RecordBody>)>,
    /// Refused, with reasons.
    pub refused: Vec<Aside<'a>>,
    /// Work of this site, not yet acknowledged, that the feed replaces.
    pub local: Vec<LocalWork>,
    /// The same that it refused.
    pub kept: Vec<Record>,
    /// How many are there already.
    pub duplicates: u64,
    /// Where stores are active by what is given back to a primary that was put back.
    pub adopted: Vec<Assignment>,
    /// The site that sends still gives back what a lost primary had.
    pub given: bool,
}

/// Work of this site in the way of what its owner sends, and why it can't stay.
pub(super) struct LocalWork {
    pub record: Record,
    pub reason: Reason,
}

impl LocalWork {
    pub(super) fn change(&self, here: SyncId) -> Aside<'_> {
        Aside {
            record: &self.record,
            reason: self.reason,
            from: here,
        }
    }
}

impl WriteTx {
    pub(super) async fn judge<'a>(
        &self,
        batch: &'a Decoded,
        assignments: &BTreeMap<StoreId, Assignment>,
        held: &HashMap<RecordKey, Held>,
        leftovers: &[(RecordKey, Held)],
        recovering: bool,
    ) -> Result<Judged<'a>, Fault> {
        let request = &batch.request;
        let channels = self.channels_of(held.values().map(|held| held.channel)).await?;
        let here = self.sync_id();
        let giving = match request.direction {
            Direction::Push => self.giving_back(request.peer).await?,
            Direction::Pull => None,
        };
        let mut judged = Judged {
            apply: Vec::new(),
            refused: Vec::new(),
            local: Vec::new(),
            kept: Vec::new(),
            duplicates: 0,
            adopted: Vec::new(),
            given: giving.is_some_and(|giving| giving.open),
        };
        // What a batch gives back of where stores are active holds for what comes behind it.
        let mut assignments = assignments.clone();
        let mut replaced = Vec::new();
        for (part, bodies) in request.parts.iter().zip(&batch.bodies) {
            let assignment = part
                .channel
                .store()
                .and_then(|store| assignments.get(&store))
                .cloned();
            if is_own(request, here, assignment.as_ref()) {
                if !recovering {
                    judged.duplicates += part.records.len() as u64;
                }
                continue;
            }
            for (record, body) in part.records.iter().zip(bodies) {
                let old = held.get(&record.key);
                let existing =
                    old.and_then(|old| Some(without_body(record.key, old, *channels.get(&old.channel)?)));
                let assignment = assignment.as_ref();
                let decided = match (&giving, part.from) {
                    (Some(giving), Some(Cursor::Following { .. })) => {
                        decide_give_back(existing.as_ref(), record, request.peer, assignment, giving)
                    }
                    _ => rule(request.direction, part)(existing.as_ref(), record, request.peer, assignment),
                };
                match readable(decided, body) {
                    Verdict::Duplicate => judged.duplicates += 1,
                    Verdict::Quarantine(reason) => {
                        judged.refused.push(Aside {
                            record,
                            reason,
                            from: request.peer,
                        });
                    }
                    Verdict::Apply => {
                        let body = body.as_ref().ok().and_then(Option::as_ref);
                        if let (Some(_), Some(RecordBody::Assignment(now))) = (&giving, body) {
                            assignments.insert(now.store, now.clone());
                            judged.adopted.push(now.clone());
                        }
                        judged.apply.push((record, body));
                        replaced.extend(old.map(|old| (record.key, *old)));
                    }
                }
            }
        }
        if request.direction == Direction::Pull {
            replaced.extend_from_slice(leftovers);
            judged.kept = self.refused_among(&replaced).await?;
            judged.local = self.local_work(request.peer, replaced).await?;
        }
        Ok(judged)
    }

    /// Of the records that a batch replaces or removes, this site's own work that the peer never acknowledged.
    async fn local_work(
        &self,
        peer: SyncId,
        replaced: Vec<(RecordKey, Held)>,
    ) -> Result<Vec<LocalWork>, Fault> {
        let here = self.sync_id();
        let own: Vec<_> = replaced
            .into_iter()
            .filter(|(_, old)| old.origin_site == here && old.revision == old.seq)
            .collect();
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let numbers: BTreeSet<_> = own.iter().map(|(_, old)| old.channel).collect();
        let numbers = numbers.into_iter().collect();
        let pushed = cursor::of_channels(self.conn(), peer, Direction::Push, numbers).await?;
        let seen = |channel| match pushed.get(&channel) {
            Some(Cursor::Following { seq }) => *seq,
            _ => 0,
        };
        let unseen = own
            .iter()
            .filter(|(_, old)| old.seq > seen(old.channel))
            .map(|(key, _)| *key);
        let found = held::whole(self.conn(), unseen).await?;
        let work = found.into_iter().map(|record| LocalWork {
            record,
            reason: Reason::STALE_EPOCH,
        });
        Ok(work.collect())
    }
}

/// Whether a pull comes for what is active here: it was on its way when the store came, and is not obeyed.
pub(super) fn is_own(request: &ApplyRequest, here: SyncId, assignment: Option<&Assignment>) -> bool {
    request.direction == Direction::Pull && assignment.is_some_and(|assignment| assignment.site == here)
}

/// Whether the sender's total of a channel says something of ours: not on a push of a site that does not have the
/// store (any more).
pub(super) fn is_comparable(request: &ApplyRequest, here: SyncId, assignment: Option<&Assignment>) -> bool {
    match request.direction {
        Direction::Pull => !is_own(request, here, assignment),
        Direction::Push => assignment.is_some_and(|assignment| assignment.site == request.peer),
    }
}

type Decide = fn(Option<&Record>, &Record, SyncId, Option<&Assignment>) -> Verdict;

/// By which rule the records of a part are judged.
fn rule(direction: Direction, part: &Part) -> Decide {
    match (direction, part.from) {
        (Direction::Push, Some(Cursor::Loading { .. })) => decide_repair,
        (Direction::Push, _) => decide_push,
        (Direction::Pull, _) => |existing, incoming, _, _| decide_pull(existing, incoming),
    }
}

/// What can't be read is not applied.
fn readable(decided: Verdict, body: &Result<Option<RecordBody>, CodecError>) -> Verdict {
    match decided {
        Verdict::Apply if body.is_err() => Verdict::Quarantine(Reason::MALFORMED_RECORD),
        other => other,
    }
}

/// What the verdicts look at: everything but the body.
pub(super) fn without_body(key: RecordKey, held: &Held, channel: Channel) -> Record {
    Record {
        key,
        channel,
        origin_site: held.origin_site,
        epoch: held.epoch,
        revision: held.revision,
        schema: held.schema,
        deleted: held.deleted,
        hash: held.hash,
        body: Bytes::new(),
    }
}
