//! A recovering site loads its own stores back: what comes meets what is here, record by record, by the verdicts of sync-core.

use std::collections::{BTreeMap, HashMap, HashSet};

use supplysync_model::{Assignment, Epoch, Fault, Reason, Record, RecordKey, StoreId, SyncId};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{ApplyRequest, Direction, LeftOver, OwnRecord, Part, Reunion, Reunited};

use super::Decoded;
use super::judge::{LocalWork, is_own, without_body};
use super::range::{PAGE, range};
use crate::WriteTx;
use crate::held::{self, Held};
use crate::quarantine::Aside;
use crate::recovery::Recovery;

/// A batch's records of own stores by their verdicts.
#[derive(Default)]
pub(super) struct TakenBack<'a> {
    /// The primary's versions to write.
    pub apply: Vec<(&'a Record, Option<&'a RecordBody>)>,
    /// The primary's versions that are refused.
    pub refused: Vec<Aside<'a>>,
    /// Work of this site that gives way.
    pub local: Vec<LocalWork>,
    /// Of that, what the primary does not have at all.
    pub gone: Vec<(RecordKey, Held)>,
    /// Work of this site to write anew, under the ownership it has or another one.
    pub renew: Vec<(Vec<RecordKey>, Option<Epoch>)>,
    /// How many are there already, or stay as they are here.
    pub duplicates: u64,
}

impl WriteTx {
    /// The recovery that this pull serves, if it does.
    pub(super) async fn recovery_of(&self, request: &ApplyRequest) -> Result<Option<Recovery>, Fault> {
        match request.direction {
            Direction::Pull => self.recovery_holding_back().await,
            Direction::Push => Ok(None),
        }
    }

    pub(super) async fn take_back<'a>(
        &mut self,
        batch: &'a Decoded,
        assignments: &BTreeMap<StoreId, Assignment>,
        held: &HashMap<RecordKey, Held>,
        recovery: &Recovery,
    ) -> Result<TakenBack<'a>, Fault> {
        let mut taken = TakenBack::default();
        let mut aside = Vec::new();
        let mut stays = Vec::new();
        let known = self.channels_of(held.values().map(|held| held.channel)).await?;
        for (part, bodies) in batch.request.parts.iter().zip(&batch.bodies) {
            let assignment = part.channel.store().and_then(|store| assignments.get(&store));
            let Some(assignment) = assignment.filter(|own| is_own(&batch.request, self.sync_id(), Some(own)))
            else {
                continue;
            };
            let number = self.number_channel(part.channel).await?;
            let shared = self.shared_up_to(vec![number]).await?;
            let reunion = Reunion {
                site: self.sync_id(),
                began: recovery.began,
                shared: shared.get(&number).copied().unwrap_or(0),
                assignment,
            };
            for (record, body) in part.records.iter().zip(bodies) {
                let ours = held.get(&record.key).and_then(|old| {
                    let channel = *known.get(&old.channel)?;
                    Some((without_body(record.key, old, channel), old.seq))
                });
                let own = ours.as_ref().map(|(record, seq)| OwnRecord { record, seq: *seq });
                match reunion.of(own, record) {
                    Reunited::Same | Reunited::Ours => taken.duplicates += 1,
                    Reunited::OursRenewed => stays.push(record.key),
                    Reunited::Refused(reason) => taken.refused.push(refused(record, reason)),
                    _ if body.is_err() => taken.refused.push(refused(record, Reason::MALFORMED_RECORD)),
                    verdict => {
                        if let Reunited::OursAside(reason) = verdict {
                            aside.push((record.key, reason));
                        }
                        taken
                            .apply
                            .push((record, body.as_ref().ok().and_then(Option::as_ref)));
                    }
                }
            }
            self.left_over(part, number, &reunion, &mut taken, &mut aside)
                .await?;
        }
        taken.renew.push((stays, None));
        taken.local = self.local_of(aside).await?;
        Ok(taken)
    }

    /// What is here in the range that a part covers, and does not come in it.
    async fn left_over(
        &self,
        part: &Part,
        number: i32,
        reunion: &Reunion<'_>,
        taken: &mut TakenBack<'_>,
        aside: &mut Vec<(RecordKey, Reason)>,
    ) -> Result<(), Fault> {
        let Some((mut after, through)) = range(part) else {
            return Ok(());
        };
        let came: HashSet<_> = part.records.iter().map(|record| record.key).collect();
        let mut renew = Vec::new();
        loop {
            let page = held::in_range(self.conn(), number, after, through, PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map(|(key, _)| *key);
            for (key, old) in page.into_iter().filter(|(key, _)| !came.contains(key)) {
                let record = without_body(key, &old, part.channel);
                let own = OwnRecord {
                    record: &record,
                    seq: old.seq,
                };
                match reunion.left_over(own) {
                    LeftOver::Kept => {}
                    LeftOver::Renewed => renew.push(key),
                    LeftOver::Aside(reason) => {
                        aside.push((key, reason));
                        taken.gone.push((key, old));
                    }
                }
            }
            if !full {
                break;
            }
        }
        taken.renew.push((renew, Some(reunion.assignment.epoch)));
        Ok(())
    }

    async fn local_of(&self, aside: Vec<(RecordKey, Reason)>) -> Result<Vec<LocalWork>, Fault> {
        let reasons: HashMap<_, _> = aside.into_iter().collect();
        let found = held::whole(self.conn(), reasons.keys().copied()).await?;
        let work = found.into_iter().filter_map(|record| {
            let reason = *reasons.get(&record.key)?;
            Some(LocalWork { record, reason })
        });
        Ok(work.collect())
    }
}

fn refused(record: &Record, reason: Reason) -> Aside<'_> {
    Aside {
        record,
        reason,
        from: SyncId::PRIMARY,
    }
}
