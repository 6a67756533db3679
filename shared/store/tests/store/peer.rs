//! What is known of peers: opening, lineage, leases, acknowledgements, proofs that are passed on.

use supplysync_model::{Chain, Checkpoint, Incarnation};
use supplysync_store::Store;
use supplysync_store::verify::{ChannelVerdict, Equality};
use supplysync_sync_core::{Direction, Hello, LineageVerdict};

use crate::database::{Database, reason, unchanged};
use crate::link::{ALL, World, ack, applied, incarnation, pull, push, wanted};
use crate::records::{Bed, Records, hello};
use crate::sample::{
    SECOND, assignment, history_channel, item, line, registered, site, stock_channel, store, unit,
};

crate::on_every_store! {
    a_checkpoint_is_known_or_the_lineage_is_broken;
}

crate::on_every_database! {
    a_checkpoint_below_the_floor_blames_nobody;
    only_a_registered_site_is_let_in;
    differences_in_name_and_stores_are_named;
    a_database_is_given_an_incarnation_once;
    an_acknowledgement_that_says_nothing_new_writes_nothing;
    the_sender_sees_equality_too;
    what_is_proven_of_a_copy_is_passed_on;
    another_life_of_a_database_starts_clean;
}

async fn a_checkpoint_is_known_or_the_lineage_is_broken(bed: impl Bed) {
    let store = bed.site(1).await;
    let mut heads = vec![store.head().await];
    for round in 0..5u32 {
        store
            .put(vec![unit(1, &format!("{round}")), unit(2, &format!("{round}"))])
            .await
            .unwrap();
        heads.push(store.head().await);
    }
    for head in &heads {
        assert_eq!(
            store.lineage(Some(*head)).await,
            LineageVerdict::Known,
            "{head:?}"
        );
    }
    assert_eq!(store.lineage(None).await, LineageVerdict::Known);
    let last = heads[5];
    let other_life = Incarnation {
        counter: 1,
        random: 1,
    };
    for wrong in [
        Checkpoint {
            chain: Chain([9; 16]),
            ..last
        },
        Checkpoint {
            seq: last.seq - 1,
            ..last
        },
        Checkpoint {
            seq: last.seq + 1,
            ..last
        },
        Checkpoint {
            incarnation: other_life,
            ..last
        },
        Checkpoint {
            chain: heads[1].chain,
            ..heads[2]
        },
    ] {
        assert_eq!(
            store.lineage(Some(wrong)).await,
            LineageVerdict::Broken,
            "{wrong:?}"
        );
    }
}

async fn a_checkpoint_below_the_floor_blames_nobody<D: Database>(bed: D) {
    let (store, config) = bed.init(1).await;
    store.put(vec![unit(1, "a")]).await.unwrap();
    let old = store.head().await;
    store.put(vec![unit(1, "b")]).await.unwrap();
    D::execute(
        &config,
        "UPDATE feed_head SET chain_floor = 2; DELETE FROM feed_chain WHERE seq < 2",
    )
    .await;
    assert_eq!(store.lineage(Some(old)).await, LineageVerdict::BelowFloor);
    assert_eq!(
        store.lineage(Some(store.head().await)).await,
        LineageVerdict::Known
    );
}

async fn only_a_registered_site_is_let_in(bed: impl Database) {
    let world = World::new(&bed).await;
    world.primary.delete(registered(3)).await.unwrap();
    let refusal = async |number| {
        world
            .primary
            .open_peer(&hello(site(number)))
            .await
            .unwrap()
            .refuse
    };
    assert_eq!(refusal(2).await, None);
    for number in [1, 3, 9] {
        let refused = refusal(number).await.unwrap();
        assert!(refused.message.contains(&number.to_string()), "{refused:?}");
    }
}

async fn differences_in_name_and_stores_are_named(bed: impl Database) {
    let world = World::in_step(&bed).await;
    let said = |state: supplysync_store::HelloState| state.hello(1, "test");
    let hello = said(world.second.hello_state().await.unwrap());
    assert_eq!(hello.store_codes, ["S200"]);
    let state = world.primary.open_peer(&hello).await.unwrap();
    assert_eq!((state.mismatches, state.lineage), (vec![], LineageVerdict::Known));
    let other = Hello {
        site_name: "Ward".into(),
        store_codes: vec!["S300".into()],
        ..hello.clone()
    };
    let mismatches = world.primary.open_peer(&other).await.unwrap().mismatches;
    assert_eq!(mismatches.len(), 3, "{mismatches:?}");
    for word in ["Ward", "S200", "S300"] {
        assert!(
            mismatches.iter().any(|words| words.contains(word)),
            "{word} in {mismatches:?}"
        );
    }
    // What a satellite has not heard of yet it can't say.
    world
        .primary
        .put(vec![store(400), assignment(400, 2, 1)])
        .await
        .unwrap();
    assert!(
        world
            .primary
            .open_peer(&hello)
            .await
            .unwrap()
            .mismatches
            .is_empty()
    );
}

async fn a_database_is_given_an_incarnation_once(bed: impl Database) {
    let world = World::new(&bed).await;
    let known = world.primary.open_peer(&hello(site(2))).await.unwrap();
    assert_eq!(known.incarnation, Some(incarnation(2)));
    assert_eq!(known.fresh_incarnation.counter, 2, "above the one known");
    let other = world
        .primary
        .open_peer(&hello(site(2)))
        .await
        .unwrap()
        .fresh_incarnation;
    assert_ne!(other.random, known.fresh_incarnation.random);
    assert_eq!(world.second.identity().incarnation, Some(incarnation(2)));
    world.second.adopt(incarnation(2)).await;
    let refused = world.second.adopt_incarnation(incarnation(3)).await;
    assert_eq!(reason(refused), "SATELLITE_LINEAGE_BROKEN");
    world
        .primary
        .grant_lease(site(2), 99, incarnation(2), None)
        .await
        .unwrap();
    assert_eq!(world.primary.lease_holder(site(2)).await.unwrap(), Some(99));
    assert_eq!(world.primary.lease_holder(site(9)).await.unwrap(), None);
}

async fn another_life_of_a_database_starts_clean(bed: impl Database) {
    let world = World::in_step(&bed).await;
    let verdicts = async || {
        let report = world.primary.verify(false).await.unwrap();
        report
            .channels
            .into_iter()
            .filter(|verdict| verdict.peer == site(3))
            .count()
    };
    let before = verdicts().await;
    world
        .primary
        .grant_lease(site(3), 8, incarnation(3), None)
        .await
        .unwrap();
    assert_eq!(verdicts().await, before, "the same life goes on");
    world
        .primary
        .put(vec![crate::sample::settings(3, &[])])
        .await
        .unwrap();
    world
        .primary
        .grant_lease(site(3), 9, incarnation(3), None)
        .await
        .unwrap();
    assert_eq!(
        verdicts().await,
        before - 2,
        "a withdrawn copy is forgotten with the next session"
    );
    world
        .primary
        .grant_lease(
            site(3),
            10,
            Incarnation {
                counter: 2,
                random: 3,
            },
            None,
        )
        .await
        .unwrap();
    assert_eq!(
        verdicts().await,
        before - 4,
        "another life acknowledged nothing; what it pushed is there"
    );
}

async fn an_acknowledgement_that_says_nothing_new_writes_nothing<D: Database>(bed: D) {
    let (primary, config) = bed.init(1).await;
    let world = World {
        primary,
        ..World::new(&bed).await
    };
    world.primary.put(crate::sample::network()).await.unwrap();
    let request = wanted(&world.primary, &world.second, ALL).await;
    let page = world.primary.read_page(request).await.unwrap();
    let outcome = world
        .second
        .apply(applied(Direction::Pull, site(1), page, None))
        .await
        .unwrap();
    let ack = ack(outcome);
    world.primary.record_ack(site(2), None, &ack).await.unwrap();
    let before = D::dump(&config).await;
    world.primary.record_ack(site(2), None, &ack).await.unwrap();
    unchanged::<D>(&config, &before, "the same acknowledgement").await;
}

async fn verdict(store: &Store, channel: supplysync_model::Channel, peer: u16) -> ChannelVerdict {
    let report = store.verify(false).await.unwrap();
    let found = report
        .channels
        .into_iter()
        .find(|row| row.channel == channel && row.peer == site(peer));
    found.unwrap()
}

async fn the_sender_sees_equality_too(bed: impl Database) {
    let world = World::in_step(&bed).await;
    let master = supplysync_model::Channel::Master;
    let there = verdict(&world.second, master, 1).await;
    let here = verdict(&world.primary, master, 2).await;
    assert_eq!(
        (there.equality, here.equality),
        (Equality::Equal, Equality::Equal)
    );
    assert_eq!(there.compared.unwrap().theirs, here.compared.unwrap().theirs);
    // An acknowledgement of what is no longer the present state says nothing of it.
    world.primary.put(vec![item(10, "changed")]).await.unwrap();
    let request = wanted(&world.primary, &world.second, ALL).await;
    let page = world.primary.read_page(request).await.unwrap();
    let outcome = world
        .second
        .apply(applied(Direction::Pull, site(1), page, None))
        .await
        .unwrap();
    world
        .primary
        .put(vec![item(11, "changed meanwhile")])
        .await
        .unwrap();
    world
        .primary
        .record_ack(site(2), None, &ack(outcome))
        .await
        .unwrap();
    assert_eq!(
        verdict(&world.primary, master, 2).await.compared,
        here.compared,
        "what was compared before stays"
    );
    pull(&world.primary, &world.second, ALL).await;
    let now = verdict(&world.primary, master, 2).await;
    assert_eq!(now.equality, Equality::Equal);
    assert!(now.compared.unwrap().seq > here.compared.unwrap().seq);
    // A receiver that holds something else is seen from here, too.
    let request = wanted(&world.primary, &world.second, ALL).await;
    let page = world.primary.read_page(request).await.unwrap();
    let outcome = world
        .second
        .apply(applied(Direction::Pull, site(1), page, None))
        .await
        .unwrap();
    let mut ack = ack(outcome);
    ack.channels[0].digest.as_mut().unwrap().sum += 1;
    world.primary.record_ack(site(2), None, &ack).await.unwrap();
    assert_eq!(
        verdict(&world.primary, master, 2).await.equality,
        Equality::Different
    );
}

async fn what_is_proven_of_a_copy_is_passed_on(bed: impl Database) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put(vec![line(50, SECOND, 5), line(51, SECOND, 5)])
        .await
        .unwrap();
    push(&world.second, &world.primary, ALL).await;
    pull(&world.primary, &world.third, ALL).await;
    let head = world.second.head().await.seq;
    for channel in [stock_channel(SECOND), history_channel(SECOND)] {
        assert_eq!(
            verdict(&world.third, channel, 1).await.owner.unwrap().seq,
            head,
            "{channel}"
        );
    }
    // Half of a push proves nothing of the whole.
    world
        .second
        .put(vec![line(50, SECOND, 4), line(51, SECOND, 4)])
        .await
        .unwrap();
    let cursors = world.primary.received_to(site(2)).await;
    let request = supplysync_sync_core::PageRequest {
        direction: Direction::Push,
        channels: cursors
            .into_iter()
            .map(|(channel, cursor)| (channel, Some(cursor)))
            .collect(),
        max_records: 1,
        max_bytes: 1 << 20,
    };
    let page = world.second.read_page(request).await.unwrap();
    let request = applied(Direction::Push, site(2), page, Some(crate::link::SESSION));
    world.primary.apply(request).await.unwrap();
    let request = wanted(&world.primary, &world.third, ALL).await;
    let page = world.primary.read_page(request).await.unwrap();
    let stock = page
        .parts
        .iter()
        .find(|part| part.channel == stock_channel(SECOND))
        .unwrap();
    assert!(stock.caught_up && stock.owner_proof.is_none(), "{stock:?}");
    world.settle().await;
    let proof = verdict(&world.third, stock_channel(SECOND), 1)
        .await
        .owner
        .unwrap();
    assert_eq!(proof.seq, world.second.head().await.seq);
}
