//! A store that the primary routes without keeping it: no rows and nothing parked, and all of it when kept again.

use std::collections::BTreeMap;

use futures::FutureExt;
use supplysync_store::query::Freshness;

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
    let first = vec![line(50, SECOND, 5), receipt(60, SECOND, 50, 5)];
    world.second.put(first).await.unwrap();
    world.settle().await;
    if opts_out {
        let out = world
            .primary
            .write("out", |tx| tx.stop_keeping(store_id(SECOND)).boxed());
        out.await.unwrap();
    }
    let more = vec![line(51, SECOND, 7), receipt(61, SECOND, 51, 7)];
    world.second.put(more).await.unwrap();
    world.second.delete(receipt(60, SECOND, 50, 5)).await.unwrap();
    world.second.delete(line(50, SECOND, 5)).await.unwrap();
    world.settle().await;
    let read = world.primary.read("verify", |tx| {
        async move { Ok((tx.verify(true).await?, tx.freshness(&[store_id(SECOND)]).await?)) }.boxed()
    });
    let (verified, fresh) = read.await.unwrap();
    assert_eq!(verified.findings, []);
    assert_eq!(fresh[0].freshness == Freshness::NotKept, opts_out);
    let between = D::dump(&config).await;
    if opts_out {
        let again = world
            .primary
            .write("in", |tx| tx.keep_again(store_id(SECOND)).boxed());
        again.await.unwrap();
    }
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
