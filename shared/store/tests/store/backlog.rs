//! What gauges tell: what each site lacks, since which change, and what is set aside.

use futures::FutureExt;
use supplysync_model::SyncId;
use supplysync_store::Store;
use supplysync_store::query::{Backlog, Backlogs};

use crate::database::Database;
use crate::link::{ALL, World, pull, pull_page, push};
use crate::records::Records;
use crate::sample::{SECOND, assignment, item, line, receipt, site};

crate::on_every_database! {
    what_a_site_lacks_is_counted_from_the_oldest_change;
    what_never_began_or_is_loaded_is_lacked_from_before;
    what_is_refused_is_told_at_both_ends;
}

async fn backlogs(store: &Store) -> Backlogs {
    let read = store.read("backlogs", |tx| async move { tx.backlogs().await }.boxed());
    read.await.unwrap()
}

async fn of(store: &Store, peer: u16) -> Backlog {
    backlogs(store).await.peers.remove(&site(peer)).unwrap()
}

fn lacks(backlog: &Backlog) -> (u64, u64, Option<u64>) {
    (backlog.pending, backlog.behind, backlog.oldest)
}

async fn what_a_site_lacks_is_counted_from_the_oldest_change(bed: impl Database) {
    let world = World::in_step(&bed).await;
    for (store, peers) in [(&world.primary, vec![2, 3]), (&world.second, vec![1])] {
        let told = backlogs(store).await;
        assert_eq!(
            told.peers.keys().copied().collect::<Vec<_>>(),
            peers.iter().map(|peer| site(*peer)).collect::<Vec<_>>()
        );
        assert_eq!(told.registered, [site(1), site(2), site(3)]);
        for backlog in told.peers.values() {
            assert_eq!((lacks(backlog), backlog.loading), ((0, 0, None), 0));
            assert!(backlog.seen_at.is_some() || !store.sync_id().is_primary());
        }
    }
    let before = *world.primary.heads().borrow();
    world.primary.put(vec![item(12, "ors")]).await.unwrap();
    world.primary.put(vec![item(13, "salt")]).await.unwrap();
    // What changes twice is lacked once, in its latest version.
    world.primary.put(vec![item(12, "oral salts")]).await.unwrap();
    let of_third = of(&world.primary, 3).await;
    assert_eq!((of_third.pending, of_third.oldest), (2, Some(before + 2)));
    assert!(of_third.behind >= 3, "{of_third:?}");
    pull(&world.primary, &world.second, ALL).await;
    assert_eq!(lacks(&of(&world.primary, 2).await), (0, 0, None));
    assert_eq!(of(&world.primary, 3).await, of_third);

    let before = *world.second.heads().borrow();
    world
        .second
        .put(vec![line(50, SECOND, 5), receipt(60, SECOND, 50, 5)])
        .await
        .unwrap();
    let to_push = of(&world.second, SyncId::PRIMARY.get()).await;
    assert_eq!((to_push.pending, to_push.oldest), (2, Some(before + 1)));
    push(&world.second, &world.primary, ALL).await;
    assert_eq!(lacks(&of(&world.second, 1).await), (0, 0, None));
    // The copy that goes on to the third.
    assert_eq!(of(&world.primary, 3).await.pending, 4);
}

async fn what_never_began_or_is_loaded_is_lacked_from_before(bed: impl Database) {
    let world = World::new(&bed).await;
    let never = of(&world.primary, 2).await;
    let head = *world.primary.heads().borrow();
    assert_eq!((never.behind, never.oldest), (head, Some(0)));
    assert!(never.pending >= 10, "{never:?}");
    pull_page(&world.primary, &world.second, 3).await;
    let loading = of(&world.primary, 2).await;
    assert_eq!(loading.loading, 1);
    assert_eq!(
        (loading.pending, loading.oldest),
        (never.pending - 3, Some(head)),
        "since the load began, at least"
    );
    pull(&world.primary, &world.second, 3).await;
    assert_eq!(lacks(&of(&world.primary, 2).await), (0, 0, None));
    assert_eq!(of(&world.primary, 2).await.loading, 0);
}

async fn what_is_refused_is_told_at_both_ends(bed: impl Database) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    // Unheard of by site 2, the store is activated anew: what it pushes is written under an ownership that ended.
    world.primary.put(vec![assignment(SECOND, 2, 5)]).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    let told = backlogs(&world.primary).await;
    assert_eq!(told.quarantined.into_iter().collect::<Vec<_>>(), [(site(2), 1)]);
    assert_eq!((told.parked.len(), told.moves), (0, 0));
    let there = of(&world.second, 1).await;
    assert_eq!((there.refused, there.different), (1, 0));
}
