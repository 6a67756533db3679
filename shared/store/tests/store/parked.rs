//! P6: what misses something it refers to is applied and parked, and projected by itself when that comes.

use bytes::Bytes;
use futures::FutureExt;
use supplysync_model::{Channel, Kind, Record, RecordKey};
use supplysync_store::Store;
use supplysync_sync_core::Direction;

use crate::database::Database;
use crate::link::{ALL, World, batch, following, incarnation, push};
use crate::records::Records;
use crate::sample::{
    SECOND, history_channel, id, item, line, receipt, site, stock_channel, store, supplier, unit,
};

crate::on_every_database! {
    what_comes_too_early_waits_for_what_it_refers_to;
    what_this_version_does_not_know_is_kept_and_flows_on;
}

fn record(body: supplysync_record_codec::RecordBody, revision: u64) -> Record {
    let (schema, bytes) = body.encode();
    Record {
        key: body.key(),
        channel: body.channel(),
        origin_site: site(if body.channel() == Channel::Master { 1 } else { 2 }),
        epoch: crate::sample::epoch(if body.channel() == Channel::Master { 0 } else { 1 }),
        revision,
        schema,
        deleted: false,
        hash: Default::default(),
        body: bytes,
    }
}

async fn set_aside(store: &Store) -> (u64, u64) {
    store
        .read("set aside", |tx| async move { tx.set_aside().await }.boxed())
        .await
        .unwrap()
}

async fn lines(store: &Store) -> usize {
    let listed = store.read("lines", |tx| {
        async move { tx.stock_lines(&[id(50).into()]).await }.boxed()
    });
    listed.await.unwrap().len()
}

async fn what_comes_too_early_waits_for_what_it_refers_to(bed: impl Database) {
    let satellite = bed.site(3).await;
    satellite.adopt(incarnation(3)).await;
    let mut at = 0;
    let mut deliver = async |channel, body| {
        at += 1;
        let part = following(channel, 0, at, vec![record(body, at)]);
        let part = supplysync_sync_core::Part { from: None, ..part };
        // Each comes in a load of its own that ends there, so the channel is begun afresh for the next.
        satellite.forget(vec![channel]).await;
        let mut request = batch(Direction::Pull, 1, at, vec![part]);
        request.parts[0].records[0].revision = at;
        request.parts[0].records[0] = supplysync_sync_core::seal(request.parts[0].records[0].clone());
        satellite.apply(request).await.unwrap();
    };
    deliver(history_channel(SECOND), receipt(60, SECOND, 50, 5)).await;
    assert_eq!(set_aside(&satellite).await, (0, 1));
    deliver(stock_channel(SECOND), line(50, SECOND, 5)).await;
    assert_eq!(
        (set_aside(&satellite).await, lines(&satellite).await),
        ((0, 2), 0)
    );
    let (_, before) = satellite
        .record(RecordKey {
            kind: Kind::STOCK_LINE,
            id: id(50),
        })
        .await
        .unwrap();
    // Master data comes in one batch, in any order.
    let bodies = [
        store(SECOND),
        supplier(20),
        item(10, "amoxicillin"),
        unit(1, "tablet"),
    ];
    let records = (100..)
        .zip(bodies)
        .map(|(revision, body)| record(body, revision))
        .collect();
    let part = supplysync_sync_core::Part {
        from: None,
        ..following(Channel::Master, 0, 104, records)
    };
    satellite
        .apply(batch(Direction::Pull, 1, 104, vec![part]))
        .await
        .unwrap();
    assert_eq!(
        (set_aside(&satellite).await, lines(&satellite).await),
        ((0, 0), 1)
    );
    let (_, after) = satellite
        .record(RecordKey {
            kind: Kind::STOCK_LINE,
            id: id(50),
        })
        .await
        .unwrap();
    assert_eq!(before, after, "projecting a record does not move it");
    let shown = satellite.read("transaction", |tx| {
        async move { tx.transaction(id(60).into()).await }.boxed()
    });
    assert_eq!(shown.await.unwrap().unwrap().value.lines.len(), 1);
}

async fn what_this_version_does_not_know_is_kept_and_flows_on(bed: impl Database) {
    let world = World::new(&bed).await;
    let newer = Record {
        schema: 9,
        body: Bytes::from_static(b"\x01\x02\x03"),
        ..record(line(50, SECOND, 1), 1)
    };
    let unknown = Record {
        key: RecordKey {
            kind: Kind(99),
            id: id(51),
        },
        ..newer.clone()
    };
    let unknown = Record {
        revision: 2,
        ..unknown
    };
    let part = following(stock_channel(SECOND), 0, 2, vec![newer.clone(), unknown.clone()]);
    let outcome = world
        .primary
        .apply(batch(Direction::Push, 2, 2, vec![part]))
        .await
        .unwrap();
    assert_eq!((outcome.applied, outcome.refused.len()), (2, 0));
    assert_eq!(set_aside(&world.primary).await, (0, 2));
    crate::link::pull(&world.primary, &world.third, ALL).await;
    let (arrived, _) = world.third.record(unknown.key).await.unwrap();
    assert_eq!((arrived.body, arrived.schema), (unknown.body, 9), "byte for byte");
    let retried = world
        .third
        .write("retry", |tx| tx.retry_parked().boxed())
        .await
        .unwrap();
    assert_eq!((retried, set_aside(&world.third).await), (0, (0, 2)));
    push(&world.third, &world.primary, ALL).await;
    // A version that it can read takes the place of the one it could not.
    let part = following(stock_channel(SECOND), 2, 3, vec![record(line(50, SECOND, 1), 3)]);
    world
        .primary
        .apply(batch(Direction::Push, 2, 3, vec![part]))
        .await
        .unwrap();
    assert_eq!(
        (set_aside(&world.primary).await, lines(&world.primary).await),
        ((0, 1), 1)
    );
}
