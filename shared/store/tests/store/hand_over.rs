//! Where a copy of a store that was handed over begins. Moves themselves are in `moves`.

use supplysync_model::{Channel, Kind, SyncId};
use supplysync_sync_core::{Cursor, Direction, Served};

use crate::link::{ALL, World, pull, push, wanted};
use crate::moves::{meet, settle};
use crate::records::{Bed, Records};
use crate::sample::{SECOND, key, line, receipt, settings, site, store_id};

crate::on_every_store! {
    a_copy_of_what_was_given_away_begins_at_the_hand_over;
    a_copy_begins_at_a_hand_over_that_another_has_overtaken;
}

async fn a_copy_of_what_was_given_away_begins_at_the_hand_over(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let wrote = vec![
        line(50, SECOND, 5),
        line(51, SECOND, 5),
        receipt(60, SECOND, 50, 5),
    ];
    world.second.put(wrote).await.unwrap();
    let store = store_id(SECOND);
    world.primary.move_store(store, site(3), false).await.unwrap();
    settle(&world).await;
    let given = world.primary.assignment(store).await.hand_over.unwrap();
    world.third.put(vec![line(52, SECOND, 4)]).await.unwrap();
    push(&world.third, &world.primary, ALL).await;
    world
        .primary
        .put(vec![settings(2, &[SECOND]), settings(3, &[])])
        .await
        .unwrap();

    // Both ends say so: the primary to the site that gave it away and to no other, that site of itself.
    let channels = Channel::of_store(store);
    let starts = |served: Vec<Served>| -> Vec<_> {
        let of_store = served
            .into_iter()
            .filter(|served| channels.contains(&served.channel));
        of_store.map(|served| served.start).collect()
    };
    assert_eq!(starts(world.primary.served(site(2)).await), [Some(given.seq); 2]);
    world.primary.put(vec![settings(4, &[SECOND])]).await.unwrap();
    assert_eq!(starts(world.primary.served(site(4)).await), [None; 2]);
    let stands = world.second.pulled_to().await;
    for channel in channels {
        assert!(stands.contains(&(channel, Cursor::Following { seq: given.seq })));
    }

    // What comes is what was written since.
    let request = wanted(&world.primary, &world.second, ALL).await;
    let page = world.primary.page(request).await.unwrap();
    let of_store = page.parts.iter().filter(|part| channels.contains(&part.channel));
    let came: Vec<_> = of_store
        .flat_map(|part| &part.records)
        .map(|record| record.key)
        .collect();
    assert_eq!(came, [key(Kind::STOCK_LINE, 52)]);
    pull(&world.primary, &world.second, ALL).await;
    assert_eq!(
        world.second.totals(store).await,
        world.primary.totals(store).await
    );

    // Withdrawn and granted again it is loaded: it is not what was handed over any more.
    world.second.forget(channels.to_vec()).await;
    let stands = world.second.pulled_to().await;
    let [stock, _] = channels;
    assert!(stands.iter().all(|(channel, _)| *channel != stock), "{stands:?}");
    pull(&world.primary, &world.second, ALL).await;
}

async fn a_copy_begins_at_a_hand_over_that_another_has_overtaken(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    let store = store_id(SECOND);
    world.primary.move_store(store, site(3), false).await.unwrap();
    for satellite in [&world.third, &world.second, &world.third] {
        meet(&world, satellite).await;
    }
    // Before site 2 hears that it was handed over, it is handed on as it was.
    let first = world.primary.assignment(store).await.hand_over.unwrap();
    let onward = world.primary.move_store(store, SyncId::PRIMARY, false);
    onward.await.unwrap();
    for _ in 0..2 {
        meet(&world, &world.third).await;
    }
    let then = world.primary.assignment(store).await;
    assert_eq!(then.site, SyncId::PRIMARY);
    assert!(then.hand_over.unwrap().seq > first.seq);
    world.primary.put(vec![settings(2, &[SECOND])]).await.unwrap();
    world.primary.put(vec![line(50, SECOND, 4)]).await.unwrap();
    // A session that was opened in between begins at the first.
    let mut request = wanted(&world.primary, &world.second, ALL).await;
    for (channel, cursor) in &mut request.channels {
        if channel.store() == Some(store) {
            *cursor = Some(Cursor::Following { seq: first.seq });
        }
    }
    let page = world.primary.page(request).await.unwrap();
    let request = crate::link::applied(Direction::Pull, SyncId::PRIMARY, page, None);
    world.second.apply(request).await.unwrap();
    assert_eq!(
        world.second.totals(store).await,
        world.primary.totals(store).await
    );
}
