//! Applying a batch: one transaction moves records, projections, digests, chain and cursors together (P5).

mod judge;
mod position;
mod range;
mod reunite;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use supplysync_model::{Assignment, Fault, FaultCode, Reason, RecordKey, StoreId};
use supplysync_record_codec::{CodecError, RecordBody};
use supplysync_sync_core::{ApplyOutcome, ApplyRequest, Direction, record_hash};

use crate::digest::Deltas;
use crate::fault::damaged;
use crate::held::{self, Held};
use crate::landing::Landing;
use crate::{Store, WriteTx};
use judge::Judged;

/// Where stores are active, and which of that a batch changes: before and after.
type Assignments = (BTreeMap<StoreId, Assignment>, Vec<(Assignment, Assignment)>);

/// A batch with its bodies decoded, before the transaction begins: in the order of the parts and their records.
struct Decoded {
    request: ApplyRequest,
    bodies: Vec<Vec<Result<Option<RecordBody>, CodecError>>>,
}

impl Store {
    /// Applies a batch durably. `SESSION_FENCED` when the lease is gone, `PROTOCOL_VIOLATION` when a part does not
    /// start where this site stands. A record that is refused is quarantined; it never fails the batch.
    pub async fn apply(&self, request: ApplyRequest) -> Result<ApplyOutcome, Fault> {
        let batch = Arc::new(decode(request)?);
        self.write("apply batch", move |tx| {
            let batch = batch.clone();
            Box::pin(async move { tx.apply(&batch).await })
        })
        .await
    }
}

impl WriteTx {
    async fn apply(&mut self, batch: &Decoded) -> Result<ApplyOutcome, Fault> {
        let request = &batch.request;
        if let Some(testimony) = &mut self.testimony {
            testimony.comes_from(request.peer);
        }
        self.check_lease(request.peer, request.lease).await?;
        let (mut assignments, mut moved) = self.assignments_of(batch).await?;
        let positions = self.positions(request, &assignments).await?;
        let held = self.held_before(request).await?;
        let recovery = self.recovery_of(request).await?;
        let mut leftovers = self.leftovers(request, &assignments).await?;
        let judged = self.judge(batch, &assignments, &held, &leftovers, recovery.is_some());
        let Judged {
            mut apply,
            mut refused,
            mut local,
            kept,
            mut duplicates,
            adopted,
            given,
        } = judged.await?;
        moved.extend(self.adopt(&adopted, &mut assignments).await?);
        let mut renew = Vec::new();
        if let Some(recovery) = &recovery {
            let back = self.take_back(batch, &assignments, &held, recovery).await?;
            apply.extend(back.apply);
            refused.extend(back.refused);
            local.extend(back.local);
            leftovers.extend(back.gone);
            duplicates += back.duplicates;
            renew = back.renew;
        }
        let here = self.sync_id();
        let mut repairs = self.open_repairs(request.peer, &positions).await?;
        let records: Vec<_> = apply.iter().map(|(record, _)| *record).collect();
        self.note_repairs(&mut repairs, &records, &leftovers).await?;
        let aside: Vec<_> = refused
            .iter()
            .copied()
            .chain(local.iter().map(|work| work.change(here)))
            .collect();
        self.set_changes_aside(&aside).await?;
        self.keep_refused(&kept).await?;
        let landings: Vec<_> = apply
            .iter()
            .map(|(record, body)| Landing { record, body: *body })
            .collect();
        let mut deltas = Deltas::default();
        self.vanish(&leftovers, &mut deltas).await?;
        self.land(&landings, &held, &mut deltas).await?;
        deltas.store(self.conn()).await?;
        for (keys, epoch) in renew {
            self.renew(keys, epoch).await?;
        }
        let applied: Vec<_> = apply.iter().map(|(record, _)| record.key).collect();
        self.supersede(request.peer, &applied).await?;
        self.hands_changed(&moved).await?;
        if request.direction == Direction::Pull {
            self.settle_losses().await?;
        }
        // The proof is of what the batch brought; a store that it was the last word on goes after that.
        let (channels, comparisons) = self.advance(request, positions, &assignments).await?;
        self.end_repairs(repairs, request, &comparisons).await?;
        if given {
            let given: Vec<_> = request.parts.iter().map(|part| part.channel).collect();
            self.mark_given(request.peer, &given).await?;
        }
        if request.direction == Direction::Push {
            self.advance_moves().await?;
        }
        if let Some(recovery) = &recovery {
            self.advance_recovery(recovery).await?;
        }
        self.extend().await?;
        Ok(ApplyOutcome {
            channels,
            refused: refused.iter().map(|change| change.refusal()).collect(),
            comparisons,
            head: self
                .head
                .checkpoint()
                .ok_or_else(|| damaged("a batch came before an incarnation"))?,
            applied: landings.len() as u64,
            duplicates,
        })
    }

    /// Where the stores of a batch are active, and what a pull changes in where stores are active, before and after.
    /// What a batch says of a store holds for what comes behind it.
    async fn assignments_of(&self, batch: &Decoded) -> Result<Assignments, Fault> {
        let parts = batch.request.parts.iter();
        let stores = parts.filter_map(|part| part.channel.store());
        let mut assignments = self.assignments_now(stores).await?;
        if batch.request.direction == Direction::Push {
            return Ok((assignments, Vec::new()));
        }
        let bodies = batch.bodies.iter().flatten();
        let news: Vec<_> = bodies
            .filter_map(|body| match body {
                Ok(Some(RecordBody::Assignment(now))) => Some(now),
                _ => None,
            })
            .collect();
        let before = self.assignments_now(news.iter().map(|now| now.store)).await?;
        let moved = news.iter().filter_map(|now| {
            let before = before.get(&now.store)?;
            (before != *now).then(|| (before.clone(), (*now).clone()))
        });
        let moved: Vec<(Assignment, Assignment)> = moved.collect();
        moved.iter().for_each(|(before, _)| self.stood.learn(before));
        assignments.extend(news.into_iter().map(|now| (now.store, now.clone())));
        Ok((assignments, moved))
    }

    /// What is given back of where stores are active holds from now on; before and after.
    async fn adopt(
        &self,
        news: &[Assignment],
        assignments: &mut BTreeMap<StoreId, Assignment>,
    ) -> Result<Vec<(Assignment, Assignment)>, Fault> {
        let before = self.assignments_now(news.iter().map(|now| now.store)).await?;
        assignments.extend(news.iter().map(|now| (now.store, now.clone())));
        let moved = news
            .iter()
            .filter_map(|now| Some((before.get(&now.store)?.clone(), now.clone())));
        Ok(moved.collect())
    }

    async fn held_before(&self, request: &ApplyRequest) -> Result<HashMap<RecordKey, Held>, Fault> {
        let records = request.parts.iter().flat_map(|part| &part.records);
        held::by_key(self.conn(), records.map(|record| record.key)).await
    }
}

fn decode(request: ApplyRequest) -> Result<Decoded, Fault> {
    let mut seen = HashSet::new();
    let mut bodies = Vec::with_capacity(request.parts.len());
    for part in &request.parts {
        if let Some(twice) = part.records.iter().find(|record| !seen.insert(record.key)) {
            return Err(violation(format!("{} comes twice in one batch", twice.key)));
        }
        if let Some(stray) = part.records.iter().find(|record| record.channel != part.channel) {
            return Err(violation(format!("{} comes outside its channel", stray.key)));
        }
        let of_part = part.records.iter().map(|record| {
            if record_hash(record) != record.hash {
                let detail = "its hash is not that of its content".to_owned();
                return Err(CodecError::Malformed {
                    kind: record.key.kind,
                    detail,
                });
            }
            // A tombstone of store data has no body to read.
            if record.deleted && record.body.is_empty() {
                return Ok(None);
            }
            match RecordBody::of_record(record) {
                Ok(body) => Ok(Some(body)),
                Err(error) if error.waits_for_upgrade() => Ok(None),
                Err(error) => Err(error),
            }
        });
        bodies.push(of_part.collect());
    }
    Ok(Decoded { request, bodies })
}

fn violation(what: impl Into<String>) -> Fault {
    Fault::new(FaultCode::FailedPrecondition, Reason::PROTOCOL_VIOLATION, what)
}
