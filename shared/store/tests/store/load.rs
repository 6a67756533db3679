//! Loading a channel: page by page in key order, interrupted and resumed, with records that move meanwhile.

use supplysync_model::{Channel, Kind};
use supplysync_sync_core::{Cursor, Direction};

use crate::link::{ALL, World, batch, following, pull, pull_page, push};
use crate::records::{Bed, Records};
use crate::sample::{SECOND, item, key, line, stock_channel};

crate::on_every_store! {
    a_load_goes_on_from_its_last_key;
    records_that_move_during_a_load_arrive;
    a_load_replaces_what_its_owner_does_not_have;
    after_the_load_the_feed_is_followed;
}

async fn a_load_goes_on_from_its_last_key(bed: impl Bed) {
    let world = World::new(&bed).await;
    world
        .primary
        .put((100..160).map(|number| item(number, "x")).collect())
        .await
        .unwrap();
    let mut after = None;
    let mut pages = 0;
    loop {
        let (caught_up, _) = pull_page(&world.primary, &world.second, 7).await;
        pages += 1;
        let cursors = world.second.pulled_to().await;
        let (_, at) = cursors
            .into_iter()
            .find(|(channel, _)| *channel == Channel::Master)
            .unwrap();
        if let Cursor::Loading { last, .. } = at {
            assert!(last > after, "a load never goes back");
            after = last;
        }
        if caught_up {
            break;
        }
    }
    assert!(pages >= 10);
    assert_eq!(
        world.second.total(Channel::Master).await,
        world.primary.total(Channel::Master).await
    );
}

async fn records_that_move_during_a_load_arrive(bed: impl Bed) {
    let world = World::new(&bed).await;
    world
        .primary
        .put((100..140).map(|number| item(number, "x")).collect())
        .await
        .unwrap();
    for round in 0..12u32 {
        pull_page(&world.primary, &world.second, 5).await;
        // One that is loaded already, one that is not yet, a new one before, a new one behind, and a deletion.
        let name = format!("round {round}");
        let moved = [100, 139, 30 + round, 200 + round, 110 + round].map(|number| item(number, &name));
        world.primary.put(moved.to_vec()).await.unwrap();
        world.primary.delete(item(120 + round, "gone")).await.unwrap();
    }
    pull(&world.primary, &world.second, 5).await;
    assert_eq!(
        world.second.total(Channel::Master).await,
        world.primary.total(Channel::Master).await
    );
    for number in [30, 41, 100, 110, 125, 139, 200, 211] {
        let key = key(Kind::ITEM, number);
        let at_primary = world.primary.record(key).await.map(|(record, _)| record);
        assert!(at_primary.is_some());
        assert_eq!(
            world.second.record(key).await.map(|(record, _)| record),
            at_primary
        );
    }
}

async fn a_load_replaces_what_its_owner_does_not_have(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put((500..520).map(|number| line(number, SECOND, 1)).collect())
        .await
        .unwrap();
    push(&world.second, &world.primary, ALL).await;
    pull(&world.primary, &world.third, ALL).await;
    let channel = stock_channel(SECOND);
    // Records that the primary does not have: before the first key, between, and behind the last.
    let (kept, _) = world.third.record(key(Kind::STOCK_LINE, 500)).await.unwrap();
    let strays = [400, 505, 600].map(|number| {
        let mut stray = kept.clone();
        stray.key = key(Kind::STOCK_LINE, number);
        stray.body = line(number, SECOND, 9).encode().1;
        stray.revision += 1000;
        stray
    });
    let Some((_, Cursor::Following { seq })) = world
        .third
        .pulled_to()
        .await
        .into_iter()
        .find(|(known, _)| *known == channel)
    else {
        panic!("the copy is followed");
    };
    let parts = vec![following(channel, seq, seq, strays.to_vec())];
    let outcome = world
        .third
        .apply(batch(Direction::Pull, 1, seq, parts))
        .await
        .unwrap();
    assert_eq!(outcome.applied, 3);
    assert_ne!(
        world.third.total(channel).await,
        world.primary.total(channel).await
    );
    world.third.forget(vec![channel]).await;
    pull(&world.primary, &world.third, 6).await;
    assert_eq!(
        world.third.total(channel).await,
        world.primary.total(channel).await
    );
    assert!(world.third.record(key(Kind::STOCK_LINE, 400)).await.is_none());
    assert!(world.third.record(key(Kind::STOCK_LINE, 600)).await.is_none());
    let (replaced, _) = world.third.record(key(Kind::STOCK_LINE, 505)).await.unwrap();
    assert_eq!(replaced.body, line(505, SECOND, 1).encode().1);
}

async fn after_the_load_the_feed_is_followed(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let before = world.second.head().await.seq;
    world
        .primary
        .put(vec![item(10, "amoxicillin 250 mg")])
        .await
        .unwrap();
    let (caught_up, compared) = pull_page(&world.primary, &world.second, ALL).await;
    assert!(
        caught_up
            && compared
                .iter()
                .all(|compared| compared.equal && !compared.explained)
    );
    assert_eq!(
        world.second.head().await.seq,
        before + 1,
        "the one change came, and nothing else moved"
    );
}
