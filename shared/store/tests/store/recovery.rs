//! A satellite's database is put back from a backup, copied or replaced: it takes back what the primary has of its stores,
//! and nothing that only it has is lost.

use futures::FutureExt;
use supplysync_model::{Channel, Kind, Reason, Seq, SiteReport, SyncId};
use supplysync_record_codec::RecordBody;
use supplysync_store::RecoveryStep;
use supplysync_store::query::{AuditFilter, PageQuery};
use supplysync_sync_core::{Ack, Cursor, Direction, LineageVerdict, seal};

use crate::database::Database;
use crate::link::{ALL, SESSION, World, applied, batch, following, incarnation, pull, push, wanted};
use crate::records::{Bed, Records};
use crate::sample::{
    SECOND, THIRD, epoch, history_channel, key, line, receipt, settings, site, stock_channel, store_id,
};

crate::on_every_database! {
    a_store_is_not_taken_up_before_all_of_it_can_be_read;
    what_is_acknowledged_says_that_the_new_life_is_known;
    what_a_former_life_was_refused_is_marked_and_its_beginning_is_audited;
}

crate::on_every_store! {
    an_empty_database_takes_back_everything;
    what_only_it_has_goes_up_and_what_was_changed_apart_is_set_aside;
    what_the_backup_had_and_the_primary_never_saw_goes_up;
    the_other_database_is_known_no_more;
    what_was_written_for_a_store_that_moved_away_is_set_aside;
    nothing_goes_up_before_everything_is_back;
}

/// The same content for the same numbers, and another one for another number of packs.
fn sale(number: u32, packs: u32) -> RecordBody {
    receipt(number, SECOND, 500, packs)
}

/// Site 2 as its first database leaves it: with stock and two transactions that the primary has.
async fn in_step<R: Records>(bed: &impl Bed<Records = R>) -> World<R> {
    let world = World::in_step(bed).await;
    let wrote = vec![line(500, SECOND, 5), sale(600, 5), sale(601, 1)];
    world.second.put(wrote).await.unwrap();
    world.settle().await;
    world
}

/// Another database of site 2, with the past that it had before it ever wrote.
async fn twin<R: Records>(bed: &impl Bed<Records = R>, world: &World<R>) -> R {
    let twin = bed.site(2).await;
    twin.adopt(incarnation(2)).await;
    pull_as_if_never_told(&world.primary, &twin).await;
    twin
}

/// A pull whose acks are lost.
async fn pull_as_if_never_told<R: Records>(primary: &R, satellite: &R) {
    let request = wanted(primary, satellite, ALL).await;
    let page = primary.page(request).await.unwrap();
    let request = applied(Direction::Pull, SyncId::PRIMARY, page, None);
    satellite.apply(request).await.unwrap();
}

/// The highest seq of site 2's feed that the primary has passed.
async fn furthest<R: Records>(primary: &R) -> Seq {
    let passed = primary.received_to(site(2)).await.into_iter();
    let seqs = passed.map(|(_, cursor)| match cursor {
        Cursor::Following { seq } => seq,
        Cursor::Loading { head, .. } => head,
    });
    seqs.max().unwrap_or(0)
}

/// The opening of a session in which a database of site 2 begins a new life.
async fn begin<R: Records>(world: &World<R>, of: &R) {
    let life = supplysync_model::Incarnation {
        counter: 2,
        random: 77,
    };
    let begins = of.begin_life(life, furthest(&world.primary).await).await;
    world.primary.lease_life(site(2), SESSION, begins).await;
}

async fn take_back<R: Records>(world: &World<R>, of: &R) {
    pull(&world.primary, of, 2).await;
    of.settled().await;
}

/// The rest of the session: it goes up, and both ends agree.
async fn finish<R: Records>(world: &World<R>, of: &R) {
    let reports = of.read_reports().await.reports;
    let recovered = reports
        .iter()
        .find(|report| matches!(report, SiteReport::Recovered(_)));
    let report = recovered.unwrap().clone();
    world.primary.record_report(site(2), report).await.unwrap();
    push(of, &world.primary, ALL).await;
    let own = [stock_channel(SECOND), history_channel(SECOND)];
    let served = world.primary.served(site(2)).await;
    assert!(served.iter().all(|served| !own.contains(&served.channel)));
    for channel in own {
        assert_eq!(
            of.total(channel).await,
            world.primary.total(channel).await,
            "{channel}"
        );
    }
}

async fn body_of(store: &impl Records, kind: Kind, number: u32) -> Option<RecordBody> {
    let (record, _) = store.record(key(kind, number)).await?;
    RecordBody::of_record(&record).ok()
}

async fn an_empty_database_takes_back_everything(bed: impl Bed) {
    let world = in_step(&bed).await;
    let fresh = bed.site(2).await;
    fresh.recover().await;
    begin(&world, &fresh).await;
    take_back(&world, &fresh).await;
    assert_eq!(body_of(&fresh, Kind::TRANSACTION, 600).await, Some(sale(600, 5)));
    finish(&world, &fresh).await;
    // It writes again, and what it writes goes up; nothing of what came back does.
    fresh.put(vec![sale(602, 3)]).await.unwrap();
    let outcomes = push(&fresh, &world.primary, ALL).await;
    let (applied, again) = outcomes
        .iter()
        .fold((0, 0), |(a, d), o| (a + o.applied, d + o.duplicates));
    assert_eq!((applied, again), (1, 0));
}

async fn what_only_it_has_goes_up_and_what_was_changed_apart_is_set_aside(bed: impl Bed) {
    let world = in_step(&bed).await;
    let twin = twin(&bed, &world).await;
    let wrote = vec![line(500, SECOND, 9), sale(600, 9), sale(601, 1), sale(602, 2)];
    twin.put(wrote).await.unwrap();
    twin.recover().await;
    begin(&world, &twin).await;
    take_back(&world, &twin).await;
    assert_eq!(body_of(&twin, Kind::TRANSACTION, 600).await, Some(sale(600, 5)));
    assert_eq!(body_of(&twin, Kind::TRANSACTION, 602).await, Some(sale(602, 2)));
    assert_eq!(
        body_of(&twin, Kind::STOCK_LINE, 500).await,
        Some(line(500, SECOND, 5))
    );
    let aside = twin.quarantined().await;
    let expected = (key(Kind::TRANSACTION, 600), Reason::FORKED_VERSION.0.to_owned());
    assert_eq!(aside, [expected]);
    finish(&world, &twin).await;
    assert_eq!(
        body_of(&world.primary, Kind::TRANSACTION, 602).await,
        Some(sale(602, 2))
    );
}

async fn what_the_backup_had_and_the_primary_never_saw_goes_up(bed: impl Bed) {
    let world = in_step(&bed).await;
    // The machine dies before this is sent; the backup that was made just then has it.
    let second = &world.second;
    second.put(vec![sale(601, 4), sale(603, 3)]).await.unwrap();
    second.recover().await;
    second.put(vec![sale(600, 6)]).await.unwrap();
    begin(&world, second).await;
    take_back(&world, second).await;
    assert!(second.quarantined().await.is_empty());
    finish(&world, second).await;
    for (number, packs) in [(600, 6), (601, 4), (603, 3)] {
        let there = body_of(&world.primary, Kind::TRANSACTION, number).await;
        assert_eq!(there, Some(sale(number, packs)));
    }
}

async fn the_other_database_is_known_no_more(bed: impl Bed) {
    let world = in_step(&bed).await;
    let before = world.second.head().await;
    let twin = twin(&bed, &world).await;
    twin.recover().await;
    begin(&world, &twin).await;
    take_back(&world, &twin).await;
    finish(&world, &twin).await;
    assert_eq!(twin.lineage(Some(before)).await, LineageVerdict::Broken);
    let after = twin.head().await;
    assert_eq!(world.second.lineage(Some(after)).await, LineageVerdict::Broken);
    assert_eq!(twin.lineage(Some(after)).await, LineageVerdict::Known);
}

async fn what_was_written_for_a_store_that_moved_away_is_set_aside(bed: impl Bed) {
    let world = in_step(&bed).await;
    let twin = twin(&bed, &world).await;
    twin.put(vec![sale(604, 2)]).await.unwrap();
    let store = store_id(SECOND);
    world.primary.move_store(store, site(3), true).await.unwrap();
    world.settle().await;
    let held = world.third.read_reports().await.reports;
    for report in held {
        world.primary.record_report(site(3), report).await.unwrap();
    }
    assert_eq!(world.primary.assignment(store).await.site, site(3));
    twin.recover().await;
    begin(&world, &twin).await;
    take_back(&world, &twin).await;
    let kept_here = twin.quarantined().await;
    let sent = push(&twin, &world.primary, ALL).await;
    let refused: Vec<_> = sent.iter().flat_map(|outcome| &outcome.refused).collect();
    let expected = key(Kind::TRANSACTION, 604);
    assert!(
        refused.iter().any(|refusal| refusal.key == expected)
            || kept_here.iter().any(|(kept, _)| *kept == expected),
        "{refused:?}, {kept_here:?}"
    );
    assert_eq!(body_of(&world.primary, Kind::TRANSACTION, 604).await, None);
}

async fn nothing_goes_up_before_everything_is_back(bed: impl Bed) {
    let world = in_step(&bed).await;
    let twin = twin(&bed, &world).await;
    twin.put(vec![sale(602, 2)]).await.unwrap();
    twin.recover().await;
    assert!(twin.pushed().await.is_empty());
    begin(&world, &twin).await;
    let served = world.primary.served(site(2)).await;
    assert!(
        served
            .iter()
            .any(|served| served.channel == stock_channel(SECOND))
    );
    crate::link::pull_page(&world.primary, &twin, 2).await;
    let read = twin.read_reports().await;
    assert!(read.push.is_empty() && read.reports.is_empty() && read.open);
    take_back(&world, &twin).await;
    assert!(!twin.pushed().await.contains(&stock_channel(THIRD)));
    assert!(twin.pushed().await.contains(&stock_channel(SECOND)));
    let strange = twin.pushed().await;
    assert!(!strange.contains(&Channel::Master));
}

async fn what_a_former_life_was_refused_is_marked_and_its_beginning_is_audited(bed: impl Database) {
    let world = in_step(&bed).await;
    let at = furthest(&world.primary).await;
    let (mut stale, _) = world.second.record(key(Kind::TRANSACTION, 600)).await.unwrap();
    (stale.epoch, stale.revision) = (epoch(0), at + 1);
    let parts = vec![following(history_channel(SECOND), at, at + 1, vec![stale])];
    let refused = world
        .primary
        .apply(batch(Direction::Push, 2, at + 1, parts))
        .await;
    assert_eq!(refused.unwrap().refused[0].reason, Reason::STALE_EPOCH);
    let fresh = bed.site(2).await;
    fresh.recover().await;
    begin(&world, &fresh).await;
    let read = world.primary.read("what was refused", move |tx| {
        async move {
            let page = PageQuery {
                size: 10,
                after: None,
            };
            let begun = AuditFilter {
                action: Some("recovery.".into()),
                ..AuditFilter::default()
            };
            let refused = tx.list_quarantine(None, &page).await?.rows;
            Ok((refused, tx.list_audit_log(&begun, &page).await?.rows))
        }
        .boxed()
    });
    let (refused, audited) = read.await.unwrap();
    assert!(
        refused.len() == 1 && refused.iter().all(|entry| entry.former),
        "{refused:?}"
    );
    assert_eq!(audited.len(), 1, "{audited:?}");
    // It explains nothing of what this life has.
    take_back(&world, &fresh).await;
    finish(&world, &fresh).await;
}

async fn what_is_acknowledged_says_that_the_new_life_is_known(bed: impl Database) {
    let world = in_step(&bed).await;
    let twin = twin(&bed, &world).await;
    let step = async || twin.recovery().await.unwrap().map(|recovery| recovery.step);
    twin.recover().await;
    begin(&world, &twin).await;
    assert_eq!(step().await, Some(RecoveryStep::Adopted));
    let ack = Ack {
        number: 1,
        channels: Vec::new(),
        head: world.primary.head().await,
        refused: Vec::new(),
    };
    twin.acknowledge(SyncId::PRIMARY, None, &ack).await.unwrap();
    assert_eq!(step().await, Some(RecoveryStep::Loading));
    take_back(&world, &twin).await;
    assert_eq!(step().await, Some(RecoveryStep::Done));
    twin.acknowledge(SyncId::PRIMARY, None, &ack).await.unwrap();
    assert_eq!(step().await, Some(RecoveryStep::Done));
}

async fn a_store_is_not_taken_up_before_all_of_it_can_be_read(bed: impl Database) {
    let world = in_step(&bed).await;
    let twin = twin(&bed, &world).await;
    world.third.put(vec![line(50, THIRD, 5)]).await.unwrap();
    world.primary.put(vec![settings(2, &[])]).await.unwrap();
    let moved = world.primary.move_store(store_id(THIRD), site(2), false);
    moved.await.unwrap();
    crate::moves::settle(&world).await;
    world.second.put(vec![line(51, THIRD, 1)]).await.unwrap();
    crate::moves::settle(&world).await;
    twin.recover().await;
    begin(&world, &twin).await;
    // The program of the database that goes on is older than the one that wrote the line.
    let request = wanted(&world.primary, &twin, ALL).await;
    let mut page = world.primary.page(request).await.unwrap();
    let sent = page.parts.iter_mut().flat_map(|part| &mut part.records);
    for record in sent.filter(|record| record.key == key(Kind::STOCK_LINE, 51)) {
        record.schema = 99;
        *record = seal(record.clone());
    }
    let request = applied(Direction::Pull, SyncId::PRIMARY, page, None);
    twin.apply(request).await.unwrap();
    twin.settled().await;
    let step = async || twin.recovery().await.unwrap().map(|recovery| recovery.step);
    assert_eq!(step().await, Some(RecoveryStep::Loading));
    let refused = twin.put(vec![line(52, THIRD, 1)]).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::STORE_NOT_HERE_YET);
    // Now it can read it.
    twin.forget(vec![stock_channel(THIRD)]).await;
    take_back(&world, &twin).await;
    assert_eq!(step().await, Some(RecoveryStep::Done));
    twin.put(vec![line(52, THIRD, 1)]).await.unwrap();
    finish(&world, &twin).await;
}
