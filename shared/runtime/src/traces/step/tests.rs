//! The laws on which all sites must agree, and what a span may tell.

use std::collections::HashSet;
use std::time::Duration;

use supplysync_model::{Channel, Epoch, Kind, RecordId, RecordKey, StoreId};

use super::*;

fn hash(number: u32) -> RecordHash {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(&number.to_be_bytes()).as_bytes()[..16]);
    RecordHash(half)
}

fn site(number: u16) -> SyncId {
    SyncId::new(number).unwrap()
}

fn at(number: u16) -> Describing {
    Describing::new(Origin {
        program: "a program",
        version: "0.0.0",
        site: site(number),
    })
}

fn step(stage: Stage, origin: u16, peer: u16) -> Step {
    Step {
        stage,
        version: RecordVersion {
            hash: hash(1),
            key: RecordKey {
                kind: Kind::STOCK_LINE,
                id: RecordId::from_bytes([7; 16]),
            },
            channel: Channel::StoreStock(StoreId::from_bytes([3; 16])),
            origin_site: site(origin),
            epoch: Epoch {
                incarnation: 1,
                counter: 4,
            },
            revision: 12,
        },
        peer: site(peer),
        seq: Some(15),
        batch: Some(9),
        refused: None,
        began: SystemTime::UNIX_EPOCH + Duration::from_secs(10),
        ended: SystemTime::UNIX_EPOCH + Duration::from_secs(11),
    }
}

fn chain(steps: &[(u16, Step)]) {
    let spans: Vec<_> = steps.iter().map(|(here, step)| at(*here).span(step)).collect();
    assert_eq!(spans[0].parent_span_id, SpanId::INVALID);
    for pair in spans.windows(2) {
        assert_eq!(pair[1].parent_span_id, pair[0].span_context.span_id(), "{pair:?}");
    }
    let ids: HashSet<_> = spans.iter().map(|span| span.span_context.span_id()).collect();
    assert_eq!(ids.len(), spans.len());
    let trace = TraceId::from_bytes(hash(1).0);
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace));
}

#[test]
fn each_site_names_the_span_before_its_own_without_having_heard_of_it() {
    // From a clinic over the primary to another, and from the primary itself.
    chain(&[
        (2, step(Stage::Edit, 2, 2)),
        (2, step(Stage::Push, 2, 1)),
        (1, step(Stage::Apply, 2, 2)),
        (1, step(Stage::Route, 2, 3)),
        (3, step(Stage::Apply, 2, 1)),
    ]);
    chain(&[
        (1, step(Stage::Edit, 1, 1)),
        (1, step(Stage::Route, 1, 3)),
        (3, step(Stage::Apply, 1, 1)),
    ]);
    let routes = [3, 4].map(|to| at(1).span(&step(Stage::Route, 2, to)));
    assert_ne!(routes[0].span_context.span_id(), routes[1].span_context.span_id());
}

/// Sites of other versions work out the same ones: the bytes are fixed.
#[test]
fn ids_are_those_that_they_always_were() {
    let span = at(2).span(&step(Stage::Edit, 2, 2));
    let trace = span.span_context.trace_id().to_string();
    let spans = [
        (2, step(Stage::Edit, 2, 2)),
        (2, step(Stage::Push, 2, 1)),
        (1, step(Stage::Apply, 2, 2)),
        (1, step(Stage::Route, 2, 3)),
    ]
    .map(|(here, step)| at(here).span(&step).span_context.span_id().to_string());
    assert_eq!(trace, "a4b6064b23dbaa408b171b0fed5628af");
    assert_eq!(
        spans,
        [
            "1481164ca95d294c",
            "57f037f01684e3af",
            "ea2e0e45c9be8f35",
            "2a3dd16658cd5565"
        ]
    );
}

#[test]
fn the_hash_alone_says_which_versions_are_followed() {
    let hashes: Vec<_> = (0..10_000).map(hash).collect();
    let number = |ratio| hashes.iter().filter(|hash| Share::of(ratio).has(**hash)).count();
    assert_eq!((number(0.0), number(1.0)), (0, 10_000));
    assert!((70..130).contains(&number(0.01)), "{}", number(0.01));
    assert!((4_800..5_200).contains(&number(0.5)), "{}", number(0.5));
    // A site that follows more follows what the others do.
    for hash in hashes {
        assert!(!Share::of(0.01).has(hash) || Share::of(0.02).has(hash));
    }
    // The ends of the range, where the law is fixed to the bit.
    let end = |end: u64| {
        let mut bytes = [0xff; 16];
        bytes[8..].copy_from_slice(&end.to_be_bytes());
        RecordHash(bytes)
    };
    assert!(Share::of(0.5).has(end((1 << 63) - 1)) && !Share::of(0.5).has(end(1 << 63)));
    assert!(Share::of(1.0).has(end(u64::MAX)) && !Share::of(0.0).has(end(0)));
    assert_eq!(Share::of(-1.0), Share::of(0.0));
    assert_eq!(Share::of(f64::NAN), Share::of(0.0));
}

#[test]
fn a_span_tells_where_it_was_and_nothing_of_what_is_recorded() {
    let span = at(1).span(&step(Stage::Route, 2, 3));
    let told: Vec<_> = span
        .attributes
        .iter()
        .map(|told| format!("{}={}", told.key, told.value))
        .collect();
    assert_eq!(
        told,
        [
            "supplysync.site=1",
            "supplysync.kind=stock line",
            "supplysync.record=07070707-0707-0707-0707-070707070707",
            "supplysync.channel=store/03030303-0303-0303-0303-030303030303/stock",
            "supplysync.origin=2",
            "supplysync.epoch=1.4",
            "supplysync.revision=12",
            "supplysync.peer=3",
            "supplysync.seq=15",
            "supplysync.batch=9",
        ]
    );
    assert_eq!((&*span.name, span.status), ("route", Status::Unset));
}

#[test]
fn what_was_refused_says_why_and_time_never_runs_back() {
    let refused = Step {
        refused: Some(Reason::STALE_EPOCH),
        ended: SystemTime::UNIX_EPOCH,
        ..step(Stage::Push, 2, 1)
    };
    let span = at(2).span(&refused);
    assert_eq!(span.status, Status::error("STALE_EPOCH"));
    assert_eq!(span.end_time, span.start_time);
}
