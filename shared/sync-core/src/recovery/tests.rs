//! What becomes of each record of a recovering site, case by case.

use bytes::Bytes;
use supplysync_model::{
    Assignment, AssignmentState, Channel, Epoch, Kind, Reason, Record, RecordHash, RecordId, RecordKey, Seq,
    StoreId, SyncId,
};

use super::*;
use crate::seal;

const BEGAN: Seq = 500;
const SHARED: Seq = 100;

fn site() -> SyncId {
    SyncId::new(4).unwrap()
}

fn store() -> StoreId {
    StoreId::from_bytes([9; 16])
}

fn now() -> Epoch {
    Epoch {
        incarnation: 1,
        counter: 3,
    }
}

fn assignment() -> Assignment {
    Assignment {
        store: store(),
        site: site(),
        epoch: now(),
        version: 1,
        state: AssignmentState::Active,
        hand_over: None,
    }
}

fn record(kind: Kind, epoch: Epoch, revision: Seq, body: &'static [u8]) -> Record {
    let channel = match kind {
        Kind::STOCK_LINE => Channel::StoreStock(store()),
        _ => Channel::StoreHistory(store()),
    };
    seal(Record {
        key: RecordKey {
            kind,
            id: RecordId::from_bytes([7; 16]),
        },
        channel,
        origin_site: site(),
        epoch,
        revision,
        schema: 1,
        deleted: false,
        hash: RecordHash::default(),
        body: Bytes::from_static(body),
    })
}

fn transaction(revision: Seq, body: &'static [u8]) -> Record {
    record(Kind::TRANSACTION, now(), revision, body)
}

fn of(ours: &Record, seq: Seq, theirs: &Record) -> Reunited {
    let assignment = assignment();
    let reunion = Reunion {
        site: site(),
        began: BEGAN,
        shared: SHARED,
        assignment: &assignment,
    };
    reunion.of(Some(OwnRecord { record: ours, seq }), theirs)
}

fn left_over(ours: &Record, seq: Seq) -> LeftOver {
    let assignment = assignment();
    let reunion = Reunion {
        site: site(),
        began: BEGAN,
        shared: SHARED,
        assignment: &assignment,
    };
    reunion.left_over(OwnRecord { record: ours, seq })
}

#[test]
fn what_the_primary_knows_already_is_taken_from_it() {
    let theirs = transaction(150, b"later");
    assert_eq!(of(&theirs.clone(), 150, &theirs), Reunited::Same);
    assert_eq!(of(&transaction(80, b"earlier"), 80, &theirs), Reunited::Theirs);
    // Came by a pull once: its number is not that of this feed.
    assert_eq!(of(&transaction(80, b"earlier"), 600, &theirs), Reunited::Theirs);
}

#[test]
fn what_never_reached_the_primary_goes_up_though_it_is_from_the_common_past() {
    let theirs = transaction(80, b"earlier");
    assert_eq!(of(&transaction(95, b"later"), 95, &theirs), Reunited::OursRenewed);
    let before = Epoch { counter: 2, ..now() };
    let older = record(Kind::TRANSACTION, Epoch { counter: 1, ..now() }, 60, b"oldest");
    let stale = record(Kind::TRANSACTION, before, 70, b"old");
    assert_eq!(of(&stale, 70, &older), Reunited::OursAside(Reason::STALE_EPOCH));
    assert_eq!(of(&stale, 70, &theirs), Reunited::Theirs);
}

#[test]
fn work_on_what_both_know_goes_up() {
    assert_eq!(
        of(&transaction(510, b"new"), 510, &transaction(90, b"old")),
        Reunited::Ours
    );
}

#[test]
fn two_that_were_changed_apart_end_with_the_primarys_and_nothing_is_dropped() {
    let ours = transaction(510, b"ours");
    assert_eq!(
        of(&ours, 510, &transaction(150, b"theirs")),
        Reunited::OursAside(Reason::FORKED_VERSION)
    );
    assert_eq!(of(&ours, 510, &transaction(150, b"ours")), Reunited::Again);
    let before = Epoch { counter: 2, ..now() };
    let stale = record(Kind::TRANSACTION, before, 510, b"ours");
    assert_eq!(
        of(&stale, 510, &transaction(90, b"old")),
        Reunited::OursAside(Reason::STALE_EPOCH)
    );
}

#[test]
fn stock_is_never_merged() {
    let ours = record(Kind::STOCK_LINE, now(), 510, b"ours");
    let theirs = record(Kind::STOCK_LINE, now(), 150, b"theirs");
    assert_eq!(of(&ours, 510, &theirs), Reunited::Theirs);
    let old = record(Kind::STOCK_LINE, now(), 90, b"old");
    assert_eq!(of(&ours, 510, &old), Reunited::Ours);
}

#[test]
fn another_sites_version_is_no_common_past() {
    let theirs = seal(Record {
        origin_site: SyncId::PRIMARY,
        ..transaction(90, b"theirs")
    });
    assert_eq!(
        of(&transaction(510, b"ours"), 510, &theirs),
        Reunited::OursAside(Reason::FORKED_VERSION)
    );
}

#[test]
fn what_the_primary_lacks_goes_up_unless_it_was_written_under_another_ownership() {
    assert_eq!(left_over(&transaction(510, b"new"), 510), LeftOver::Kept);
    assert_eq!(left_over(&transaction(80, b"lost there"), 80), LeftOver::Renewed);
    let before = Epoch { counter: 2, ..now() };
    let stale = record(Kind::TRANSACTION, before, 510, b"stale");
    assert_eq!(left_over(&stale, 510), LeftOver::Aside(Reason::STALE_EPOCH));
    let handed_over = seal(Record {
        origin_site: SyncId::PRIMARY,
        ..record(Kind::TRANSACTION, before, 20, b"handed over")
    });
    assert_eq!(left_over(&handed_over, 40), LeftOver::Renewed);
}
