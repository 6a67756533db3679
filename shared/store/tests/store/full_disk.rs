//! A full disk, and what SQLite does when it has no room at a commit: it ends the transaction by itself. What is
//! acknowledged afterwards must be committed all the same. (The fault tests fill a real disk.)

use futures::FutureExt;
use supplysync_model::Fault;
use supplysync_store::Store;

use crate::database::{Database, Sqlite, reason};
use crate::records::Records;
use crate::sample::unit;

#[tokio::test]
async fn a_database_that_may_not_grow_is_a_full_disk() {
    let bed = Sqlite::new();
    let (store, _config) = bed.init(1).await;
    let limit = |pages: u32| {
        store.write("limit", move |tx| {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            async move { tx.conn().rows(pragma, Vec::new()).await.map(drop) }.boxed()
        })
    };
    // No page more than there are now.
    limit(1).await.unwrap();
    let many: Vec<_> = (100..2_100)
        .map(|number| unit(number, &format!("unit {number}")))
        .collect();
    assert_eq!(reason(store.put(many.clone()).await.map(drop)), "DISK_FULL");
    limit(1_000_000).await.unwrap();
    assert_eq!(store.put(many).await.unwrap(), 2_000, "there is room again");
}

async fn refuse(store: &Store) {
    let refused = store.write("refuse", |_| {
        async { Err::<(), _>(Fault::field("packs", "too many")) }.boxed()
    });
    assert_eq!(reason(refused.await), "INVALID_FIELDS");
}

#[tokio::test]
async fn what_is_acknowledged_after_sqlite_ended_a_transaction_by_itself_is_committed() {
    let bed = Sqlite::new();
    let (store, config) = bed.init(1).await;
    let sabotage = "CREATE TRIGGER sabotage BEFORE INSERT ON item BEGIN SELECT RAISE(ROLLBACK, 'as a full disk does'); END";
    for round in 1..=3 {
        Sqlite::execute(&config, sabotage).await;
        let failed = store.put(vec![unit(90, "vial"), crate::sample::item(10, "amoxicillin")]);
        assert_eq!(reason(failed.await.map(drop)), "DATABASE_FAILED");
        Sqlite::execute(&config, "DROP TRIGGER sabotage").await;
        // Commands that are refused, as on any day: the driver's count of transactions must not be wrong by then.
        refuse(&store).await;
        refuse(&store).await;
        store
            .put(vec![unit(round, &format!("tablet {round}"))])
            .await
            .unwrap();
        // Others see it: it is not held back in a transaction that nobody ends.
        let records = Sqlite::dump(&config).await["record"].len();
        assert_eq!(records, round as usize, "after {round} of them");
    }
}
