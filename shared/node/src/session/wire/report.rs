//! What a satellite tells beside its records, and the receipts ↔ wire.

use std::collections::BTreeSet;

use supplysync_api::v1;
use supplysync_api::v1::move_report::Step;
use supplysync_api::v1::report_noted::Subject;
use supplysync_api::v1::satellite_message::Message;
use supplysync_model::{
    CopyWish, MoveReport, MoveStep, Offer, ProposalAnswer, RecordId, ReportSubject, SiteReport, StoreId,
    StoreTotals,
};
use supplysync_sync_core::ReportNoted;

use super::batch::{record, record_to_wire};
use super::scalar::{
    NAME_BYTES, WORDS_BYTES, bytes16, channel, channel_to_wire, digest, digest_to_wire, incarnation,
    incarnation_to_wire, missing, seq, text,
};
use super::{Read, Violation};

/// More stores than a network has.
const WISHES: usize = 10_000;

pub(super) fn report_to_wire(report: SiteReport) -> Message {
    match report {
        SiteReport::Move(report) => Message::Move(move_to_wire(report)),
        SiteReport::Answer(answer) => Message::Answer(v1::ProposalAnswer {
            id: answer.id.to_bytes().to_vec(),
            accepted: answer.accepted,
            words: answer.words,
        }),
        SiteReport::Offer(offer) => Message::Offer(v1::QuarantineOffer {
            id: offer.id.to_bytes().to_vec(),
            channel: Some(channel_to_wire(offer.change.channel)),
            change: Some(record_to_wire(offer.change)),
            reason: offer.reason,
            offered_by: offer.offered_by,
            note: offer.note,
        }),
        SiteReport::Recovered(life) => Message::Recovered(incarnation_to_wire(life)),
        SiteReport::GivenBack(life) => Message::GivenBack(incarnation_to_wire(life)),
        SiteReport::Wish(wish) => Message::Wish(v1::CopyWish {
            version: wish.version,
            stores: wish
                .stores
                .iter()
                .map(|store| store.to_bytes().to_vec())
                .collect(),
        }),
    }
}

pub(super) fn move_report(wire: v1::MoveReport) -> Read<MoveReport> {
    let step = match wire.step.ok_or_else(|| missing("the step of a move"))? {
        Step::Released(held) => MoveStep::Released(totals(held)?),
        Step::Aborted(_) => MoveStep::Aborted,
        Step::Held(held) => MoveStep::Held(totals(held)?),
    };
    Ok(MoveReport {
        store: store(&wire.store)?,
        version: seq("the version of a move", wire.version)?,
        step,
    })
}

fn move_to_wire(report: MoveReport) -> v1::MoveReport {
    v1::MoveReport {
        store: report.store.to_bytes().to_vec(),
        version: report.version,
        step: Some(match report.step {
            MoveStep::Released(held) => Step::Released(totals_to_wire(held)),
            MoveStep::Aborted => Step::Aborted(v1::MoveAborted {}),
            MoveStep::Held(held) => Step::Held(totals_to_wire(held)),
        }),
    }
}

pub(super) fn answer(wire: v1::ProposalAnswer) -> Read<ProposalAnswer> {
    Ok(ProposalAnswer {
        id: entry(&wire.id)?,
        accepted: wire.accepted,
        words: text("the words of an answer", wire.words, WORDS_BYTES)?,
    })
}

pub(super) fn offer(wire: v1::QuarantineOffer) -> Read<Offer> {
    let channel = channel(wire.channel)?;
    let change = wire.change.ok_or_else(|| missing("the change of an offer"))?;
    Ok(Offer {
        id: entry(&wire.id)?,
        change: record(channel, change)?,
        reason: text("the reason of an offer", wire.reason, NAME_BYTES)?,
        offered_by: text("the name of who offers", wire.offered_by, NAME_BYTES)?,
        note: text("the note of an offer", wire.note, WORDS_BYTES)?,
    })
}

pub(super) fn wish(wire: v1::CopyWish) -> Read<CopyWish> {
    if wire.stores.len() > WISHES {
        return Err(Violation::new(format!(
            "more than {WISHES} copies are wished for"
        )));
    }
    let stores: BTreeSet<_> = wire.stores.iter().map(|id| store(id)).collect::<Read<_>>()?;
    Ok(CopyWish {
        version: seq("the version of a wish", wire.version)?,
        stores: stores.into_iter().collect(),
    })
}

pub(super) fn noted(wire: v1::ReportNoted) -> Read<ReportNoted> {
    let subject = wire.subject.ok_or_else(|| missing("the subject of a receipt"))?;
    Ok(ReportNoted {
        subject: match subject {
            Subject::Move(of) => {
                ReportSubject::Move(store(&of.store)?, seq("the version of a move", of.version)?)
            }
            Subject::Answer(id) => ReportSubject::Answer(entry(&id)?),
            Subject::Offer(id) => ReportSubject::Offer(entry(&id)?),
            Subject::Wish(version) => ReportSubject::Wish(seq("the version of a wish", version)?),
            Subject::Recovered(life) => ReportSubject::Recovered(incarnation(life)),
            Subject::GivenBack(life) => ReportSubject::GivenBack(incarnation(life)),
        },
        seq: seq("the seq of a receipt", wire.seq)?,
    })
}

pub(super) fn noted_to_wire(noted: ReportNoted) -> v1::ReportNoted {
    v1::ReportNoted {
        subject: Some(match noted.subject {
            ReportSubject::Move(store, version) => Subject::Move(v1::MoveSubject {
                store: store.to_bytes().to_vec(),
                version,
            }),
            ReportSubject::Answer(id) => Subject::Answer(id.to_bytes().to_vec()),
            ReportSubject::Offer(id) => Subject::Offer(id.to_bytes().to_vec()),
            ReportSubject::Wish(version) => Subject::Wish(version),
            ReportSubject::Recovered(life) => Subject::Recovered(incarnation_to_wire(life)),
            ReportSubject::GivenBack(life) => Subject::GivenBack(incarnation_to_wire(life)),
        }),
        seq: noted.seq,
    }
}

fn entry(id: &[u8]) -> Read<RecordId> {
    bytes16("the id of a report", id).map(RecordId::from_bytes)
}

fn store(id: &[u8]) -> Read<StoreId> {
    bytes16("the store of a report", id).map(StoreId::from_bytes)
}

fn totals(wire: v1::StoreTotals) -> Read<StoreTotals> {
    let of = |digests: Option<v1::Digest>| digest(&digests.ok_or_else(|| missing("a store's digest"))?);
    Ok(StoreTotals {
        stock: of(wire.stock)?,
        history: of(wire.history)?,
    })
}

fn totals_to_wire(totals: StoreTotals) -> v1::StoreTotals {
    v1::StoreTotals {
        stock: Some(digest_to_wire(totals.stock)),
        history: Some(digest_to_wire(totals.history)),
    }
}
