//! Proposals: a change in quarantine put to the site where the store is active; and all that a satellite tells the primary
//! beside its records.

use crate::{CopyWish, Incarnation, MoveReport, Record, RecordId, StoreId, SyncId};

/// A quarantined change put to the owner, who writes what it says as a change of its own, or refuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// That of the quarantine entry on the primary.
    pub id: RecordId,
    /// The site that decides.
    pub owner: SyncId,
    /// The change as it was refused.
    pub change: Record,
    /// The site that sent the change.
    pub from_site: SyncId,
    /// Why it was refused (a [`crate::Reason`]).
    pub reason: String,
    /// The principal who proposes it, as in the audit log.
    pub proposed_by: String,
    /// What the owner's people should know; may be empty.
    pub note: String,
}

/// What the owner did with a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalAnswer {
    /// The proposal's.
    pub id: RecordId,
    /// Whether the owner has written it.
    pub accepted: bool,
    /// What was written, or why it was not, for people.
    pub words: String,
}

/// A change in a satellite's own quarantine, handed to the primary to be proposed to the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// That of the entry on both ends.
    pub id: RecordId,
    /// The change.
    pub change: Record,
    /// Why it was put aside (a [`crate::Reason`]).
    pub reason: String,
    /// The principal who offers it.
    pub offered_by: String,
    /// What the owner's people should know; may be empty.
    pub note: String,
}

/// What a satellite tells the primary beside its records: one at a time, again until the primary has noted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteReport {
    /// An answer to a step of a move.
    Move(MoveReport),
    /// An answer to a proposal.
    Answer(ProposalAnswer),
    /// A quarantined change for the owner.
    Offer(Box<Offer>),
    /// The copies that it wishes to keep.
    Wish(CopyWish),
    /// This life of its database has taken back what the primary has of its stores.
    Recovered(Incarnation),
    /// It has given back to this life of the primary's database all that came to it and may be lost there.
    GivenBack(Incarnation),
}

/// What a report is about; a later report about the same replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReportSubject {
    /// The move of a store, at a version of its assignment.
    Move(StoreId, u64),
    /// A proposal.
    Answer(RecordId),
    /// An entry in a satellite's quarantine.
    Offer(RecordId),
    /// The copies that it wishes to keep, in the version of that list.
    Wish(u64),
    /// A life of its database.
    Recovered(Incarnation),
    /// A life of the primary's database.
    GivenBack(Incarnation),
}

impl SiteReport {
    /// What it is about.
    pub fn subject(&self) -> ReportSubject {
        match self {
            SiteReport::Move(report) => ReportSubject::Move(report.store, report.version),
            SiteReport::Answer(answer) => ReportSubject::Answer(answer.id),
            SiteReport::Offer(offer) => ReportSubject::Offer(offer.id),
            SiteReport::Wish(wish) => ReportSubject::Wish(wish.version),
            SiteReport::Recovered(life) => ReportSubject::Recovered(*life),
            SiteReport::GivenBack(life) => ReportSubject::GivenBack(*life),
        }
    }
}
