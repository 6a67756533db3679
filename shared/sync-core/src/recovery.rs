//! Recovery of a satellite's restored or copied database (DESIGN 7): what becomes of each record when its own stores are
//! loaded back from the primary. Pure; the stores call it inside their transaction.

use supplysync_model::{Assignment, Kind, Reason, Record, Seq, SyncId};

use crate::record_hash;

/// How the recovering site stands to one of its own channels.
#[derive(Debug, Clone, Copy)]
pub struct Reunion<'a> {
    /// The site that recovers.
    pub site: SyncId,
    /// Its own seq where the new life began: its work beyond it is not known to the primary.
    pub began: Seq,
    /// Up to this seq of its feed its past and the one that the primary knows are certainly the same.
    pub shared: Seq,
    /// Where the store is active now.
    pub assignment: &'a Assignment,
}

/// A record as the recovering site holds it; the body does not matter, its hash is in the record's.
#[derive(Debug, Clone, Copy)]
pub struct OwnRecord<'a> {
    /// The record.
    pub record: &'a Record,
    /// Its place in the site's own feed.
    pub seq: Seq,
}

/// What becomes of a record that the primary has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reunited {
    /// Both have the same version.
    Same,
    /// The primary's is taken: what this site wrote since has the same contents.
    Again,
    /// The primary's is taken.
    Theirs,
    /// The site's own was made on the primary's: it stays and goes up.
    Ours,
    /// The site's own is from the common past and newer, but never reached the primary: it is written anew, so that it goes up.
    OursRenewed,
    /// Both were changed apart: the primary's is taken, the site's own is set aside with this reason.
    OursAside(Reason),
    /// The primary's is refused with this reason.
    Refused(Reason),
}

/// What becomes of a record that the primary does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOver {
    /// It goes up as it is.
    Kept,
    /// It is written anew by this site, so that it goes up.
    Renewed,
    /// It is set aside with this reason, and goes.
    Aside(Reason),
}

impl Reunion<'_> {
    /// Whether a record was written under the ownership that there is, or before a primary that was put back gave it another
    /// number.
    fn is_present(&self, record: &Record) -> bool {
        let now = self.assignment;
        let before = record.epoch.incarnation < now.epoch.incarnation;
        record.epoch == now.epoch || now.hand_over.is_none() && before
    }

    /// Whether the primary may not know a record: this site wrote it, here, beyond where its new life began.
    fn is_unknown_work(&self, own: OwnRecord<'_>) -> bool {
        is_own_work(self.site, own.record, own.seq) && own.seq > self.began
    }

    /// What becomes of a record that the primary sends.
    pub fn of(&self, own: Option<OwnRecord<'_>>, theirs: &Record) -> Reunited {
        let Some(own) = own else {
            return Reunited::Theirs;
        };
        let ours = own.record;
        if ours.channel != theirs.channel {
            return Reunited::Refused(Reason::WRONG_CHANNEL);
        }
        if ours.hash == theirs.hash {
            return Reunited::Same;
        }
        let present = self.is_present(ours);
        if !self.is_unknown_work(own) {
            let newer = is_own_work(self.site, ours, own.seq)
                && (ours.epoch, ours.revision) > (theirs.epoch, theirs.revision);
            return match newer {
                false => Reunited::Theirs,
                true if present => Reunited::OursRenewed,
                true => Reunited::OursAside(Reason::STALE_EPOCH),
            };
        }
        if ours.hash == renumbered(theirs, ours) {
            return Reunited::Again;
        }
        let in_shared_past = theirs.origin_site == self.site && theirs.revision <= self.shared;
        if in_shared_past && present {
            return Reunited::Ours;
        }
        // Stock is never merged: it is recomputed from the union of transactions.
        if theirs.key.kind == Kind::STOCK_LINE {
            return Reunited::Theirs;
        }
        Reunited::OursAside(if present {
            Reason::FORKED_VERSION
        } else {
            Reason::STALE_EPOCH
        })
    }

    /// What becomes of a record that the primary neither has nor knows as deleted.
    pub fn left_over(&self, own: OwnRecord<'_>) -> LeftOver {
        let present = self.is_present(own.record);
        match own.record.origin_site == self.site {
            true if !present => LeftOver::Aside(Reason::STALE_EPOCH),
            true if self.is_unknown_work(own) => LeftOver::Kept,
            _ => LeftOver::Renewed,
        }
    }
}

/// Whether a record held at `seq` was written there by `site` itself: what came from elsewhere keeps the number that it
/// was written with.
pub fn is_own_work(site: SyncId, record: &Record, seq: Seq) -> bool {
    record.origin_site == site && record.revision == seq
}

/// The hash that a record would have with the version of another.
fn renumbered(record: &Record, as_of: &Record) -> supplysync_model::RecordHash {
    record_hash(&Record {
        epoch: as_of.epoch,
        revision: as_of.revision,
        ..record.clone()
    })
}

#[cfg(test)]
mod tests;
