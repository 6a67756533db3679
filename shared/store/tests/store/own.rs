//! P1: a record is written only on its owner, and a refusal says who that is.

use futures::FutureExt;
use supplysync_model::{Epoch, Fault, Kind};
use supplysync_store::{Etag, OwnChange};

use crate::database::{Database, reason, unchanged};
use crate::link::World;
use crate::records::{Bed, Records, change};
use crate::sample::{SECOND, THIRD, assignment, item, key, line, receipt, stock_channel, store, unit};

crate::on_every_store! {
    only_the_owner_writes;
    a_write_is_all_or_nothing;
    a_record_stays_in_its_channel;
}

crate::on_every_database! {
    a_refusal_names_the_owner;
    a_version_that_was_overtaken_is_refused;
    a_closure_that_fails_leaves_nothing;
}

async fn only_the_owner_writes(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.primary.put(vec![store(400)]).await.unwrap();
    let (primary, second) = (&world.primary, &world.second);
    assert_eq!(
        reason(second.put(vec![item(10, "mine")]).await),
        "MASTER_DATA_IS_PRIMARY_ONLY"
    );
    assert_eq!(
        reason(second.delete(item(10, "amoxicillin")).await),
        "MASTER_DATA_IS_PRIMARY_ONLY"
    );
    assert_eq!(
        reason(second.put(vec![line(50, THIRD, 1)]).await),
        "STORE_NOT_ACTIVE_HERE"
    );
    assert_eq!(
        reason(primary.put(vec![line(50, SECOND, 1)]).await),
        "STORE_NOT_ACTIVE_HERE"
    );
    assert_eq!(
        reason(primary.put(vec![line(50, 400, 1)]).await),
        "STORE_NOT_ASSIGNED"
    );
    second
        .put(vec![line(50, SECOND, 1), receipt(60, SECOND, 50, 1)])
        .await
        .unwrap();
}

async fn a_record_stays_in_its_channel(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let own = [
        store(400),
        assignment(400, 1, 1),
        store(401),
        assignment(401, 1, 1),
    ];
    world.primary.put(own.to_vec()).await.unwrap();
    world.primary.put(vec![line(50, 400, 1)]).await.unwrap();
    assert_eq!(
        reason(world.primary.put(vec![line(50, 401, 1)]).await),
        "WRONG_CHANNEL"
    );
    let held = world.primary.record(key(Kind::STOCK_LINE, 50)).await.unwrap();
    assert_eq!(held.0.channel, stock_channel(400));
}

async fn a_write_is_all_or_nothing(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let head = world.second.head().await;
    let mixed = vec![line(50, SECOND, 1), line(51, THIRD, 1)];
    assert!(world.second.put(mixed).await.is_err());
    assert_eq!(world.second.head().await, head);
    assert!(world.second.record(key(Kind::STOCK_LINE, 50)).await.is_none());
}

async fn a_refusal_names_the_owner(bed: impl Database) {
    let world = World::in_step(&bed).await;
    let owner = |fault: Fault| fault.metadata().get("owner").cloned();
    let refused = world.primary.put(vec![line(50, SECOND, 1)]).await.unwrap_err();
    assert!(refused.message().contains("site 2"), "{refused}");
    assert_eq!(owner(refused).as_deref(), Some("2"));
    let refused = world.second.put(vec![item(10, "mine")]).await.unwrap_err();
    assert_eq!(owner(refused).as_deref(), Some("1"));
}

async fn a_version_that_was_overtaken_is_refused<D: Database>(bed: D) {
    let (store, config) = bed.init(1).await;
    store.put(vec![unit(1, "tablet")]).await.unwrap();
    let etag = |revision| Etag {
        epoch: Epoch {
            incarnation: 1,
            counter: 0,
        },
        revision,
    };
    let write = |name: &'static str, expected| {
        let store = store.clone();
        async move {
            let changes = vec![OwnChange {
                expected,
                ..change(unit(1, name), false)
            }];
            store
                .write("put", move |tx| tx.put(changes.clone()).boxed())
                .await
        }
    };
    let written = write("capsule", Some(etag(1))).await.unwrap();
    assert_eq!(written[0].etag, etag(2));
    let before = D::dump(&config).await;
    assert_eq!(reason(write("vial", Some(etag(1))).await), "STALE_ETAG");
    unchanged::<D>(&config, &before, "a refusal").await;
}

async fn a_closure_that_fails_leaves_nothing<D: Database>(bed: D) {
    let (store, config) = bed.init(1).await;
    store.put(vec![unit(1, "tablet")]).await.unwrap();
    let before = D::dump(&config).await;
    let failed: Result<(), _> = store
        .write("put and fail", |tx| {
            async move {
                tx.put(vec![
                    change(unit(1, "capsule"), false),
                    change(item(10, "amoxicillin"), false),
                ])
                .await?;
                tx.set_preference("colour", b"red".to_vec()).await?;
                Err(Fault::field("x", "is wrong"))
            }
            .boxed()
        })
        .await;
    assert_eq!(reason(failed), "INVALID_FIELDS");
    unchanged::<D>(&config, &before, "a closure that failed").await;
}
