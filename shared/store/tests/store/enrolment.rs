//! Join tokens and revocations: one open token for each site, and the later revocation stays.

use futures::FutureExt;
use supplysync_model::{SyncId, Timestamp};
use supplysync_store::{JoinTokenRow, Revocation, Store};

use crate::database::Database;
use crate::records::Records;
use crate::sample::{revoked_operator, site};

crate::on_every_database! {
    a_fresh_token_replaces_the_unused_one;
    the_later_revocation_stays;
    a_revoked_operator_is_a_record_like_others;
}

fn token(id: u8, site: SyncId) -> JoinTokenRow {
    JoinTokenRow {
        id: vec![id; 8],
        site,
        secret_hash: vec![id; 32],
        created_at: Timestamp(1_000),
        expires_at: Timestamp(9_000),
        used: None,
    }
}

async fn put(store: &Store, token: JoinTokenRow) {
    let put = store.write("token", move |tx| tx.put_join_token(token.clone()).boxed());
    put.await.unwrap();
}

async fn find(store: &Store, id: u8) -> Option<JoinTokenRow> {
    let found = store.read("token", move |tx| {
        async move { tx.join_token(&[id; 8]).await }.boxed()
    });
    found.await.unwrap()
}

async fn a_fresh_token_replaces_the_unused_one(bed: impl Database) {
    let store = bed.site(1).await;
    put(&store, token(1, site(2))).await;
    put(&store, token(2, site(3))).await;
    assert_eq!(find(&store, 1).await, Some(token(1, site(2))));
    let using = store.write("use", |tx| {
        async move { tx.use_join_token(&[1; 8], vec![7; 32]).await }.boxed()
    });
    using.await.unwrap();
    let used = find(&store, 1).await.unwrap().used.unwrap();
    assert_eq!(used.1, [7; 32]);
    put(&store, token(3, site(2))).await;
    put(&store, token(4, site(2))).await;
    assert!(find(&store, 1).await.is_some(), "it says who used it");
    assert_eq!(find(&store, 3).await, None, "nobody had used it");
    assert!(find(&store, 2).await.is_some(), "another site's");
    let forgetting = store.write("forget", |tx| {
        async move { tx.forget_join_tokens(site(2)).await }.boxed()
    });
    forgetting.await.unwrap();
    assert_eq!((find(&store, 1).await, find(&store, 4).await), (None, None));
}

async fn the_later_revocation_stays(bed: impl Database) {
    let store = bed.site(1).await;
    for (principal, at) in [("site/2", 5_000), ("site/2", 4_000), ("operator/ana", 1)] {
        let revocation = Revocation {
            principal: principal.into(),
            revoked_at: Timestamp(at),
        };
        let revoking = store.write("revoke", move |tx| tx.revoke(revocation.clone()).boxed());
        revoking.await.unwrap();
    }
    let read = store.read("revocations", |tx| async move { tx.revocations().await }.boxed());
    let read: Vec<_> = (read.await.unwrap().into_iter())
        .map(|revocation| (revocation.principal, revocation.revoked_at.0))
        .collect();
    assert_eq!(read, [("operator/ana".into(), 1), ("site/2".into(), 5_000)]);
}

async fn a_revoked_operator_is_a_record_like_others(bed: impl Database) {
    let store = bed.site(1).await;
    store
        .put(vec![revoked_operator("ana"), revoked_operator("ben")])
        .await
        .unwrap();
    store.put(vec![revoked_operator("ana")]).await.unwrap();
    crate::digest::rebuild(&store, 100).await;
    let read = store.read("revoked", |tx| {
        async move { tx.revoked_operators().await }.boxed()
    });
    let revoked = read.await.unwrap();
    let verified = store.verify(true).await.unwrap();
    let mut names: Vec<_> = revoked.iter().map(|operator| operator.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ana", "ben"]);
    assert_eq!(verified.findings, []);
}
