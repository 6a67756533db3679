//! The one write function for owners: P1 is checked here, in the transaction that writes.

use bytes::Bytes;
use supplysync_model::{Channel, Epoch, Fault, FaultCode, Reason, Record, RecordHash, RecordKey, Seq};

use super::{ModelStore, Moment, fault};
use crate::{may_write, seal};

/// A change of a record that this site owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnChange {
    /// Which record.
    pub key: RecordKey,
    /// Where it belongs.
    pub channel: Channel,
    /// The version of the body's format.
    pub schema: u32,
    /// The record as it shall be.
    pub body: Bytes,
    /// Whether it is deleted: master data keeps its body, store data becomes an empty tombstone.
    pub deleted: bool,
    /// The version that the change was made on; a mismatch is `STALE_ETAG`.
    pub expected: Option<Etag>,
}

/// The version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl ModelStore {
    /// Writes records that this site owns, in the order given, all or none. Refuses what it does not own.
    pub fn put(&mut self, moment: Moment, changes: Vec<OwnChange>) -> Result<Vec<Written>, Fault> {
        let mut next = self.clone();
        let mut hashes = Vec::new();
        let mut written = Vec::new();
        for change in changes {
            written.push(next.put_one(change, &mut hashes)?);
        }
        next.commit(&hashes, moment);
        *self = next;
        Ok(written)
    }

    pub(super) fn put_one(
        &mut self,
        change: OwnChange,
        hashes: &mut Vec<RecordHash>,
    ) -> Result<Written, Fault> {
        self.refuse_while_gathering(change.channel)?;
        let assignment = change.channel.store().and_then(|store| self.assignment(store));
        let tenure = assignment.as_ref().map(|assignment| self.tenure(assignment));
        let tenure = tenure.unwrap_or_default();
        may_write(change.channel, self.sync_id, assignment.as_ref(), tenure).map_err(|reason| {
            let owner = assignment.as_ref().map_or(1, |assignment| assignment.site.get());
            let message = format!("{} is changed on site {owner} only: change it there", change.key);
            fault(FaultCode::FailedPrecondition, reason, message)
        })?;
        let existing = self.records.get(&change.key).map(|held| &held.record);
        if existing.is_some_and(|held| held.channel != change.channel) {
            let message = format!(
                "{} can't come to {}: it was written elsewhere",
                change.key, change.channel
            );
            return Err(fault(
                FaultCode::FailedPrecondition,
                Reason::WRONG_CHANNEL,
                message,
            ));
        }
        let etag = existing.map(|held| Etag {
            epoch: held.epoch,
            revision: held.revision,
        });
        if change.expected.is_some() && change.expected != etag {
            let message = "the record has changed since it was read: read it again";
            return Err(fault(FaultCode::Aborted, Reason::STALE_ETAG, message));
        }
        if existing.is_some_and(|held| held.schema > self.reads) {
            let message = "the record was written by a newer program: update this one first";
            return Err(fault(
                FaultCode::FailedPrecondition,
                Reason::NOT_IN_THIS_VERSION,
                message,
            ));
        }
        let strange = !change.channel.admits(change.key.kind)
            || existing.is_some_and(|held| held.channel != change.channel);
        if strange {
            let message = format!("{} does not belong in {}", change.key, change.channel);
            return Err(fault(FaultCode::InvalidArgument, Reason::WRONG_CHANNEL, message));
        }
        let empty = change.deleted && change.channel.store().is_some();
        let body = if empty { Bytes::new() } else { change.body };
        if let (Some(held), Some(etag)) = (existing, etag)
            && held.deleted == change.deleted
            && held.schema == change.schema
            && held.body == body
        {
            return Ok(Written {
                key: change.key,
                etag,
                changed: false,
            });
        }
        let epoch = match (&assignment, self.incarnation) {
            (Some(assignment), _) => assignment.epoch,
            (None, incarnation) => Epoch {
                incarnation: incarnation.map_or(0, |life| life.counter),
                counter: 0,
            },
        };
        if let Some(assignment) = &assignment {
            self.taken.insert((assignment.store, assignment.epoch));
        }
        let revision = self.seq + 1;
        hashes.push(self.write(seal(Record {
            key: change.key,
            channel: change.channel,
            origin_site: self.sync_id,
            epoch,
            revision,
            schema: change.schema,
            deleted: change.deleted,
            hash: RecordHash::default(),
            body,
        })));
        Ok(Written {
            key: change.key,
            etag: Etag { epoch, revision },
            changed: true,
        })
    }

    /// Writes a record as it is, past every check: what a defect, or somebody with a database tool, might do.
    pub fn write_behind_the_back(&mut self, moment: Moment, mut record: Record) -> Record {
        record.revision = self.seq + 1;
        let record = seal(record);
        let hash = self.write(record.clone());
        self.commit(&[hash], moment);
        record
    }
}
