//! A store that the primary routes without keeping it: no rows and nothing parked, and all of it when kept again, whatever
//! comes in between.

use std::collections::BTreeMap;

use futures::FutureExt;
use supplysync_record_codec::RecordBody;
use supplysync_store::Store;
use supplysync_store::query::{Freshness, OnHandFilter, PageQuery};

use crate::copies::freshness_of;
use crate::database::Database;
use crate::link::{SESSION, World, incarnation};
use crate::records::Records;
use crate::sample::{SECOND, line, network, receipt, site, store_id};

crate::on_every_database! {
    kept_again_is_as_if_always_kept;
}

const TABLES: [&str; 4] = [
    "stock_line",
    "stock_transaction",
    "stock_transaction_line",
    "parked",
];

async fn freshness(primary: &Store) -> Freshness {
    freshness_of(primary, SECOND).await
}

/// Rows of the report on all stores.
async fn shown(primary: &Store) -> usize {
    let page = PageQuery {
        size: 100,
        after: None,
    };
    let read = primary.read("on hand", move |tx| {
        let page = page.clone();
        async move { tx.stock_on_hand(&OnHandFilter::default(), &page).await }.boxed()
    });
    read.await.unwrap().rows.len()
}

fn received(number: u32) -> Vec<RecordBody> {
    vec![line(number, SECOND, 5), receipt(100 + number, SECOND, number, 5)]
}

/// The primary's rows of store data before it keeps the store again, and at the end.
async fn run<D: Database>(bed: &D, opts_out: bool) -> [BTreeMap<String, Vec<String>>; 2] {
    let (primary, config) = bed.init(1).await;
    let first = World::new(bed).await;
    let world = World { primary, ..first };
    world.primary.put(network()).await.unwrap();
    for number in [2, 3] {
        let granted = incarnation(number);
        world.primary.lease(site(number), SESSION, granted).await;
    }
    world.settle().await;
    // Nothing to do, nothing done.
    assert!(!world.primary.keeping_step(1).await.unwrap());
    for number in [50, 52, 54, 56] {
        world.second.put(received(number)).await.unwrap();
    }
    world.settle().await;
    if opts_out {
        let out = world.primary.write("out", |tx| {
            async move { tx.stop_keeping(&[store_id(SECOND)]).await }.boxed()
        });
        out.await.unwrap();
        assert_eq!(freshness(&world.primary).await, Freshness::NotKept);
        assert_eq!(
            shown(&world.primary).await,
            0,
            "rows that are to go are not shown"
        );
        assert!(world.primary.keeping_step(3).await.unwrap());
    }
    // While rows go, and after that.
    world.second.put(received(51)).await.unwrap();
    world.second.delete(receipt(150, SECOND, 50, 5)).await.unwrap();
    world.second.delete(line(50, SECOND, 5)).await.unwrap();
    world.settle().await;
    assert_eq!(freshness(&world.primary).await == Freshness::NotKept, opts_out);
    while opts_out && world.primary.keeping_step(3).await.unwrap() {}
    world.second.put(received(53)).await.unwrap();
    world.settle().await;
    assert_eq!(freshness(&world.primary).await == Freshness::NotKept, opts_out);
    let between = D::dump(&config).await;
    if opts_out {
        let again = world.primary.write("in", |tx| {
            async move { tx.keep_again(&[store_id(SECOND)]).await }.boxed()
        });
        again.await.unwrap();
        for _ in 0..2 {
            assert!(world.primary.keeping_step(2).await.unwrap());
        }
        assert_eq!(freshness(&world.primary).await, Freshness::Loading);
    }
    // Before and beyond the place that is reached.
    world.second.put(received(49)).await.unwrap();
    world.second.put(received(57)).await.unwrap();
    for number in [51, 56] {
        world
            .second
            .delete(receipt(100 + number, SECOND, number, 5))
            .await
            .unwrap();
        world.second.delete(line(number, SECOND, 5)).await.unwrap();
    }
    world.settle().await;
    freshness(&world.primary).await;
    while opts_out && world.primary.keeping_step(2).await.unwrap() {}
    assert!(matches!(
        freshness(&world.primary).await,
        Freshness::Proven { .. }
    ));
    [between, D::dump(&config).await].map(|mut dump| {
        dump.retain(|table, _| TABLES.contains(&table.as_str()));
        dump
    })
}

async fn kept_again_is_as_if_always_kept<D: Database>(bed: D) {
    let [_, always] = run(&bed, false).await;
    let [between, again] = run(&bed, true).await;
    assert!(between.values().all(Vec::is_empty), "{between:?}");
    assert!(!always["stock_line"].is_empty());
    assert_eq!(again, always);
}
