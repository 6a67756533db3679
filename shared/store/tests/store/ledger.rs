//! P8: owner's records = held + quarantined + pending, counted on both ends by themselves.

use futures::FutureExt;
use supplysync_store::Store;
use supplysync_store::query::{LedgerRow, Side};

use crate::database::Database;
use crate::link::{ALL, World, pull, push};
use crate::records::Records;
use crate::sample::{SECOND, assignment, item, line, receipt, site, store_id};

crate::on_every_database! {
    both_ends_count_the_same;
    a_deletion_on_its_way_is_pending;
    what_is_refused_is_accounted_for;
}

async fn ledger(store: &Store) -> Vec<LedgerRow> {
    store
        .read("ledger", |tx| async move { tx.ledger(None).await }.boxed())
        .await
        .unwrap()
}

/// The row of store 200, or of master data, at a receiver as one side counts it.
async fn row(at: &Store, store: Option<u32>, receiver: u16, side: Side) -> LedgerRow {
    let rows = ledger(at).await;
    let found = rows
        .iter()
        .find(|row| row.store == store.map(store_id) && row.receiver == site(receiver) && row.side == side);
    *found.unwrap_or_else(|| panic!("no row in {rows:?}"))
}

fn counts(row: LedgerRow) -> (Option<u64>, u64, u64, Option<u64>) {
    assert!(row.balanced(), "{row:?}");
    (row.owner_records, row.held, row.quarantined, row.pending)
}

async fn both_ends_count_the_same(bed: impl Database) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put(vec![
            line(50, SECOND, 5),
            line(51, SECOND, 5),
            receipt(60, SECOND, 50, 5),
        ])
        .await
        .unwrap();
    let pending = counts(row(&world.second, Some(SECOND), 1, Side::Sender).await);
    assert_eq!(pending, (Some(3), 0, 0, Some(3)));
    push(&world.second, &world.primary, ALL).await;
    let sent = counts(row(&world.second, Some(SECOND), 1, Side::Sender).await);
    assert_eq!(sent, (Some(3), 3, 0, Some(0)));
    assert_eq!(
        counts(row(&world.primary, Some(SECOND), 1, Side::Receiver).await),
        sent
    );
    let passed_on = counts(row(&world.primary, Some(SECOND), 3, Side::Sender).await);
    assert_eq!(passed_on, (Some(3), 0, 0, Some(3)));
    pull(&world.primary, &world.third, ALL).await;
    assert_eq!(
        counts(row(&world.primary, Some(SECOND), 3, Side::Sender).await),
        sent
    );
    assert_eq!(
        counts(row(&world.third, Some(SECOND), 3, Side::Receiver).await),
        sent
    );
    // A deletion is pending nowhere once it is there, and counts nowhere.
    world.second.delete(receipt(60, SECOND, 50, 5)).await.unwrap();
    world.primary.put(vec![item(12, "ors")]).await.unwrap();
    world.settle().await;
    assert_eq!(
        counts(row(&world.third, Some(SECOND), 3, Side::Receiver).await),
        (Some(2), 2, 0, Some(0))
    );
    for (at, receiver) in [(&world.second, 2), (&world.third, 3)] {
        let there = counts(row(at, None, receiver, Side::Receiver).await);
        assert_eq!(
            counts(row(&world.primary, None, receiver, Side::Sender).await),
            there
        );
    }
}

async fn a_deletion_on_its_way_is_pending(bed: impl Database) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put(vec![line(50, SECOND, 5), line(51, SECOND, 5)])
        .await
        .unwrap();
    push(&world.second, &world.primary, ALL).await;
    world.second.delete(line(51, SECOND, 5)).await.unwrap();
    let on_its_way = counts(row(&world.second, Some(SECOND), 1, Side::Sender).await);
    assert_eq!(on_its_way, (Some(1), 2, 0, Some(1)));
    push(&world.second, &world.primary, ALL).await;
    let there = counts(row(&world.second, Some(SECOND), 1, Side::Sender).await);
    assert_eq!(there, (Some(1), 1, 0, Some(0)));
}

async fn what_is_refused_is_accounted_for(bed: impl Database) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put(vec![line(50, SECOND, 5), line(51, SECOND, 5)])
        .await
        .unwrap();
    push(&world.second, &world.primary, ALL).await;
    world
        .second
        .put(vec![line(50, SECOND, 4), line(52, SECOND, 5)])
        .await
        .unwrap();
    // Unheard of by site 2, the store is activated anew: what it pushes is written under an ownership that ended.
    world.primary.put(vec![assignment(SECOND, 2, 5)]).await.unwrap();
    let outcomes = push(&world.second, &world.primary, ALL).await;
    let compared = outcomes.last().unwrap().comparisons[0];
    assert!(compared.equal && compared.explained, "{compared:?}");
    let there = counts(row(&world.primary, Some(SECOND), 1, Side::Receiver).await);
    assert_eq!(
        there,
        (Some(3), 1, 2, Some(0)),
        "50 is held in an old version, 52 not at all"
    );
    assert_eq!(
        counts(row(&world.second, Some(SECOND), 1, Side::Sender).await),
        there
    );
    for store in [&world.primary, &world.second] {
        let report = store.verify(false).await.unwrap();
        assert!(report.ok(), "{report:?}");
    }
}
