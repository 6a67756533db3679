//! P5: a write that fails anywhere leaves nothing, wherever it fails: every table in turn refuses its next change.

use supplysync_store::Store;

use crate::database::{Database, unchanged};
use crate::link::{ALL, World, ack, applied, pull, push, wanted};
use crate::records::Records;
use crate::sample::{SECOND, THIRD, item, line, receipt, unit};
use supplysync_sync_core::{ApplyRequest, Direction, PageRequest};

crate::on_every_database! {
    a_put_that_fails_leaves_nothing;
    a_push_that_fails_leaves_nothing;
    a_load_that_fails_leaves_nothing;
    an_acknowledgement_that_fails_leaves_nothing;
}

/// Lets each table fail once; how many of them the work touches.
async fn break_each_table<D: Database, F>(
    config: &supplysync_store::StoreConfig,
    tables: &[&str],
    work: impl Fn() -> F,
) where
    F: Future<Output = bool>,
{
    let before = D::dump(config).await;
    for table in tables {
        let (sabotage, undo) = D::sabotage(table);
        D::execute(config, &sabotage).await;
        assert!(!work().await, "{table} is never written");
        D::execute(config, &undo).await;
        unchanged::<D>(config, &before, &format!("a failure in {table}")).await;
    }
    assert!(work().await, "the same succeeds when nothing is in its way");
    assert_ne!(D::dump(config).await, before);
}

async fn a_put_that_fails_leaves_nothing<D: Database>(bed: D) {
    let (store, config) = bed.init(1).await;
    store
        .put(vec![unit(1, "tablet"), item(10, "amoxicillin")])
        .await
        .unwrap();
    let tables = [
        "record",
        "channel",
        "channel_digest",
        "feed_head",
        "feed_chain",
        "item",
        "store",
        "site_settings",
    ];
    break_each_table::<D, _>(&config, &tables, || async {
        let mut bodies = crate::sample::network();
        bodies.push(item(10, "amoxicillin 250 mg"));
        store.put(bodies).await.is_ok()
    })
    .await;
    assert_eq!(store.head().await.seq, 2 + 11 + 1, "no failure took a seq");
}

/// A world of which one site is at a known place.
async fn world_with<D: Database>(bed: &D, site: u16) -> (World<Store>, supplysync_store::StoreConfig) {
    let mut world = World::in_step(bed).await;
    let place = match site {
        1 => &mut world.primary,
        _ => &mut world.third,
    };
    let (store, config) = bed.init(site).await;
    *place = store;
    if site == 1 {
        world.primary.put(crate::sample::network()).await.unwrap();
        world
            .primary
            .lease(
                crate::sample::site(2),
                crate::link::SESSION,
                crate::link::incarnation(2),
            )
            .await;
    } else {
        world.third.adopt(crate::link::incarnation(3)).await;
    }
    (world, config)
}

async fn push_of(satellite: &Store) -> ApplyRequest {
    let channels = satellite.pushed().await;
    let request = PageRequest {
        direction: Direction::Push,
        channels: channels
            .iter()
            .map(|channel| (*channel, Some(supplysync_sync_core::Cursor::START)))
            .collect(),
        max_records: ALL,
        max_bytes: 1 << 20,
    };
    let page = satellite.read_page(request).await.unwrap();
    applied(
        Direction::Push,
        satellite.sync_id(),
        page,
        Some(crate::link::SESSION),
    )
}

async fn a_push_that_fails_leaves_nothing<D: Database>(bed: D) {
    let (world, config) = world_with(&bed, 1).await;
    world
        .second
        .put(vec![line(50, SECOND, 5), receipt(60, SECOND, 50, 5)])
        .await
        .unwrap();
    let mut request = push_of(&world.second).await;
    // One that is refused, so that quarantine is written too.
    let mut stray = request.parts[0].records[0].clone();
    stray.key = crate::sample::key(supplysync_model::Kind::STOCK_LINE, 51);
    stray.origin_site = crate::sample::site(3);
    request.parts[0].records.push(supplysync_sync_core::seal(stray));
    let tables = [
        "record",
        "channel",
        "channel_digest",
        "feed_head",
        "feed_chain",
        "stock_line",
        "stock_transaction",
        "stock_transaction_line",
        "quarantine",
        "cursor",
        "peer",
    ];
    break_each_table::<D, _>(&config, &tables, || async {
        let applied = world.primary.apply(request.clone()).await;
        applied.is_ok_and(|outcome| outcome.applied == 2 && outcome.refused.len() == 1)
    })
    .await;
}

async fn a_load_that_fails_leaves_nothing<D: Database>(bed: D) {
    let (world, config) = world_with(&bed, 3).await;
    world
        .second
        .put(vec![line(50, SECOND, 5), receipt(60, SECOND, 50, 5)])
        .await
        .unwrap();
    push(&world.second, &world.primary, ALL).await;
    // Leftovers of an earlier copy, so that records vanish too.
    pull(&world.primary, &world.third, ALL).await;
    world.third.put(vec![line(70, THIRD, 1)]).await.unwrap();
    world
        .second
        .put(vec![line(51, SECOND, 5), line(50, SECOND, 4)])
        .await
        .unwrap();
    push(&world.second, &world.primary, ALL).await;
    let channels: Vec<_> = world.primary.served(crate::sample::site(3)).await;
    world
        .third
        .forget(channels.iter().map(|served| served.channel).collect())
        .await;
    let request = wanted(&world.primary, &world.third, ALL).await;
    let page = world.primary.read_page(request).await.unwrap();
    let request = applied(Direction::Pull, crate::sample::site(1), page, None);
    let tables = [
        "record",
        "channel_digest",
        "feed_head",
        "feed_chain",
        "stock_line",
        "cursor",
        "peer",
    ];
    break_each_table::<D, _>(&config, &tables, || async {
        world.third.apply(request.clone()).await.is_ok()
    })
    .await;
}

async fn an_acknowledgement_that_fails_leaves_nothing<D: Database>(bed: D) {
    let (world, config) = world_with(&bed, 1).await;
    let fresh = bed.site(2).await;
    fresh.adopt(crate::link::incarnation(2)).await;
    let request = wanted(&world.primary, &fresh, ALL).await;
    let page = world.primary.read_page(request).await.unwrap();
    let outcome = fresh
        .apply(applied(Direction::Pull, crate::sample::site(1), page, None))
        .await
        .unwrap();
    let ack = ack(outcome);
    break_each_table::<D, _>(&config, &["cursor", "peer"], || async {
        world
            .primary
            .record_ack(crate::sample::site(2), None, &ack)
            .await
            .is_ok()
    })
    .await;
}
