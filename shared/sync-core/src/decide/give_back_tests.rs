//! What a primary that was put back takes of what a site gives back, and laws that hold for whatever comes.

use bytes::Bytes;
use proptest::prelude::*;
use supplysync_model::{HandOver, Kind, RecordHash, RecordId, StoreId, StoreTotals};

use super::*;
use crate::seal;

/// The present life, and the lost one.
const LIFE: u32 = 9;
const LOST: u32 = 1;

fn site(number: u16) -> SyncId {
    SyncId::new(number).unwrap()
}

fn store() -> StoreId {
    StoreId::from_bytes([5; 16])
}

fn epoch(incarnation: u32, counter: u32) -> Epoch {
    Epoch { incarnation, counter }
}

fn giving(open: bool) -> GivingBack {
    GivingBack {
        life: LIFE,
        kept: (epoch(LOST, 0), 40),
        open,
    }
}

fn record(kind: Kind, channel: Channel, origin: u16, epoch: Epoch, revision: Seq, body: u8) -> Record {
    seal(Record {
        key: RecordKey {
            kind,
            id: RecordId::from_bytes([1; 16]),
        },
        channel,
        origin_site: site(origin),
        epoch,
        revision,
        schema: 1,
        deleted: false,
        hash: RecordHash::default(),
        body: Bytes::from(vec![body]),
    })
}

fn item(epoch: Epoch, revision: Seq, body: u8) -> Record {
    record(Kind::ITEM, Channel::Master, 1, epoch, revision, body)
}

fn line(origin: u16, epoch: Epoch, revision: Seq, body: u8) -> Record {
    record(
        Kind::STOCK_LINE,
        Channel::StoreStock(store()),
        origin,
        epoch,
        revision,
        body,
    )
}

fn active_on(number: u16, epoch: Epoch) -> Assignment {
    Assignment {
        store: store(),
        site: site(number),
        epoch,
        version: 3,
        state: AssignmentState::Active,
        hand_over: None,
    }
}

/// What site 2 gives back.
fn taken(existing: Option<&Record>, incoming: &Record, assignment: Option<&Assignment>) -> Verdict {
    decide_give_back(existing, incoming, site(2), assignment, &giving(true))
}

#[test]
fn master_data_comes_back_in_its_latest_version_while_a_site_gives_back() {
    let (old, new) = (item(epoch(LOST, 0), 30, 1), item(epoch(LOST, 0), 60, 2));
    assert_eq!(taken(None, &new, None), Verdict::Apply);
    assert_eq!(taken(Some(&old), &new, None), Verdict::Apply);
    assert_eq!(
        taken(Some(&new), &old, None),
        Verdict::Duplicate,
        "another site was faster"
    );
    let late = decide_give_back(None, &new, site(2), None, &giving(false));
    assert_eq!(late, Verdict::Quarantine(Reason::MASTER_DATA_IS_PRIMARY_ONLY));
}

#[test]
fn what_was_edited_meanwhile_stands_beside_what_was_lost_but_not_beside_what_it_was_made_on() {
    let edited = item(epoch(LIFE, 0), 1_000, 3);
    let lost = item(epoch(LOST, 0), 60, 2);
    let known = item(epoch(LOST, 0), 30, 1);
    assert_eq!(
        taken(Some(&edited), &lost, None),
        Verdict::Quarantine(Reason::FORKED_VERSION)
    );
    assert_eq!(taken(Some(&edited), &known, None), Verdict::Duplicate);
}

#[test]
fn a_site_invents_nothing() {
    let forged = record(Kind::ITEM, Channel::Master, 2, epoch(LOST, 0), 60, 2);
    assert_eq!(taken(None, &forged, None), Verdict::Quarantine(Reason::NOT_OWNER));
    let strange = record(
        Kind::SITE_SETTINGS,
        Channel::Site(site(3)),
        1,
        epoch(LOST, 0),
        60,
        2,
    );
    assert_eq!(
        taken(None, &strange, None),
        Verdict::Quarantine(Reason::NOT_OWNER)
    );
    let lost = line(3, epoch(LOST, 1), 60, 2);
    assert_eq!(
        taken(None, &lost, None),
        Verdict::Quarantine(Reason::STORE_NOT_ASSIGNED)
    );
    let beyond = active_on(3, epoch(LOST, 1));
    let unheard = line(3, epoch(LOST, 2), 60, 2);
    assert_eq!(
        taken(None, &unheard, Some(&beyond)),
        Verdict::Quarantine(Reason::STALE_EPOCH)
    );
}

#[test]
fn copies_come_back_until_the_site_has_given_back_everything() {
    let elsewhere = active_on(3, epoch(LOST, 1));
    let copy = line(3, epoch(LOST, 1), 60, 2);
    assert_eq!(taken(None, &copy, Some(&elsewhere)), Verdict::Apply);
    let late = decide_give_back(None, &copy, site(2), Some(&elsewhere), &giving(false));
    assert_eq!(late, Verdict::Quarantine(Reason::STORE_NOT_ACTIVE_HERE));
}

#[test]
fn a_primary_that_works_in_its_own_stores_again_takes_nothing_into_them() {
    let lost = line(1, epoch(LOST, 1), 60, 2);
    assert_eq!(
        taken(None, &lost, Some(&active_on(1, epoch(LOST, 1)))),
        Verdict::Apply
    );
    let again = active_on(1, epoch(LIFE, 2));
    assert_eq!(
        taken(None, &lost, Some(&again)),
        Verdict::Quarantine(Reason::STALE_EPOCH)
    );
}

#[test]
fn what_a_site_wrote_before_its_ownership_was_said_anew_goes_on_until_the_store_moves() {
    let said = active_on(2, epoch(LIFE, 2));
    let wrote = line(2, epoch(LOST, 1), 60, 2);
    let after =
        |assignment: &Assignment| decide_give_back(None, &wrote, site(2), Some(assignment), &giving(false));
    assert_eq!(after(&said), Verdict::Apply);
    let moved = Assignment {
        hand_over: Some(HandOver {
            seq: 1_000,
            totals: StoreTotals::default(),
        }),
        ..said
    };
    assert_eq!(after(&moved), Verdict::Quarantine(Reason::STALE_EPOCH));
}

#[test]
fn what_another_site_wrote_in_a_store_is_not_taken_from_a_third_once_its_ownership_was_said_anew() {
    let before = active_on(4, epoch(LOST, 2));
    let again = active_on(4, epoch(LIFE, 3));
    let another = line(3, epoch(LOST, 2), 60, 2);
    let its_own = line(4, epoch(LOST, 2), 60, 2);
    assert_eq!(taken(None, &another, Some(&before)), Verdict::Apply);
    assert_eq!(
        taken(None, &another, Some(&again)),
        Verdict::Quarantine(Reason::STALE_EPOCH)
    );
    assert_eq!(taken(None, &its_own, Some(&again)), Verdict::Apply);
    let brings = decide_give_back(None, &another, site(4), Some(&again), &giving(true));
    assert_eq!(brings, Verdict::Apply, "it has it");
}

proptest! {
    /// In whichever order two versions of the lost life come, the later one stays.
    #[test]
    fn the_order_of_giving_back_does_not_matter(one in 0..5u64, other in 0..5u64) {
        let (one, other) = (item(epoch(LOST, 0), one, one as u8), item(epoch(LOST, 0), other, other as u8));
        let then = |held: &Record, next: &Record| match taken(Some(held), next, None) {
            Verdict::Apply => next.clone(),
            _ => held.clone(),
        };
        prop_assert_eq!(then(&one, &other), then(&other, &one));
    }
}
