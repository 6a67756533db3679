//! The record: one entity as synchronised, with its envelope and its encoded body.

use std::fmt;

use bytes::Bytes;

use crate::{Channel, Epoch, Kind, RecordId, SyncId};

/// A position in a site's feed: its own dense counter, from 1. 0 is before the first.
pub type Seq = u64;

/// What names a record everywhere: kind, then id. The order is the order of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: RecordId,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// `H(kind, id, epoch, revision, schema, deleted, H(body))`, 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RecordHash(pub [u8; 16]);

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordHash({:032x})", u128::from_be_bytes(self.0))
    }
}

/// A record as stored and sent. Whoever forwards it changes nothing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Kind and id.
    pub key: RecordKey,
    /// Where it is routed; never changes.
    pub channel: Channel,
    /// The site that wrote this version.
    pub origin_site: SyncId,
    /// The ownership it was written under.
    pub epoch: Epoch,
    /// The owner's seq when it wrote this version.
    pub revision: Seq,
    /// The version of the body's format.
    pub schema: u32,
    /// A tombstone. Retired master data keeps its body.
    pub deleted: bool,
    /// See [`RecordHash`].
    pub hash: RecordHash,
    /// The encoded protobuf record, forwarded byte for byte.
    pub body: Bytes,
}

/// A record without its body: what tells one version of it from any other, the same at every site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordVersion {
    /// Its hash.
    pub hash: RecordHash,
    /// Kind and id.
    pub key: RecordKey,
    /// Where it is routed.
    pub channel: Channel,
    /// The site that wrote it.
    pub origin_site: SyncId,
    /// The ownership it was written under.
    pub epoch: Epoch,
    /// The owner's seq when it was written.
    pub revision: Seq,
}

impl From<&Record> for RecordVersion {
    fn from(record: &Record) -> RecordVersion {
        RecordVersion {
            hash: record.hash,
            key: record.key,
            channel: record.channel,
            origin_site: record.origin_site,
            epoch: record.epoch,
            revision: record.revision,
        }
    }
}

/// Count and additive 128-bit sum of the hashes of live records: of a channel, or of one of its buckets.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// How many live records.
    pub count: u64,
    /// The sum of their hashes, wrapping.
    pub sum: u128,
}

impl Digest {
    /// Counts a live record in.
    pub fn add(&mut self, hash: RecordHash) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(hash.0));
    }

    /// Takes a live record out.
    pub fn remove(&mut self, hash: RecordHash) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(u128::from_be_bytes(hash.0));
    }

    /// Adds another digest: buckets fold into a channel's total.
    pub fn fold(&mut self, other: Digest) {
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} × {:032x})", self.count, self.sum)
    }
}
