//! What the primary does with a push: verdicts, duplicates, leases, and batches that begin elsewhere.

use bytes::Bytes;
use futures::FutureExt;
use supplysync_model::{Channel, Kind, Reason, Record, RecordKey};
use supplysync_sync_core::{ApplyOutcome, Cursor, Direction};

use crate::database::{Database, reason};
use crate::link::{ALL, SESSION, World, ack, applied, batch, following, incarnation, pull, push, wanted};
use crate::records::{Bed, Records};
use crate::sample::{
    SECOND, THIRD, assignment, epoch, history_channel, item, key, line, site, stock_channel,
};

crate::on_every_store! {
    what_may_not_come_is_set_aside_and_the_rest_flows_on;
    what_came_already_changes_nothing;
    a_forked_version_is_set_aside;
    a_late_push_after_a_move_is_set_aside;
    an_old_session_is_fenced;
    a_batch_that_begins_elsewhere_changes_nothing;
}

crate::on_every_database! {
    what_can_never_be_read_is_set_aside;
    a_damaged_record_holds_nothing_back;
    a_tombstone_has_no_row_whatever_it_carries;
}

/// A stock line as site 2 writes it, at its seq.
fn pushed(number: u32, revision: u64, packs: u32) -> Record {
    let body = line(number, SECOND, packs);
    let (schema, bytes) = body.encode();
    Record {
        key: body.key(),
        channel: body.channel(),
        origin_site: site(2),
        epoch: epoch(1),
        revision,
        schema,
        deleted: false,
        hash: Default::default(),
        body: bytes,
    }
}

async fn send(primary: &impl Records, from: u64, through: u64, records: Vec<Record>) -> ApplyOutcome {
    let channel = records[0].channel;
    let parts = vec![following(channel, from, through, records)];
    primary
        .apply(batch(Direction::Push, 2, through, parts))
        .await
        .unwrap()
}

async fn what_may_not_come_is_set_aside_and_the_rest_flows_on(bed: impl Bed) {
    let world = World::new(&bed).await;
    let primary = &world.primary;
    primary.put(vec![crate::sample::store(400)]).await.unwrap();
    let good = pushed(500, 1, 5);
    let of_store = |number, store| {
        let mut record = pushed(number, 2, 5);
        record.channel = stock_channel(store);
        record.body = line(number, store, 5).encode().1;
        record
    };
    let stranger = Record {
        origin_site: site(3),
        ..pushed(501, 2, 5)
    };
    let stale = Record {
        epoch: epoch(0),
        ..pushed(502, 3, 5)
    };
    let misplaced = Record {
        key: key(Kind::TRANSACTION, 504),
        ..pushed(504, 5, 5)
    };
    let (schema, body) = item(10, "a clinic's own name").encode();
    let master = Record {
        key: key(Kind::ITEM, 10),
        channel: Channel::Master,
        schema,
        body,
        ..pushed(505, 6, 5)
    };
    let mixed = vec![stranger, stale, misplaced, good.clone(), pushed(506, 7, 5)];
    let outcome = send(primary, 0, 7, mixed).await;
    assert_eq!(outcome.applied, 2);
    let said: Vec<_> = outcome
        .refused
        .iter()
        .map(|refusal| (refusal.key.id, refusal.reason))
        .collect();
    let expected = [
        (crate::sample::id(501), Reason::NOT_OWNER),
        (crate::sample::id(502), Reason::STALE_EPOCH),
        (crate::sample::id(504), Reason::WRONG_CHANNEL),
    ];
    assert_eq!(said, expected);
    for (record, reason) in [
        (of_store(510, THIRD), Reason::STORE_NOT_ACTIVE_HERE),
        (of_store(511, 400), Reason::STORE_NOT_ASSIGNED),
        (master, Reason::MASTER_DATA_IS_PRIMARY_ONLY),
    ] {
        let before = primary.record(record.key).await;
        let outcome = send(primary, 0, 8, vec![record.clone()]).await;
        assert_eq!((outcome.applied, outcome.refused[0].reason), (0, reason));
        assert_eq!(primary.record(record.key).await, before);
        let at = primary.received_to(site(2)).await;
        assert!(
            at.contains(&(record.channel, Cursor::Following { seq: 8 })),
            "what is refused is acknowledged"
        );
    }
    let aside = primary.quarantined().await;
    assert_eq!(aside.len(), 6);
    assert!(aside.iter().all(|(key, _)| *key
        == RecordKey {
            kind: Kind::ITEM,
            id: crate::sample::id(10)
        }
        || key.id >= crate::sample::id(501)));
    assert!(primary.record(good.key).await.is_some());
    let ack = &outcome.channels[0];
    assert_eq!((ack.held, ack.quarantined), (2, 3));
}

async fn what_can_never_be_read_is_set_aside(bed: impl Database) {
    let world = World::new(&bed).await;
    let garbled = Record {
        body: Bytes::from_static(b"\xff\xff\xff"),
        ..pushed(500, 1, 5)
    };
    // The body is of another record than its envelope says.
    let disagreeing = Record {
        key: key(Kind::STOCK_LINE, 501),
        ..pushed(502, 2, 5)
    };
    let outcome = send(
        &world.primary,
        0,
        3,
        vec![garbled, disagreeing, pushed(503, 3, 5)],
    )
    .await;
    let reasons: Vec<_> = outcome.refused.iter().map(|refusal| refusal.reason).collect();
    assert_eq!(reasons, [Reason::MALFORMED_RECORD; 2]);
    assert_eq!((outcome.applied, world.primary.quarantined().await.len()), (1, 2));
}

async fn what_came_already_changes_nothing(bed: impl Bed) {
    let world = World::new(&bed).await;
    let records = vec![pushed(500, 1, 5), pushed(501, 2, 5)];
    send(&world.primary, 0, 2, records.clone()).await;
    let head = world.primary.head().await;
    let total = world.primary.total(stock_channel(SECOND)).await;
    // The same again, and an older version of one of them.
    let mut older = pushed(501, 1, 7);
    older.key = key(Kind::STOCK_LINE, 501);
    let again = send(&world.primary, 2, 3, records).await;
    assert_eq!((again.applied, again.duplicates, again.refused.len()), (0, 2, 0));
    let again = send(&world.primary, 3, 4, vec![older]).await;
    assert_eq!((again.applied, again.duplicates, again.refused.len()), (0, 1, 0));
    assert_eq!(world.primary.head().await, head);
    assert_eq!(world.primary.total(stock_channel(SECOND)).await, total);
}

async fn a_forked_version_is_set_aside(bed: impl Bed) {
    let world = World::new(&bed).await;
    send(&world.primary, 0, 1, vec![pushed(500, 1, 5)]).await;
    let outcome = send(&world.primary, 1, 2, vec![pushed(500, 1, 6)]).await;
    assert_eq!(outcome.refused[0].reason, Reason::FORKED_VERSION);
    let outcome = send(&world.primary, 2, 3, vec![pushed(500, 1, 6)]).await;
    assert_eq!(outcome.refused.len(), 1);
    assert_eq!(
        world.primary.quarantined().await.len(),
        1,
        "the same is not kept twice"
    );
}

async fn a_late_push_after_a_move_is_set_aside(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(500, SECOND, 5)]).await.unwrap();
    world.primary.put(vec![assignment(SECOND, 3, 2)]).await.unwrap();
    let outcomes = push(&world.second, &world.primary, ALL).await;
    assert_eq!(outcomes.iter().map(|outcome| outcome.applied).sum::<u64>(), 0);
    assert_eq!(outcomes[0].refused[0].reason, Reason::STORE_NOT_ACTIVE_HERE);
    assert!(world.primary.record(key(Kind::STOCK_LINE, 500)).await.is_none());
    assert_eq!(
        world.primary.quarantined().await.len(),
        1,
        "and nothing is thrown away"
    );
}

async fn an_old_session_is_fenced(bed: impl Bed) {
    let world = World::new(&bed).await;
    world.primary.lease(site(2), SESSION + 1, incarnation(2)).await;
    let head = world.primary.head().await;
    let parts = vec![following(stock_channel(SECOND), 0, 1, vec![pushed(500, 1, 5)])];
    let fenced = world.primary.apply(batch(Direction::Push, 2, 1, parts)).await;
    assert_eq!(reason(fenced), "SESSION_FENCED");
    assert_eq!(world.primary.head().await, head);
    assert!(world.primary.received_to(site(2)).await.is_empty());
    // Nor is what it heard stored: it may be of another past.
    let request = wanted(&world.primary, &world.second, ALL).await;
    let page = world.primary.page(request).await.unwrap();
    let outcome = world
        .second
        .apply(applied(Direction::Pull, site(1), page, None))
        .await
        .unwrap();
    let ack = ack(outcome);
    let fenced = world.primary.acknowledge(site(2), Some(SESSION), &ack).await;
    assert_eq!(reason(fenced), "SESSION_FENCED");
    world
        .primary
        .acknowledge(site(2), Some(SESSION + 1), &ack)
        .await
        .unwrap();
}

async fn a_batch_that_begins_elsewhere_changes_nothing(bed: impl Bed) {
    let world = World::new(&bed).await;
    pull(&world.primary, &world.second, ALL).await;
    send(&world.primary, 0, 3, vec![pushed(500, 1, 5)]).await;
    let head = world.primary.head().await;
    for from in [0, 2, 4] {
        let parts = vec![
            following(stock_channel(SECOND), from, 9, vec![pushed(501, 4, 5)]),
            following(history_channel(SECOND), 0, 9, vec![]),
        ];
        let result = world.primary.apply(batch(Direction::Push, 2, 9, parts)).await;
        assert_eq!(reason(result), "PROTOCOL_VIOLATION");
    }
    let parts = vec![following(Channel::Master, 1, 2, vec![])];
    let result = world.second.apply(batch(Direction::Pull, 1, 2, parts)).await;
    assert_eq!(reason(result), "PROTOCOL_VIOLATION");
    assert_eq!(world.primary.head().await, head);
    let at = world.primary.received_to(site(2)).await;
    assert_eq!(at, [(stock_channel(SECOND), Cursor::Following { seq: 3 })]);
}

async fn a_damaged_record_holds_nothing_back(bed: impl Database) {
    let world = World::new(&bed).await;
    let mut part = following(
        stock_channel(SECOND),
        0,
        2,
        vec![pushed(500, 1, 5), pushed(501, 2, 5)],
    );
    part.records[0].body = line(500, SECOND, 6).encode().1;
    let damaged = part.records[0].key;
    let outcome = world
        .primary
        .apply(batch(Direction::Push, 2, 2, vec![part]))
        .await
        .unwrap();
    assert_eq!(outcome.applied, 1);
    assert_eq!(outcome.refused[0].key, damaged);
    assert_eq!(outcome.refused[0].reason, Reason::MALFORMED_RECORD);
    assert!(world.primary.record(damaged).await.is_none());
    assert_eq!(world.primary.quarantined().await.len(), 1);
}

async fn a_tombstone_has_no_row_whatever_it_carries(bed: impl Database) {
    let world = World::new(&bed).await;
    send(&world.primary, 0, 1, vec![pushed(500, 1, 5)]).await;
    let gone = Record {
        deleted: true,
        ..pushed(500, 2, 5)
    };
    assert!(!gone.body.is_empty());
    send(&world.primary, 1, 2, vec![gone]).await;
    let listed = world.primary.read("lines", |tx| {
        async move { tx.stock_lines(&[crate::sample::id(500).into()]).await }.boxed()
    });
    assert!(listed.await.unwrap().is_empty(), "deleted stock is shown");
}
