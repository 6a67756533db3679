//! The rules of a move, one by one.

use supplysync_model::{Digest, RecordHash, StoreId};

use super::*;

fn site(number: u16) -> SyncId {
    SyncId::new(number).unwrap()
}

fn active_on(number: u16) -> Assignment {
    Assignment {
        store: StoreId::from_bytes([7; 16]),
        site: site(number),
        epoch: Epoch {
            incarnation: 1,
            counter: 4,
        },
        version: 9,
        state: AssignmentState::Active,
        hand_over: None,
    }
}

fn draining(from: u16, to: u16) -> Assignment {
    begun(&active_on(from), site(to)).unwrap()
}

fn totals(of: u8) -> StoreTotals {
    let mut stock = Digest::default();
    stock.add(RecordHash([of; 16]));
    StoreTotals {
        stock,
        history: Digest::default(),
    }
}

fn ready() -> MoveFacts {
    MoveFacts {
        totals: totals(1),
        released: Some(totals(1)),
        held: Some(totals(1)),
        caught_up: true,
        forced: false,
        quarantined: 0,
    }
}

fn judge(facts: MoveFacts) -> Result<Assignment, MoveWait> {
    judge_move(&draining(2, 3), &facts, 1, 70)
}

#[test]
fn a_store_goes_only_when_all_three_hold_the_same() {
    let moved = judge(ready()).unwrap();
    assert_eq!((moved.site, moved.version), (site(3), 11));
    assert_eq!(moved.state, AssignmentState::Active);
    assert!(moved.epoch > active_on(2).epoch);
    let hand_over = moved.hand_over.unwrap();
    assert_eq!((hand_over.seq, hand_over.totals), (70, totals(1)));
    let cases = [
        (
            MoveFacts {
                released: None,
                ..ready()
            },
            MoveWait::OldSite,
        ),
        (
            MoveFacts {
                released: Some(totals(2)),
                ..ready()
            },
            MoveWait::OldSiteData,
        ),
        (
            MoveFacts {
                quarantined: 1,
                ..ready()
            },
            MoveWait::Quarantine,
        ),
        (
            MoveFacts {
                held: None,
                ..ready()
            },
            MoveWait::NewSite,
        ),
        (
            MoveFacts {
                held: Some(totals(2)),
                ..ready()
            },
            MoveWait::NewSite,
        ),
        (
            MoveFacts {
                caught_up: false,
                ..ready()
            },
            MoveWait::NewSite,
        ),
    ];
    for (facts, wait) in cases {
        assert_eq!(judge(facts), Err(wait), "{facts:?}");
    }
}

#[test]
fn force_skips_the_old_site_and_never_the_new_one() {
    let alone = MoveFacts {
        released: None,
        quarantined: 3,
        forced: true,
        ..ready()
    };
    assert!(judge(alone).is_ok());
    assert_eq!(judge(MoveFacts { held: None, ..alone }), Err(MoveWait::NewSite));
    let behind = MoveFacts {
        caught_up: false,
        ..alone
    };
    assert_eq!(judge(behind), Err(MoveWait::NewSite));
}

#[test]
fn the_primary_as_the_old_site_has_stopped_already() {
    let facts = MoveFacts {
        released: None,
        ..ready()
    };
    assert!(judge_move(&draining(1, 3), &facts, 1, 70).is_ok());
}

#[test]
fn a_restored_primary_hands_over_above_every_epoch_before() {
    let moved = judge_move(&draining(2, 3), &ready(), 5, 70).unwrap();
    assert!(moved.epoch > active_on(2).epoch && moved.epoch.incarnation == 5);
}

#[test]
fn only_what_is_active_elsewhere_can_be_moved() {
    assert_eq!(begun(&active_on(2), site(2)), None);
    assert_eq!(begun(&draining(2, 3), site(4)), None);
    let back = called_off(&draining(2, 3));
    assert_eq!(
        (back.site, back.epoch, back.version),
        (site(2), active_on(2).epoch, 11)
    );
}

#[test]
fn each_site_answers_for_itself() {
    let draining = draining(2, 3);
    let said = |number, own: OwnSide| {
        let report = answer(site(number), &draining, &own)?;
        assert_eq!((report.store, report.version), (draining.store, 10));
        Some(report.step)
    };
    let own = OwnSide {
        totals: totals(1),
        ..OwnSide::default()
    };
    let pushed = OwnSide { pushed: true, ..own };
    let complete = OwnSide {
        complete: true,
        ..own
    };
    assert_eq!(said(2, own), None, "what it wrote last is still on its way");
    assert_eq!(said(2, pushed), Some(MoveStep::Released(totals(1))));
    assert_eq!(
        said(
            2,
            OwnSide {
                aborted: true,
                ..pushed
            }
        ),
        Some(MoveStep::Aborted)
    );
    assert_eq!(said(3, own), None, "not loaded yet");
    assert_eq!(said(3, complete), Some(MoveStep::Held(totals(1))));
    assert_eq!(said(4, complete), None);
    assert_eq!(answer(site(2), &active_on(2), &pushed), None);
}

#[test]
fn a_store_is_loaded_first_unless_the_primary_takes_it() {
    let held = active_on(2);
    let next = announced(&held, site(3)).unwrap();
    assert_eq!(
        (next.version, next.state),
        (held.version + 1, AssignmentState::Active)
    );
    assert_eq!((next.site, next.epoch), (held.site, held.epoch));
    assert_eq!(announced(&held, SyncId::PRIMARY), None);
    assert_eq!(announced(&held, site(2)), None);
    for (heard, caught_up) in [(false, false), (true, false), (false, true)] {
        let facts = LoadFacts {
            heard,
            caught_up,
            quarantined: 1,
        };
        assert_eq!(judge_load(&facts), Err(MoveWait::Loading));
    }
    let loaded = |quarantined| LoadFacts {
        heard: true,
        caught_up: true,
        quarantined,
    };
    assert_eq!(judge_load(&loaded(2)), Err(MoveWait::Quarantine));
    assert_eq!(judge_load(&loaded(0)), Ok(()));
}
