//! The audit log: read newest first, filtered, in pages that neither repeat nor skip a line.

use futures::FutureExt;
use supplysync_model::{Fault, Timestamp};
use supplysync_store::query::{AuditFilter, PageOf, PageQuery};
use supplysync_store::{AuditEntry, Store};
use uuid::Uuid;

use crate::database::Database;

crate::on_every_database! {
    the_newest_comes_first_and_filters_hold;
}

const LINES: i64 = 25;

async fn write(store: &Store) {
    let written = store.write("audit", |tx| {
        async move {
            for number in 0..LINES {
                tx.audit(AuditEntry {
                    at: Timestamp(number * 1_000),
                    principal: if number % 2 == 0 {
                        "operator/admin/ana"
                    } else {
                        "operator/admin/ben"
                    }
                    .into(),
                    from: "127.0.0.1:1".into(),
                    action: if number % 5 == 0 { "unlock" } else { "sites.add" }.into(),
                    subject: number.to_string(),
                    old: String::new(),
                    new: "100%".into(),
                })
                .await?;
            }
            Ok::<_, Fault>(())
        }
        .boxed()
    });
    written.await.unwrap();
}

async fn list(store: &Store, filter: AuditFilter, page: PageQuery) -> PageOf<(Uuid, AuditEntry)> {
    let listed = store.read("audit log", |tx| {
        async move { tx.list_audit_log(&filter, &page).await }.boxed()
    });
    listed.await.unwrap()
}

/// The subjects of all pages of this size.
async fn all(store: &Store, filter: AuditFilter, size: u32) -> Vec<i64> {
    let mut subjects = Vec::new();
    let mut after = None;
    loop {
        let page = list(store, filter.clone(), PageQuery { size, after }).await;
        assert!(page.rows.len() <= size as usize);
        subjects.extend(
            page.rows
                .iter()
                .map(|(_, entry)| entry.subject.parse::<i64>().unwrap()),
        );
        after = page.next;
        if after.is_none() {
            return subjects;
        }
    }
}

async fn the_newest_comes_first_and_filters_hold(bed: impl Database) {
    let store = bed.site(2).await;
    write(&store).await;
    // All were written in one millisecond of the clock, so only their set is certain, not their order.
    let everything = all(&store, AuditFilter::default(), 4).await;
    let mut sorted = everything.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..LINES).collect::<Vec<_>>());
    assert_eq!(everything, all(&store, AuditFilter::default(), 100).await);

    let of = |filter: AuditFilter| {
        let store = store.clone();
        async move {
            let mut subjects = all(&store, filter, 3).await;
            subjects.sort_unstable();
            subjects
        }
    };
    let ben = AuditFilter {
        principal: Some("operator/admin/ben".into()),
        ..AuditFilter::default()
    };
    assert_eq!(
        of(ben.clone()).await,
        (0..LINES).filter(|n| n % 2 == 1).collect::<Vec<_>>()
    );
    let unlocked = AuditFilter {
        action: Some("unl".into()),
        ..AuditFilter::default()
    };
    assert_eq!(of(unlocked).await, [0, 5, 10, 15, 20]);
    let wild = AuditFilter {
        action: Some("%".into()),
        ..AuditFilter::default()
    };
    assert_eq!(of(wild).await, Vec::<i64>::new());
    let between = AuditFilter {
        from: Some(Timestamp(3_000)),
        to: Some(Timestamp(6_000)),
        ..ben
    };
    assert_eq!(of(between).await, [3, 5]);
}
