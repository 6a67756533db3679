//! Reports on moves, and their receipts ↔ wire.

use supplysync_api::v1;
use supplysync_api::v1::move_report::Step;
use supplysync_model::{MoveReport, MoveStep, StoreId, StoreTotals};
use supplysync_sync_core::MoveNoted;

use super::Read;
use super::scalar::{bytes16, digest, digest_to_wire, missing, seq};

pub(super) fn report(wire: v1::MoveReport) -> Read<MoveReport> {
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

pub(super) fn report_to_wire(report: MoveReport) -> v1::MoveReport {
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

pub(super) fn noted(wire: v1::MoveNoted) -> Read<MoveNoted> {
    Ok(MoveNoted {
        store: store(&wire.store)?,
        version: seq("the version of a move", wire.version)?,
        seq: seq("the seq of a move", wire.seq)?,
    })
}

pub(super) fn noted_to_wire(noted: MoveNoted) -> v1::MoveNoted {
    v1::MoveNoted {
        store: noted.store.to_bytes().to_vec(),
        version: noted.version,
        seq: noted.seq,
    }
}

fn store(id: &[u8]) -> Read<StoreId> {
    bytes16("the store of a move", id).map(StoreId::from_bytes)
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
