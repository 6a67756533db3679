//! The one write function for owners: P1 is checked here, inside the transaction that writes.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use supplysync_model::limits::MAX_BODY_BYTES;
use supplysync_model::{
    Assignment, Channel, Epoch, Fault, FaultCode, Kind, Reason, Record, RecordHash, RecordKey, Seq, StoreId,
    SyncId,
};
use supplysync_record_codec::{RecordBody, known_schema};
use supplysync_sync_core::{may_write, seal};

use crate::digest::Deltas;
use crate::held::{self, Held};
use crate::landing::Landing;
use crate::{Queries, WriteTx};

/// A change of a record that this site owns.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnChange {
    /// The record as it shall be.
    pub body: RecordBody,
    /// Whether it is deleted: master data is retired and keeps its body, store data becomes an empty tombstone.
    pub deleted: bool,
    /// The version that the change was made on; a mismatch is `STALE_ETAG`.
    pub expected: Option<Etag>,
}

/// The version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Etag {
    /// The ownership it was written under.
    pub epoch: Epoch,
    /// The owner's seq when it was written.
    pub revision: Seq,
}

/// What became of an [`OwnChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Which record.
    pub key: RecordKey,
    /// Its version now.
    pub etag: Etag,
    /// Whether anything was written; `false` when the record was exactly so already.
    pub changed: bool,
}

impl WriteTx {
    /// Writes records that this site owns, in the order given. Refuses, naming the owner, what it does not own.
    ///
    /// # Errors
    /// The reasons of [`may_write`]; `STALE_ETAG`; `WRONG_CHANNEL`; `TOO_LARGE`; `NOT_IN_THIS_VERSION` for a record that a newer
    /// program wrote, which this one would cut short. Any of them ends the transaction: nothing is written.
    pub async fn put(&mut self, changes: Vec<OwnChange>) -> Result<Vec<Written>, Fault> {
        let epochs = self.epochs(&changes).await?;
        let mut written = Vec::with_capacity(changes.len());
        let mut rest = changes.as_slice();
        while !rest.is_empty() {
            // A statement may not write one row twice, so a record that comes again begins a new round.
            let (round, later) = rest.split_at(distinct(rest));
            written.extend(self.put_round(round, &epochs).await?);
            rest = later;
        }
        Ok(written)
    }

    async fn put_round(
        &mut self,
        changes: &[OwnChange],
        epochs: &HashMap<Channel, Epoch>,
    ) -> Result<Vec<Written>, Fault> {
        let held = held::by_key(self.conn(), changes.iter().map(|change| change.body.key())).await?;
        let mut seq = self.head.seq;
        let mut written = Vec::with_capacity(changes.len());
        let mut records = Vec::new();
        for change in changes {
            let channel = change.body.channel();
            let epoch = epochs.get(&channel).copied().unwrap_or_default();
            let old = held.get(&change.body.key());
            check_version(change, old)?;
            if let Some(old) = old
                && old.channel != self.number_channel(channel).await?
            {
                let message = format!(
                    "{} can't come to {channel}: it was written elsewhere",
                    change.body.key()
                );
                return Err(Fault::new(
                    FaultCode::FailedPrecondition,
                    Reason::WRONG_CHANNEL,
                    message,
                ));
            }
            let record = record(change, channel, self.sync_id(), epoch)?;
            match old.filter(|old| same(&record, old)) {
                Some(old) => written.push(outcome(record.key, epoch, old.revision, false)),
                None => {
                    seq += 1;
                    written.push(outcome(record.key, epoch, seq, true));
                    records.push((
                        seal(Record {
                            revision: seq,
                            ..record
                        }),
                        &change.body,
                    ));
                }
            }
        }
        let landings: Vec<_> = records
            .iter()
            .map(|(record, body)| Landing {
                record,
                body: Some(*body).filter(|_| !record.body.is_empty() || !record.deleted),
            })
            .collect();
        let mut deltas = Deltas::default();
        self.land(&landings, &held, &mut deltas).await?;
        debug_assert_eq!(self.head.seq, seq, "every seq that was promised is taken");
        deltas.store(self.conn()).await?;
        Ok(written)
    }

    /// P1: the ownership that each channel is written under, or a refusal that names the owner.
    async fn epochs(&mut self, changes: &[OwnChange]) -> Result<HashMap<Channel, Epoch>, Fault> {
        let channels: HashSet<_> = changes.iter().map(|change| change.body.channel()).collect();
        if self.sync_id().is_primary() && channels.iter().any(|channel| channel.store().is_some()) {
            self.refuse_while_gathering("work in a store of this primary")
                .await?;
        }
        let assignments = self
            .assignments_now(channels.iter().filter_map(|channel| channel.store()))
            .await?;
        let tenures = self.tenures(assignments.values()).await?;
        let mut epochs = HashMap::with_capacity(channels.len());
        for channel in channels {
            let assignment = channel.store().and_then(|store| assignments.get(&store));
            let tenure = channel.store().and_then(|store| tenures.get(&store));
            let tenure = tenure.copied().unwrap_or_default();
            may_write(channel, self.sync_id(), assignment, tenure)
                .map_err(|reason| refusal(reason, assignment))?;
            let epoch = match assignment {
                Some(assignment) => assignment.epoch,
                None => Epoch {
                    incarnation: self.head.incarnation.map_or(0, |life| life.counter),
                    counter: 0,
                },
            };
            epochs.insert(channel, epoch);
        }
        self.take_over(assignments.values()).await?;
        Ok(epochs)
    }
}

impl Queries {
    /// Where these stores are active in this transaction; a store that is active nowhere is left out.
    pub(crate) async fn assignments_now(
        &self,
        stores: impl Iterator<Item = StoreId>,
    ) -> Result<BTreeMap<StoreId, Assignment>, Fault> {
        let stores: Vec<_> = stores.collect();
        let found = self.assignments(&stores).await?;
        let valid = found.into_iter().filter(|assignment| !assignment.retired);
        Ok(valid
            .map(|assignment| (assignment.value.store, assignment.value))
            .collect())
    }
}

/// How many changes there are before one whose record came already.
fn distinct(changes: &[OwnChange]) -> usize {
    let mut seen = HashSet::with_capacity(changes.len());
    changes
        .iter()
        .take_while(|change| seen.insert(change.body.key()))
        .count()
}

fn check_version(change: &OwnChange, old: Option<&Held>) -> Result<(), Fault> {
    let key = change.body.key();
    let now = old.map(|old| Etag {
        epoch: old.epoch,
        revision: old.revision,
    });
    if change.expected.is_some() && change.expected != now {
        let message = format!(
            "the {} has changed since it was read: read it again and repeat",
            key.kind
        );
        return Err(Fault::new(FaultCode::Aborted, Reason::STALE_ETAG, message));
    }
    if old.is_some_and(|old| known_schema(key.kind).is_none_or(|known| old.schema > known)) {
        let message = format!(
            "the {} was written by a newer version of this program: update this server before you change it",
            key.kind
        );
        return Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::NOT_IN_THIS_VERSION,
            message,
        ));
    }
    Ok(())
}

/// The record as it would be, but for its revision and hash.
fn record(change: &OwnChange, channel: Channel, site: SyncId, epoch: Epoch) -> Result<Record, Fault> {
    let key = change.body.key();
    let (schema, body) = change.body.encode();
    // Nothing refers to a proposal, and it quotes store data.
    let leaves_nothing = channel.store().is_some() || key.kind == Kind::PROPOSAL;
    let body = if change.deleted && leaves_nothing {
        Bytes::new()
    } else {
        body
    };
    if body.len() > MAX_BODY_BYTES {
        let message = format!(
            "the {} takes {} bytes, and the limit is {MAX_BODY_BYTES}: shorten it, or divide it",
            key.kind,
            body.len()
        );
        return Err(Fault::new(FaultCode::InvalidArgument, Reason::TOO_LARGE, message));
    }
    Ok(Record {
        key,
        channel,
        origin_site: site,
        epoch,
        revision: 0,
        schema,
        deleted: change.deleted,
        hash: RecordHash::default(),
        body,
    })
}

/// Whether the record is held exactly so: its hash under the held version would be the held hash.
fn same(record: &Record, old: &Held) -> bool {
    old.epoch == record.epoch
        && seal(Record {
            revision: old.revision,
            ..record.clone()
        })
        .hash
            == old.hash
}

fn outcome(key: RecordKey, epoch: Epoch, revision: Seq, changed: bool) -> Written {
    Written {
        key,
        etag: Etag { epoch, revision },
        changed,
    }
}

/// What a person is told of a store that was moved here, with `STORE_NOT_HERE_YET`.
pub const NOT_HERE_YET: &str = "the store was moved here, and its data are not all here yet, or were written by a newer program: \
                                wait until they are here, or update this program";

fn refusal(reason: Reason, assignment: Option<&Assignment>) -> Fault {
    let message = match (reason, assignment) {
        (Reason::MASTER_DATA_IS_PRIMARY_ONLY, _) => {
            "master data is changed on the primary only (Sync ID 1)".to_owned()
        }
        (Reason::STORE_NOT_ACTIVE_HERE, Some(assignment)) => format!(
            "the store is active on site {}: its stock and transactions change there only",
            assignment.site
        ),
        (Reason::STORE_DRAINING, _) => {
            "the store is being moved to another site: wait until the move is done".to_owned()
        }
        (Reason::STORE_NOT_HERE_YET, _) => NOT_HERE_YET.to_owned(),
        _ => "the store is not active on any site yet: assign it on the primary".to_owned(),
    };
    let fault = Fault::new(FaultCode::FailedPrecondition, reason, message);
    let owner = match reason {
        Reason::MASTER_DATA_IS_PRIMARY_ONLY => Some(SyncId::PRIMARY),
        _ => assignment.map(|assignment| assignment.site),
    };
    match owner {
        Some(owner) => fault.with_metadata("owner", owner),
        None => fault,
    }
}
