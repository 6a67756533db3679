//! The primary's database is lost and an older one put back: its sites give back what it lacks, and then everything goes on.

use supplysync_model::{Channel, Kind, Reason, SiteReport, SyncId};
use supplysync_record_codec::RecordBody;
use supplysync_store::Store;
use supplysync_sync_core::{
    Ack, ApplyOutcome, ChannelAck, Cursor, Direction, LineageVerdict, PageRequest, Refusal,
};

use crate::database::Database;
use crate::link::{ALL, SESSION, World, ack, applied, pull, push};
use crate::moves::{meet, settle};
use crate::records::Records;
use crate::sample::{
    SECOND, history_channel, key, line, network, receipt, site, stock_channel, store_id, unit,
};

crate::on_every_database! {
    what_the_primary_lost_is_given_back;
    nothing_is_written_or_moved_before_that;
    a_primary_put_back_by_other_means_is_loaded_afresh;
    a_copy_of_which_something_is_refused_is_loaded_afresh_though_a_word_is_lost;
    who_is_served_its_own_stores_again_says_that_it_has_them;
    what_came_with_a_store_that_moved_in_the_lost_life_is_set_aside;
    work_of_a_store_taken_away_in_the_lost_life_is_not_forgotten;
    work_of_a_store_that_is_back_after_the_lost_life_is_not_forgotten;
    what_was_not_answered_is_not_taken_for_what_was_lost;
    what_a_lost_primary_had_set_aside_is_set_aside_at_its_site;
    what_was_taken_though_nobody_answered_is_given_back;
}

/// A network in step, and the primary's database as a backup of before the stores' first work has it.
async fn lost(bed: &impl Database<Records = Store>) -> (World<Store>, Store) {
    let backup = bed.site(1).await;
    backup.put(network()).await.unwrap();
    let world = World::in_step(bed).await;
    let wrote = vec![line(500, SECOND, 5), receipt(600, SECOND, 500, 5)];
    world.second.put(wrote).await.unwrap();
    world.primary.put(vec![unit(90, "later")]).await.unwrap();
    world.settle().await;
    (world, backup)
}

/// A site meets the life of the primary's database that was put back, and gives back what it has.
async fn gives_back(primary: &Store, satellite: &Store) {
    let state = satellite.hello_state().await.unwrap();
    let hello = state.hello(1, "test");
    let state = primary.open_peer(&hello).await.unwrap();
    assert_eq!(state.lineage, LineageVerdict::Known);
    let life = state.life.unwrap();
    let to_push = satellite
        .meet_life(life, state.cursors, state.stands)
        .await
        .unwrap();
    for store in to_push.iter().filter_map(|channel| channel.store()) {
        assert_ne!(satellite.assignment(store).await.site, satellite.sync_id());
    }
    primary
        .grant_lease(satellite.sync_id(), SESSION, hello.incarnation.unwrap(), None)
        .await
        .unwrap();
    push(satellite, primary, ALL).await;
    let given = SiteReport::GivenBack(life.began.incarnation);
    let read = satellite.read_reports(Vec::new()).await.unwrap();
    assert!(read.reports.contains(&given), "{read:?}");
    primary
        .record_report(satellite.sync_id(), Some(SESSION), given.clone())
        .await
        .unwrap();
    // The next session says that it is noted.
    let hello = satellite.hello_state().await.unwrap().hello(1, "test");
    let state = primary.open_peer(&hello).await.unwrap();
    let life = state.life.filter(|life| life.given_back).unwrap();
    satellite
        .meet_life(life, state.cursors, state.stands)
        .await
        .unwrap();
    let read = satellite.read_reports(Vec::new()).await.unwrap();
    assert!(!read.reports.contains(&given), "{read:?}");
}

/// A session after that: how both ends stand is said anew.
async fn meets_again(primary: &Store, satellite: &Store) {
    let life = primary.later_life().await.unwrap().unwrap().0;
    let life = supplysync_sync_core::PrimaryLife {
        began: life.began,
        gathering: life.gathering,
        given_back: true,
    };
    satellite.meet_life(life, Vec::new(), None).await.unwrap();
    primary
        .grant_lease(
            satellite.sync_id(),
            SESSION,
            Records::head(satellite).await.incarnation,
            None,
        )
        .await
        .unwrap();
}

/// A channel is sent to a site from its beginning.
async fn is_sent(primary: &Store, satellite: &Store, channel: Channel) {
    comes(primary, satellite, channel, None).await;
}

/// What a site lacks of the master data comes to it, and nothing else.
async fn hears(primary: &Store, satellite: &Store) {
    let known = satellite.pulled_to().await;
    let master = known.iter().find(|(channel, _)| *channel == Channel::Master);
    comes(primary, satellite, Channel::Master, master.map(|(_, at)| *at)).await;
}

async fn comes(primary: &Store, satellite: &Store, channel: Channel, from: Option<Cursor>) {
    let request = PageRequest {
        direction: Direction::Pull,
        channels: vec![(channel, from)],
        max_records: ALL,
        max_bytes: 1 << 20,
    };
    let page = primary.page(request).await.unwrap();
    let request = applied(Direction::Pull, SyncId::PRIMARY, page, None);
    satellite.apply(request).await.unwrap();
}

async fn what_the_primary_lost_is_given_back(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    let began = primary.begin_later_life(true).await.unwrap();
    assert!(began.seq > world.primary.head().await.seq);
    gives_back(&primary, &world.third).await;
    let (life, owing) = primary.later_life().await.unwrap().unwrap();
    assert_eq!((life.gathering, owing), (true, vec![site(2)]));
    assert!(
        primary.record(key(Kind::UNIT, 90)).await.is_some(),
        "from another site"
    );
    gives_back(&primary, &world.second).await;
    assert!(!primary.later_life().await.unwrap().unwrap().0.gathering);
    for satellite in [&world.second, &world.third] {
        meets_again(&primary, satellite).await;
        push(satellite, &primary, ALL).await;
        pull(&primary, satellite, ALL).await;
    }
    pull(&primary, &world.third, ALL).await;
    for channel in [stock_channel(SECOND), history_channel(SECOND)] {
        assert_eq!(
            primary.total(channel).await,
            world.second.total(channel).await,
            "{channel}"
        );
    }
    // Written on both ends again, and in step.
    world
        .second
        .put(vec![receipt(601, SECOND, 500, 1)])
        .await
        .unwrap();
    push(&world.second, &primary, ALL).await;
    assert!(primary.record(key(Kind::TRANSACTION, 601)).await.is_some());
}

async fn nothing_is_written_or_moved_before_that(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    primary.begin_later_life(true).await.unwrap();
    let store = store_id(SECOND);
    let refused = primary.move_store(store, site(3), false).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::RECOVERY_PENDING);
    gives_back(&primary, &world.second).await;
    assert!(
        world.second.push_channels().await.unwrap().is_empty(),
        "the others come first"
    );
    assert!(primary.end_gathering().await.unwrap());
    assert!(!primary.end_gathering().await.unwrap(), "once is enough");
    meets_again(&primary, &world.second).await;
    assert!(!world.second.push_channels().await.unwrap().is_empty());
    // Who comes late is heard, and master data that nothing stands against is taken.
    gives_back(&primary, &world.third).await;
    let unit = primary.record(key(Kind::UNIT, 90)).await.unwrap().0;
    assert!(matches!(RecordBody::of_record(&unit), Ok(RecordBody::Unit(_))));
}

async fn a_primary_put_back_by_other_means_is_loaded_afresh(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    // Somebody worked on it before anybody noticed.
    primary.put(vec![unit(91, "meanwhile")]).await.unwrap();
    primary.begin_later_life(false).await.unwrap();
    for satellite in [&world.second, &world.third] {
        gives_back(&primary, satellite).await;
        let known = satellite.hello_state().await.unwrap().cursors;
        assert!(known.is_empty(), "{known:?}");
    }
    for satellite in [&world.second, &world.third] {
        meets_again(&primary, satellite).await;
        push(satellite, &primary, ALL).await;
        pull(&primary, satellite, ALL).await;
        assert!(satellite.record(key(Kind::UNIT, 91)).await.is_some());
    }
    assert_eq!(primary.sync_id(), SyncId::PRIMARY);
}

async fn a_copy_of_which_something_is_refused_is_loaded_afresh_though_a_word_is_lost(
    bed: impl Database<Records = Store>,
) {
    let (world, primary) = lost(&bed).await;
    primary.begin_later_life(true).await.unwrap();
    let third = &world.third;
    let hello = third.hello_state().await.unwrap().hello(1, "test");
    let state = primary.open_peer(&hello).await.unwrap();
    let life = state.life.unwrap();
    third.meet_life(life, state.cursors, state.stands).await.unwrap();
    let copy = stock_channel(SECOND);
    is_sent(&world.primary, third, copy).await;
    let stands = async || {
        let pulled = third.pulled_to().await;
        pulled.iter().any(|(channel, _)| *channel == copy)
    };
    assert!(stands().await);
    let head = Records::head(third).await;
    let acked = ChannelAck {
        channel: copy,
        cursor: Cursor::Following { seq: head.seq },
        digest: None,
        quarantined: 1,
        held: 0,
    };
    let refused = Refusal {
        key: key(Kind::STOCK_LINE, 500),
        reason: Reason::NOT_OWNER,
    };
    let ack = Ack {
        number: 1,
        channels: vec![acked],
        refused: vec![refused],
        head: Records::head(&primary).await,
    };
    third.acknowledge(SyncId::PRIMARY, None, &ack).await.unwrap();
    assert!(!stands().await);
}

async fn who_is_served_its_own_stores_again_says_that_it_has_them(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    primary.begin_later_life(true).await.unwrap();
    let second = &world.second;
    let says = async || {
        let read = second.read_reports(Vec::new()).await.unwrap();
        let told = read.reports.into_iter();
        told.filter(|report| matches!(report, SiteReport::Recovered(_)))
            .count()
    };
    gives_back(&primary, second).await;
    assert_eq!(says().await, 0);
    // The backup is of when this site took its stores back.
    let own = stock_channel(SECOND);
    is_sent(&primary, second, own).await;
    assert_eq!(says().await, 1);
    second.forget(vec![own]).await;
    assert_eq!(says().await, 0);
}

async fn what_came_with_a_store_that_moved_in_the_lost_life_is_set_aside(
    bed: impl Database<Records = Store>,
) {
    let (world, primary) = lost(&bed).await;
    let store = store_id(SECOND);
    world.primary.move_store(store, site(3), false).await.unwrap();
    settle(&world).await;
    assert_eq!(world.third.assignment(store).await.site, site(3));
    primary.begin_later_life(true).await.unwrap();
    // Nobody waits for the sites, so the store is said anew to be where the backup has it.
    primary.end_gathering().await.unwrap();
    gives_back(&primary, &world.third).await;
    meets_again(&primary, &world.third).await;
    is_sent(&primary, &world.third, Channel::Master).await;
    assert_eq!(world.third.assignment(store).await.site, site(2));
    let pushed = world.third.push_channels().await.unwrap();
    assert!(pushed.contains(&stock_channel(SECOND)), "{pushed:?}");
    push(&world.third, &primary, ALL).await;
    let aside: Vec<_> = primary
        .quarantined()
        .await
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    for wrote in [key(Kind::STOCK_LINE, 500), key(Kind::TRANSACTION, 600)] {
        assert!(aside.contains(&wrote), "{wrote}: {aside:?}");
    }
    let pushed = world.third.push_channels().await.unwrap();
    assert!(!pushed.contains(&stock_channel(SECOND)), "once is enough");
}

/// Its store is taken from site 2, which has just written transaction 601 there and hears of it.
async fn is_taken_away(world: &World<Store>) {
    let store = store_id(SECOND);
    let second = &world.second;
    second.put(vec![receipt(601, SECOND, 500, 1)]).await.unwrap();
    world.primary.move_store(store, site(3), true).await.unwrap();
    meet(world, &world.third).await;
    hears(&world.primary, second).await;
    assert_eq!(second.assignment(store).await.site, site(3));
}

async fn is_aside(primary: &Store) -> bool {
    let aside = primary.quarantined().await;
    aside
        .iter()
        .any(|(aside, _)| *aside == key(Kind::TRANSACTION, 601))
}

async fn work_of_a_store_taken_away_in_the_lost_life_is_not_forgotten(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    let second = &world.second;
    is_taken_away(&world).await;
    primary.begin_later_life(true).await.unwrap();
    gives_back(&primary, second).await;
    gives_back(&primary, &world.third).await;
    meets_again(&primary, second).await;
    let outcome = push_as_told(second, &primary).await;
    assert!(is_aside(&primary).await);
    let answer = ack(outcome);
    second.acknowledge(SyncId::PRIMARY, None, &answer).await.unwrap();
    let pushed = second.push_channels().await.unwrap();
    assert!(!pushed.contains(&stock_channel(SECOND)), "once is enough");
}

async fn work_of_a_store_that_is_back_after_the_lost_life_is_not_forgotten(
    bed: impl Database<Records = Store>,
) {
    let (world, primary) = lost(&bed).await;
    let second = &world.second;
    is_taken_away(&world).await;
    primary.begin_later_life(true).await.unwrap();
    // Nobody waits for the sites, so the store is said anew to be where the backup has it.
    primary.end_gathering().await.unwrap();
    gives_back(&primary, second).await;
    meets_again(&primary, second).await;
    is_sent(&primary, second, Channel::Master).await;
    assert_eq!(second.assignment(store_id(SECOND)).await.site, site(2));
    push_as_told(second, &primary).await;
    assert!(primary.record(key(Kind::TRANSACTION, 601)).await.is_some());
}

/// A push from where a session would begin, whose ack is lost.
async fn push_as_told(satellite: &Store, primary: &Store) -> ApplyOutcome {
    let hello = satellite.hello_state().await.unwrap().hello(1, "test");
    let told = primary.open_peer(&hello).await.unwrap().cursors;
    let at = |channel: &Channel| told.iter().find(|(known, _)| known == channel).map(|(_, at)| *at);
    let channels = satellite.push_channels().await.unwrap().into_iter();
    let request = PageRequest {
        direction: Direction::Push,
        channels: channels
            .map(|channel| (channel, Some(at(&channel).unwrap_or(Cursor::START))))
            .collect(),
        max_records: ALL,
        max_bytes: 1 << 20,
    };
    let page = satellite.page(request).await.unwrap();
    let request = applied(Direction::Push, satellite.sync_id(), page, Some(SESSION));
    primary.apply(request).await.unwrap()
}

async fn what_was_not_answered_is_not_taken_for_what_was_lost(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    let (store, second) = (store_id(SECOND), &world.second);
    second.put(vec![receipt(601, SECOND, 500, 1)]).await.unwrap();
    world
        .primary
        .move_store(store, SyncId::PRIMARY, true)
        .await
        .unwrap();
    push_as_told(second, &world.primary).await;
    comes_again(&world).await;
    hears(&world.primary, second).await;
    assert_eq!(second.assignment(store).await.site, SyncId::PRIMARY);
    primary.begin_later_life(true).await.unwrap();
    gives_back(&primary, second).await;
    let late = key(Kind::TRANSACTION, 601);
    assert_eq!(primary.record(late).await, None);
    let known = primary.record(key(Kind::TRANSACTION, 600)).await;
    assert!(known.is_some(), "that had been answered");
    let kept = second.quarantined().await;
    assert!(kept.iter().any(|(aside, _)| *aside == late), "{kept:?}");
}

async fn what_a_lost_primary_had_set_aside_is_set_aside_at_its_site(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    let second = &world.second;
    is_taken_away(&world).await;
    push(second, &world.primary, ALL).await;
    assert!(is_aside(&world.primary).await);
    // Its copy is what the network has.
    is_sent(&world.primary, second, history_channel(SECOND)).await;
    assert_eq!(second.record(key(Kind::TRANSACTION, 601)).await, None);
    assert!(!is_aside(second).await, "the primary keeps it");
    primary.begin_later_life(true).await.unwrap();
    gives_back(&primary, second).await;
    assert!(is_aside(second).await);
}

/// The next session of site 2 begins where the primary stands, beyond what was answered.
async fn comes_again(world: &World<Store>) {
    let second = &world.second;
    let hello = second.hello_state().await.unwrap().hello(1, "test");
    let told = world.primary.open_peer(&hello).await.unwrap().cursors;
    second.note_unanswered(&told).await.unwrap();
    push(second, &world.primary, ALL).await;
}

async fn what_was_taken_though_nobody_answered_is_given_back(bed: impl Database<Records = Store>) {
    let (world, primary) = lost(&bed).await;
    let second = &world.second;
    second.put(vec![receipt(601, SECOND, 500, 1)]).await.unwrap();
    push_as_told(second, &world.primary).await;
    comes_again(&world).await;
    world
        .primary
        .move_store(store_id(SECOND), site(3), false)
        .await
        .unwrap();
    settle(&world).await;
    assert_eq!(second.assignment(store_id(SECOND)).await.site, site(3));
    primary.begin_later_life(true).await.unwrap();
    gives_back(&primary, second).await;
    assert!(primary.record(key(Kind::TRANSACTION, 601)).await.is_some());
    assert!(!is_aside(second).await);
}
