//! Moves of stores (P7): who may write when, what goes with the store, and what becomes of work under a lost ownership.

use supplysync_model::{AssignmentState, Kind, MoveStep, Reason, ReportSubject, SiteReport, SyncId};

use crate::link::{ALL, World, pull, push};
use crate::records::{Bed, Records};
use crate::sample::{SECOND, key, line, receipt, settings, site, stock_channel, store_id};

crate::on_every_store! {
    a_store_moves_with_all_that_its_site_wrote;
    it_moves_back_and_nothing_is_lost;
    nobody_writes_while_it_is_on_its_way;
    a_site_that_is_not_there_stops_nobody;
    a_move_that_is_called_off_early_takes_the_copy_back;
    a_cancelled_move_leaves_it_where_it_was;
    a_site_that_nobody_hears_goes_on_and_keeps_its_word;
    a_forced_move_sets_late_work_aside;
    open_quarantine_holds_a_move_up;
    an_answer_to_another_version_changes_nothing;
    the_primary_moves_its_own_store_and_takes_one;
    a_site_writes_only_once_it_holds_what_it_was_given;
    totals_that_were_equal_before_are_not_all_of_it;
}

/// Says what a satellite has to say, and nothing else.
async fn tell<R: Records>(satellite: &R, primary: &R) {
    for report in satellite.read_reports().await.reports {
        primary.record_report(satellite.sync_id(), report).await.unwrap();
    }
}

/// Asks for a move that is past its first step: the new site has loaded the store, and the present one is asked to stop.
async fn ask<R: Records>(world: &World<R>, to: u16) {
    let store = store_id(SECOND);
    world.primary.move_store(store, site(to), false).await.unwrap();
    let into = if to == 3 { &world.third } else { &world.second };
    pull(&world.primary, into, ALL).await;
    let asked = world.primary.assignment(store).await;
    assert_eq!(asked.state, AssignmentState::Draining { to: site(to) });
}

/// Everything goes round until nothing is left to say.
pub async fn settle<R: Records>(world: &World<R>) {
    for _ in 0..4 {
        for satellite in [&world.second, &world.third] {
            meet(world, satellite).await;
        }
    }
}

/// One site hears, sends, and says what it has to say.
pub async fn meet<R: Records>(world: &World<R>, satellite: &R) {
    pull(&world.primary, satellite, ALL).await;
    push(satellite, &world.primary, ALL).await;
    tell(satellite, &world.primary).await;
}

async fn refused<R: Records>(on: &R, number: u32) -> Reason {
    let written = on.put(vec![line(number, SECOND, 1)]).await;
    written.unwrap_err().reason()
}

async fn a_store_moves_with_all_that_its_site_wrote(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let wrote = vec![line(50, SECOND, 5), receipt(60, SECOND, 50, 5)];
    world.second.put(wrote).await.unwrap();
    let store = store_id(SECOND);
    let old = world.primary.assignment(store).await;
    world.primary.move_store(store, site(3), false).await.unwrap();
    settle(&world).await;
    let now = world.primary.assignment(store).await;
    assert_eq!((now.site, now.state), (site(3), AssignmentState::Active));
    assert!(now.epoch > old.epoch);
    assert_eq!(now.hand_over.unwrap().totals, world.second.totals(store).await);
    assert_eq!(world.third.totals(store).await, world.second.totals(store).await);

    assert_eq!(refused(&world.second, 51).await, Reason::STORE_NOT_ACTIVE_HERE);
    world.third.put(vec![line(50, SECOND, 4)]).await.unwrap();
    push(&world.third, &world.primary, ALL).await;
    let (held, _) = world.primary.record(key(Kind::STOCK_LINE, 50)).await.unwrap();
    assert_eq!((held.origin_site, held.epoch), (site(3), now.epoch));
    assert_eq!(world.primary.quarantined().await, []);
}

async fn it_moves_back_and_nothing_is_lost(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let store = store_id(SECOND);
    for (round, to) in [3, 2, 3, 2].into_iter().enumerate() {
        let round = round as u32;
        let (from, into) = match to {
            3 => (&world.second, &world.third),
            _ => (&world.third, &world.second),
        };
        from.put(vec![line(50, SECOND, 10 + round), line(70 + round, SECOND, 1)])
            .await
            .unwrap();
        world.primary.move_store(store, site(to), false).await.unwrap();
        settle(&world).await;
        assert_eq!(
            world.primary.assignment(store).await.site,
            site(to),
            "round {round}"
        );
        let wrote = vec![line(50, SECOND, 20 + round)];
        assert!(from.put(wrote.clone()).await.is_err());
        into.put(wrote).await.unwrap();
        settle(&world).await;
        assert_eq!(world.primary.totals(store).await, into.totals(store).await);
    }
    for number in 70..74 {
        assert!(world.second.record(key(Kind::STOCK_LINE, number)).await.is_some());
    }
    assert_eq!(world.primary.quarantined().await, []);
    assert_eq!(world.second.quarantined().await, []);
    assert_eq!(world.third.quarantined().await, []);
}

async fn nobody_writes_while_it_is_on_its_way(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    let store = store_id(SECOND);
    ask(&world, 3).await;
    // It does not know yet, and what it writes goes along.
    world.second.put(vec![line(51, SECOND, 1)]).await.unwrap();
    pull(&world.primary, &world.second, ALL).await;
    assert_eq!(refused(&world.second, 52).await, Reason::STORE_DRAINING);
    assert_eq!(
        world.second.read_reports().await.reports,
        [],
        "its work is on its way"
    );
    push(&world.second, &world.primary, ALL).await;
    let said = world.second.read_reports().await.reports;
    let [SiteReport::Move(said)] = said.as_slice() else {
        panic!("one answer: {said:?}");
    };
    assert_eq!(said.step, MoveStep::Released(world.primary.totals(store).await));
    tell(&world.second, &world.primary).await;
    assert_eq!(refused(&world.third, 52).await, Reason::STORE_NOT_ACTIVE_HERE);
    assert!(
        world.third.read_reports().await.reports.is_empty(),
        "it has not heard that the store is on its way"
    );
    settle(&world).await;
    world.third.put(vec![line(52, SECOND, 1)]).await.unwrap();
    assert!(world.third.record(key(Kind::STOCK_LINE, 51)).await.is_some());
}

async fn a_site_that_is_not_there_stops_nobody(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.primary.put(vec![settings(3, &[])]).await.unwrap();
    pull(&world.primary, &world.third, ALL).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    let store = store_id(SECOND);
    let before = world.primary.assignment(store).await;
    world.primary.move_store(store, site(3), false).await.unwrap();
    for number in 51..54 {
        pull(&world.primary, &world.second, ALL).await;
        world.second.put(vec![line(number, SECOND, 1)]).await.unwrap();
        push(&world.second, &world.primary, ALL).await;
        tell(&world.second, &world.primary).await;
    }
    let now = world.primary.assignment(store).await;
    assert_eq!((now.state, now.epoch), (AssignmentState::Active, before.epoch));
    assert!(now.version > before.version, "sites hear of it");
    let elsewhere = world.primary.move_store(store, SyncId::PRIMARY, false).await;
    assert_eq!(elsewhere.unwrap_err().reason(), Reason::MOVE_NOT_POSSIBLE);

    // It comes, a page at a time: nobody stops before it has the store.
    let mut pages = 0;
    while world.primary.assignment(store).await.state == AssignmentState::Active {
        assert!(world.second.put(vec![line(60 + pages, SECOND, 1)]).await.is_ok());
        crate::link::pull_page(&world.primary, &world.third, 2).await;
        pages += 1;
        assert!(pages < 20, "the move hangs");
    }
    assert!(pages > 2, "it was asked to stop before the store was loaded");
    assert!(world.third.record(key(Kind::STOCK_LINE, 53)).await.is_some());
    settle(&world).await;
    assert_eq!(world.primary.assignment(store).await.site, site(3));
    assert_eq!(world.third.totals(store).await, world.second.totals(store).await);
}

async fn a_move_that_is_called_off_early_takes_the_copy_back(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.primary.put(vec![settings(3, &[])]).await.unwrap();
    pull(&world.primary, &world.third, ALL).await;
    let served = || async {
        let served = world.primary.served(site(3)).await;
        served
            .iter()
            .any(|served| served.channel == stock_channel(SECOND))
    };
    let store = store_id(SECOND);
    world.primary.move_store(store, site(3), false).await.unwrap();
    assert!(served().await);
    let announced = world.primary.assignment(store).await;
    world.primary.cancel_move(store).await.unwrap();
    assert!(!served().await);
    let now = world.primary.assignment(store).await;
    assert!(now.version > announced.version && now.epoch == announced.epoch);
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    // A forced move skips the present site at once, also one that was waiting for the new site.
    world.primary.move_store(store, site(3), false).await.unwrap();
    world.primary.move_store(store, site(3), true).await.unwrap();
    assert_eq!(
        world.primary.assignment(store).await.state,
        AssignmentState::Draining { to: site(3) }
    );
    pull(&world.primary, &world.third, ALL).await;
    tell(&world.third, &world.primary).await;
    assert_eq!(world.primary.assignment(store).await.site, site(3));
}

async fn a_cancelled_move_leaves_it_where_it_was(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let store = store_id(SECOND);
    let old = world.primary.assignment(store).await;
    ask(&world, 3).await;
    pull(&world.primary, &world.second, ALL).await;
    push(&world.second, &world.primary, ALL).await;
    let late = world.second.read_reports().await.reports;
    world.primary.cancel_move(store).await.unwrap();
    for report in late {
        let noted = world.primary.record_report(site(2), report).await.unwrap();
        assert_eq!(noted.seq, 0, "an answer to a version that is past");
    }
    settle(&world).await;
    let now = world.primary.assignment(store).await;
    assert_eq!(
        (now.site, now.epoch, now.state),
        (site(2), old.epoch, AssignmentState::Active)
    );
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    let nothing = world.primary.cancel_move(store).await.unwrap_err();
    assert_eq!(nothing.reason(), Reason::NO_MOVE_UNDER_WAY);
}

async fn a_site_that_nobody_hears_goes_on_and_keeps_its_word(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    let store = store_id(SECOND);
    ask(&world, 3).await;
    pull(&world.primary, &world.second, ALL).await;
    assert!(world.second.abort(store).await);
    world.second.put(vec![line(51, SECOND, 1)]).await.unwrap();
    settle(&world).await;
    let now = world.primary.assignment(store).await;
    assert_eq!((now.site, now.state), (site(2), AssignmentState::Active));
    assert!(world.primary.record(key(Kind::STOCK_LINE, 51)).await.is_some());

    // Once it has said that it has stopped, it waits.
    ask(&world, 3).await;
    pull(&world.primary, &world.second, ALL).await;
    push(&world.second, &world.primary, ALL).await;
    assert_eq!(world.second.read_reports().await.reports.len(), 1);
    assert!(!world.second.abort(store).await);
    assert_eq!(refused(&world.second, 52).await, Reason::STORE_DRAINING);
}

async fn a_forced_move_sets_late_work_aside(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    let store = store_id(SECOND);
    world.primary.move_store(store, site(3), true).await.unwrap();
    pull(&world.primary, &world.third, ALL).await;
    tell(&world.third, &world.primary).await;
    assert_eq!(world.primary.assignment(store).await.site, site(3));
    // The old site is not destroyed after all, and worked on.
    world
        .second
        .put(vec![line(50, SECOND, 3), line(51, SECOND, 1)])
        .await
        .unwrap();
    pull(&world.primary, &world.second, ALL).await;
    assert_eq!(refused(&world.second, 52).await, Reason::STORE_NOT_ACTIVE_HERE);
    assert!(world.second.pushed().await.contains(&stock_channel(SECOND)));
    push(&world.second, &world.primary, ALL).await;
    let mut aside = world.primary.quarantined().await;
    aside.sort();
    let because = Reason::STORE_NOT_ACTIVE_HERE.0.to_owned();
    assert_eq!(
        aside,
        [
            (key(Kind::STOCK_LINE, 50), because.clone()),
            (key(Kind::STOCK_LINE, 51), because)
        ]
    );
    assert!(!world.second.pushed().await.contains(&stock_channel(SECOND)));
    let (held, _) = world.primary.record(key(Kind::STOCK_LINE, 50)).await.unwrap();
    assert_eq!(world.third.record(held.key).await.unwrap().0.hash, held.hash);
}

async fn open_quarantine_holds_a_move_up(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let store = store_id(SECOND);
    // Work under an ownership that ends by force, and the store comes back.
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    world.primary.move_store(store, site(3), true).await.unwrap();
    pull(&world.primary, &world.third, ALL).await;
    tell(&world.third, &world.primary).await;
    pull(&world.primary, &world.second, ALL).await;
    push(&world.second, &world.primary, ALL).await;
    assert_eq!(world.primary.quarantined().await.len(), 1);
    world.primary.move_store(store, site(2), false).await.unwrap();
    settle(&world).await;
    let now = world.primary.assignment(store).await;
    assert_eq!((now.site, now.state), (site(3), AssignmentState::Active));
    // Nobody stands still for it.
    world.third.put(vec![line(53, SECOND, 1)]).await.unwrap();
}

async fn an_answer_to_another_version_changes_nothing(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    let store = store_id(SECOND);
    ask(&world, 3).await;
    settle_old_only(&world).await;
    let before = world.primary.assignment(store).await;
    for (peer, version) in [(2, before.version + 1), (3, before.version)] {
        let said = world.second.read_reports().await.reports;
        let Some(SiteReport::Move(mut report)) = said.into_iter().next() else {
            panic!("no answer");
        };
        report.version = version;
        let report = SiteReport::Move(report);
        let noted = world.primary.record_report(site(peer), report).await.unwrap();
        assert_eq!(
            (noted.subject, noted.seq),
            (ReportSubject::Move(store, version), 0)
        );
    }
    assert_eq!(world.primary.assignment(store).await, before);
    let stale = world
        .primary
        .move_store(store, SyncId::PRIMARY, false)
        .await
        .unwrap_err();
    assert_eq!(stale.reason(), Reason::MOVE_NOT_POSSIBLE);
}

/// The old site hears of it and sends what it has; nobody reports.
async fn settle_old_only<R: Records>(world: &World<R>) {
    pull(&world.primary, &world.second, ALL).await;
    push(&world.second, &world.primary, ALL).await;
}

async fn the_primary_moves_its_own_store_and_takes_one(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    let store = store_id(SECOND);
    world
        .primary
        .move_store(store, SyncId::PRIMARY, false)
        .await
        .unwrap();
    settle(&world).await;
    assert_eq!(world.primary.assignment(store).await.site, SyncId::PRIMARY);
    world.primary.put(vec![line(50, SECOND, 4)]).await.unwrap();
    ask(&world, 3).await;
    assert_eq!(refused(&world.primary, 51).await, Reason::STORE_DRAINING);
    settle(&world).await;
    assert_eq!(world.primary.assignment(store).await.site, site(3));
    world.third.put(vec![line(50, SECOND, 3)]).await.unwrap();
}

async fn a_site_writes_only_once_it_holds_what_it_was_given(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    world.primary.put(vec![settings(3, &[])]).await.unwrap();
    let store = store_id(SECOND);
    world.primary.move_store(store, site(3), false).await.unwrap();
    settle(&world).await;
    // A new machine takes the site's place: it knows that the store is active there, and has none of its data.
    let fresh = bed.site(3).await;
    fresh.adopt(crate::link::incarnation(9)).await;
    pull(&world.primary, &fresh, ALL).await;
    assert_eq!(fresh.assignment(store).await.site, site(3));
    assert_eq!(refused(&fresh, 51).await, Reason::STORE_NOT_HERE_YET);
    world.third.put(vec![line(51, SECOND, 1)]).await.unwrap();
}

async fn totals_that_were_equal_before_are_not_all_of_it(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    let store = store_id(SECOND);
    ask(&world, 3).await;
    pull(&world.primary, &world.third, ALL).await;
    tell(&world.third, &world.primary).await;
    // It says what it holds; then a record comes that the old site, which has not heard yet, deletes again.
    world.second.put(vec![line(51, SECOND, 1)]).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    pull(&world.primary, &world.third, ALL).await;
    world.second.delete(line(51, SECOND, 1)).await.unwrap();
    pull(&world.primary, &world.second, ALL).await;
    push(&world.second, &world.primary, ALL).await;
    tell(&world.second, &world.primary).await;
    let now = world.primary.assignment(store).await;
    assert_eq!(
        now.state,
        AssignmentState::Draining { to: site(3) },
        "it has not heard of the deletion"
    );
    settle(&world).await;
    assert_eq!(world.primary.assignment(store).await.site, site(3));
    let (held, _) = world.third.record(key(Kind::STOCK_LINE, 51)).await.unwrap();
    assert!(held.deleted);
    world.third.put(vec![line(52, SECOND, 1)]).await.unwrap();
}
