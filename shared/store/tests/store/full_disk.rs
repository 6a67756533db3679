//! A full disk. (The fault tests fill a real one.)

use futures::FutureExt;

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
