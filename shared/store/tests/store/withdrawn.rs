//! Copies granted and withdrawn, and work that is in the feed's way.

use supplysync_model::{Channel, Kind};
use supplysync_sync_core::Cursor;

use crate::link::{ALL, World, pull, push};
use crate::records::{Bed, Records};
use crate::sample::{
    SECOND, assignment, history_channel, key, line, settings, site, stock_channel, store_id,
};

crate::on_every_store! {
    a_withdrawn_copy_begins_afresh;
    a_new_copy_moves_nothing_else;
    local_work_in_the_way_of_the_feed_is_set_aside;
}

async fn a_withdrawn_copy_begins_afresh(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    world.settle().await;
    world.primary.put(vec![settings(3, &[])]).await.unwrap();
    let served: Vec<_> = world
        .primary
        .served(site(3))
        .await
        .into_iter()
        .map(|served| served.channel)
        .collect();
    assert_eq!(served, [Channel::Master, Channel::Site(site(3))]);
    world
        .third
        .forget(Channel::of_store(store_id(SECOND)).to_vec())
        .await;
    let known: Vec<_> = world
        .third
        .pulled_to()
        .await
        .into_iter()
        .map(|(channel, _)| channel)
        .collect();
    assert_eq!(known, [Channel::Master, Channel::Site(site(3))]);
    world
        .second
        .put(vec![line(50, SECOND, 4), line(51, SECOND, 1)])
        .await
        .unwrap();
    push(&world.second, &world.primary, ALL).await;
    pull(&world.primary, &world.third, ALL).await;
    assert!(world.third.record(key(Kind::STOCK_LINE, 51)).await.is_none());
    world.primary.put(vec![settings(3, &[SECOND])]).await.unwrap();
    pull(&world.primary, &world.third, 1).await;
    let channel = stock_channel(SECOND);
    assert_eq!(
        world.third.total(channel).await,
        world.second.total(channel).await
    );
}

async fn a_new_copy_moves_nothing_else(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world
        .third
        .put(vec![line(70, crate::sample::THIRD, 5)])
        .await
        .unwrap();
    world.settle().await;
    let before = world.second.pulled_to().await;
    world
        .primary
        .put(vec![settings(2, &[crate::sample::THIRD])])
        .await
        .unwrap();
    pull(&world.primary, &world.second, ALL).await;
    let after = world.second.pulled_to().await;
    assert_eq!((before.len(), after.len()), (2, 4));
    assert!(
        after
            .iter()
            .all(|(_, cursor)| matches!(cursor, Cursor::Following { .. }))
    );
    assert!(world.second.record(key(Kind::STOCK_LINE, 70)).await.is_some());
}

async fn local_work_in_the_way_of_the_feed_is_set_aside(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put(vec![line(50, SECOND, 5), line(51, SECOND, 5)])
        .await
        .unwrap();
    world.settle().await;
    // Work that the primary never hears of: a change, and a record of its own.
    world
        .second
        .put(vec![line(51, SECOND, 9), line(52, SECOND, 7)])
        .await
        .unwrap();
    world
        .primary
        .put(vec![assignment(SECOND, 3, 2), settings(2, &[SECOND])])
        .await
        .unwrap();
    pull(&world.primary, &world.third, ALL).await;
    pull(&world.primary, &world.second, ALL).await;
    let mut aside: Vec<_> = world
        .second
        .quarantined()
        .await
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    aside.sort();
    assert_eq!(aside, [key(Kind::STOCK_LINE, 51), key(Kind::STOCK_LINE, 52)]);
    assert!(world.second.record(key(Kind::STOCK_LINE, 52)).await.is_none());
    for channel in [stock_channel(SECOND), history_channel(SECOND)] {
        assert_eq!(
            world.second.total(channel).await,
            world.primary.total(channel).await
        );
    }
}
