//! The verdicts one by one, in the order of DESIGN 6.3, and laws that hold for any two versions.

use bytes::Bytes;
use proptest::prelude::*;
use supplysync_model::{HandOver, Kind, RecordHash, RecordId, StoreId, StoreTotals};

use super::*;
use crate::seal;

fn site(number: u16) -> SyncId {
    SyncId::new(number).unwrap()
}

fn store() -> StoreId {
    StoreId::from_bytes([5; 16])
}

fn epoch(counter: u32) -> Epoch {
    Epoch {
        incarnation: 1,
        counter,
    }
}

fn line(epoch: Epoch, revision: u64, body: &'static [u8]) -> Record {
    seal(Record {
        key: RecordKey {
            kind: Kind::STOCK_LINE,
            id: RecordId::from_bytes([1; 16]),
        },
        channel: Channel::StoreStock(store()),
        origin_site: site(2),
        epoch,
        revision,
        schema: 1,
        deleted: false,
        hash: RecordHash::default(),
        body: Bytes::from_static(body),
    })
}

fn assigned(site: SyncId, state: AssignmentState) -> Assignment {
    Assignment {
        store: store(),
        site,
        epoch: epoch(2),
        version: 1,
        state,
        hand_over: None,
    }
}

fn active() -> Assignment {
    assigned(site(2), AssignmentState::Active)
}

fn push(existing: Option<&Record>, incoming: &Record, assignment: Option<&Assignment>) -> Verdict {
    decide_push(existing, incoming, site(2), assignment)
}

#[test]
fn what_was_received_already_is_a_duplicate_whoever_owns_the_store_now() {
    let held = line(epoch(2), 4, b"a");
    let elsewhere = assigned(site(3), AssignmentState::Active);
    for assignment in [Some(&active()), Some(&elsewhere), None] {
        assert_eq!(push(Some(&held), &held.clone(), assignment), Verdict::Duplicate);
    }
}

#[test]
fn a_push_is_refused_with_the_reason() {
    let incoming = line(epoch(2), 4, b"a");
    let mut master = incoming.clone();
    master.channel = Channel::Master;
    master.key.kind = Kind::ITEM;
    let mut foreign = incoming.clone();
    foreign.origin_site = site(3);
    let mut misplaced = incoming.clone();
    misplaced.channel = Channel::StoreHistory(store());
    let mut moved = line(epoch(2), 1, b"b");
    moved.channel = Channel::StoreStock(StoreId::from_bytes([6; 16]));
    let here = active();
    let elsewhere = assigned(site(3), AssignmentState::Active);
    let cases = [
        (None, &master, Some(&here), Reason::MASTER_DATA_IS_PRIMARY_ONLY),
        (None, &foreign, Some(&here), Reason::NOT_OWNER),
        (None, &misplaced, Some(&here), Reason::WRONG_CHANNEL),
        (Some(&moved), &incoming, Some(&here), Reason::WRONG_CHANNEL),
        (None, &incoming, None, Reason::STORE_NOT_ASSIGNED),
        (None, &incoming, Some(&elsewhere), Reason::STORE_NOT_ACTIVE_HERE),
        (None, &line(epoch(1), 9, b"a"), Some(&here), Reason::STALE_EPOCH),
        (None, &line(epoch(3), 1, b"a"), Some(&here), Reason::STALE_EPOCH),
    ];
    for (existing, incoming, assignment, reason) in cases {
        assert_eq!(push(existing, incoming, assignment), Verdict::Quarantine(reason));
    }
}

#[test]
fn a_later_version_is_applied_an_older_one_is_known_two_of_one_version_are_a_fork() {
    let held = line(epoch(2), 4, b"a");
    let verdict = |incoming: &Record| push(Some(&held), incoming, Some(&active()));
    assert_eq!(verdict(&line(epoch(2), 5, b"b")), Verdict::Apply);
    assert_eq!(verdict(&line(epoch(2), 3, b"b")), Verdict::Duplicate);
    let fork = Verdict::Quarantine(Reason::FORKED_VERSION);
    assert_eq!(verdict(&line(epoch(2), 4, b"b")), fork);
    let before_the_move = line(epoch(1), 99, b"a");
    assert_eq!(
        push(Some(&before_the_move), &line(epoch(2), 1, b"b"), Some(&active())),
        Verdict::Apply
    );
}

#[test]
fn a_store_that_drains_still_sends_what_it_wrote() {
    let draining = assigned(site(2), AssignmentState::Draining { to: site(3) });
    assert_eq!(
        push(None, &line(epoch(2), 4, b"a"), Some(&draining)),
        Verdict::Apply
    );
    let [stock, _] = Channel::of_store(store());
    assert_eq!(
        may_write(stock, site(2), Some(&draining), Tenure::default()),
        Err(Reason::STORE_DRAINING)
    );
}

#[test]
fn a_kind_that_this_version_does_not_know_is_carried() {
    let mut unknown = line(epoch(2), 4, b"a");
    unknown.key.kind = Kind(999);
    unknown.schema = 77;
    assert_eq!(push(None, &seal(unknown), Some(&active())), Verdict::Apply);
}

#[test]
fn only_the_owner_may_write() {
    let [stock, history] = Channel::of_store(store());
    for channel in [stock, history] {
        assert_eq!(
            may_write(channel, site(2), Some(&active()), Tenure::default()),
            Ok(())
        );
        for other in [site(3), SyncId::PRIMARY] {
            assert_eq!(
                may_write(channel, other, Some(&active()), Tenure::default()),
                Err(Reason::STORE_NOT_ACTIVE_HERE)
            );
        }
        assert_eq!(
            may_write(channel, site(2), None, Tenure::default()),
            Err(Reason::STORE_NOT_ASSIGNED)
        );
    }
    for channel in [Channel::Master, Channel::Site(site(2))] {
        assert_eq!(
            may_write(channel, SyncId::PRIMARY, None, Tenure::default()),
            Ok(())
        );
        assert_eq!(
            may_write(channel, site(2), None, Tenure::default()),
            Err(Reason::MASTER_DATA_IS_PRIMARY_ONLY)
        );
    }
}

#[test]
fn a_site_writes_what_it_keeps_and_what_it_was_given_once_it_is_there() {
    let [stock, _] = Channel::of_store(store());
    let draining = assigned(site(2), AssignmentState::Draining { to: site(3) });
    let aborted = |version| Tenure {
        aborted: Some(version),
        ..Tenure::default()
    };
    assert_eq!(may_write(stock, site(2), Some(&draining), aborted(1)), Ok(()));
    assert_eq!(
        may_write(stock, site(2), Some(&draining), aborted(0)),
        Err(Reason::STORE_DRAINING),
        "an abort of another version"
    );
    let given = Assignment {
        hand_over: Some(HandOver {
            seq: 9,
            totals: StoreTotals::default(),
        }),
        ..active()
    };
    let here = Tenure {
        taken_over: true,
        ..Tenure::default()
    };
    assert_eq!(
        may_write(stock, site(2), Some(&given), Tenure::default()),
        Err(Reason::STORE_NOT_HERE_YET)
    );
    assert_eq!(may_write(stock, site(2), Some(&given), here), Ok(()));
}

#[test]
fn a_repair_obeys_the_stores_site_and_nobody_else() {
    let repair = |existing: Option<&Record>, incoming: &Record, assignment: Option<&Assignment>| {
        decide_repair(existing, incoming, site(2), assignment)
    };
    let (held, incoming) = (line(epoch(2), 9, b"edited"), line(epoch(2), 4, b"a"));
    let active = active();
    assert_eq!(repair(None, &incoming, Some(&active)), Verdict::Apply);
    assert_eq!(
        repair(Some(&held), &incoming, Some(&active)),
        Verdict::Apply,
        "whatever is held"
    );
    assert_eq!(
        repair(Some(&incoming), &incoming, Some(&active)),
        Verdict::Duplicate
    );
    // What came with the store from the site that had it before.
    let mut inherited = line(epoch(1), 30, b"b");
    inherited.origin_site = site(3);
    assert_eq!(repair(None, &inherited, Some(&active)), Verdict::Apply);

    let mut master = incoming.clone();
    master.channel = Channel::Master;
    let mut misplaced = incoming.clone();
    misplaced.channel = Channel::StoreHistory(store());
    let mut foreign = incoming.clone();
    foreign.origin_site = site(3);
    let elsewhere = assigned(site(3), AssignmentState::Active);
    let refused = [
        (&master, Some(&active), Reason::MASTER_DATA_IS_PRIMARY_ONLY),
        (&misplaced, Some(&active), Reason::WRONG_CHANNEL),
        (&incoming, None, Reason::STORE_NOT_ASSIGNED),
        (&incoming, Some(&elsewhere), Reason::STORE_NOT_ACTIVE_HERE),
        (&line(epoch(3), 1, b"a"), Some(&active), Reason::STALE_EPOCH),
        (&foreign, Some(&active), Reason::NOT_OWNER),
    ];
    for (incoming, assignment, reason) in refused {
        assert_eq!(repair(None, incoming, assignment), Verdict::Quarantine(reason));
    }
    let mut moved = held;
    moved.channel = Channel::StoreHistory(store());
    let verdict = repair(Some(&moved), &incoming, Some(&active));
    assert_eq!(verdict, Verdict::Quarantine(Reason::WRONG_CHANNEL));
}

proptest! {
    /// A receiver obeys the feed: whatever it holds, what comes is there afterwards, or it is there already.
    #[test]
    fn a_pull_obeys_the_feed(held in version(), incoming in version()) {
        let (held, incoming) = (line(epoch(held.0), held.1, held.2), line(epoch(incoming.0), incoming.1, incoming.2));
        let same = held.hash == incoming.hash;
        let verdict = if same { Verdict::Duplicate } else { Verdict::Apply };
        prop_assert_eq!(decide_pull(Some(&held), &incoming), verdict);
        prop_assert_eq!(decide_pull(None, &incoming), Verdict::Apply);
    }

    /// Repeats of a push change nothing, and nothing older replaces what is held.
    #[test]
    fn a_push_never_goes_backwards(held in version(), incoming in version()) {
        let (held, incoming) = (line(epoch(held.0), held.1, held.2), line(epoch(incoming.0), incoming.1, incoming.2));
        let assignment = Assignment { epoch: incoming.epoch, ..active() };
        let verdict = push(Some(&held), &incoming, Some(&assignment));
        if verdict == Verdict::Apply {
            prop_assert!(version_of(&incoming) > version_of(&held));
            prop_assert_eq!(push(Some(&incoming), &incoming, Some(&assignment)), Verdict::Duplicate);
        }
    }
}

fn version_of(record: &Record) -> (Epoch, u64) {
    (record.epoch, record.revision)
}

fn version() -> impl Strategy<Value = (u32, u64, &'static [u8])> {
    (
        0..3u32,
        0..4u64,
        prop_oneof![Just(b"a" as &'static [u8]), Just(b"b" as &'static [u8])],
    )
}
