//! Quarantined changes on their way: handed over by a satellite, put to an owner, answered; each of it once.

use futures::FutureExt;
use supplysync_model::{Kind, Proposal, ProposalAnswer, ReportSubject, SiteReport, SyncId};
use supplysync_store::Store;
use supplysync_store::query::{PageQuery, Quarantined};
use supplysync_sync_core::ReportNoted;

use crate::database::Database;
use crate::link::{ALL, SESSION, World, pull};
use crate::records::Records;
use crate::sample::{SECOND, assignment, key, line, settings, site};

crate::on_every_database! {
    what_a_satellite_hands_over_is_kept_once_and_told_once;
    a_proposal_is_answered_by_the_site_it_was_put_to_and_leaves_nothing;
    what_is_open_there_already_is_not_kept_twice;
}

/// Site 3 has the store; a change of site 2 that the primary never heard of is in site 2's own quarantine.
async fn local_work_aside<D: Database>(bed: &D) -> (World<Store>, Quarantined) {
    let world = World::in_step(bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    let store = vec![assignment(SECOND, 3, 2), settings(2, &[SECOND])];
    world.primary.put(store).await.unwrap();
    pull(&world.primary, &world.third, ALL).await;
    pull(&world.primary, &world.second, ALL).await;
    let [entry] = open(&world.second).await.try_into().unwrap();
    (world, entry)
}

async fn open(store: &Store) -> Vec<Quarantined> {
    let page = PageQuery {
        size: 1000,
        after: None,
    };
    let read = store.read("quarantine", move |tx| {
        let page = page.clone();
        async move { tx.list_quarantine(None, &page).await }.boxed()
    });
    read.await.unwrap().rows
}

async fn reports(store: &Store) -> Vec<SiteReport> {
    Store::read_reports(store, Vec::new()).await.unwrap().reports
}

async fn told(primary: &Store, peer: SyncId, report: SiteReport) -> ReportNoted {
    Store::record_report(primary, peer, Some(SESSION), report)
        .await
        .unwrap()
}

async fn ask_for(store: &Store, entry: &Quarantined) {
    let id = entry.id;
    let asking = store.write("ask", move |tx| {
        async move { tx.ask_for(id, "operator/admin/ana", "found").await }.boxed()
    });
    asking.await.unwrap();
}

async fn propose(primary: &Store, entry: &Quarantined, to: u16) {
    let entry = entry.clone();
    let proposing = primary.write("propose", move |tx| {
        let entry = entry.clone();
        async move { tx.propose(&entry, site(to), "operator/admin/ana", "found").await }.boxed()
    });
    proposing.await.unwrap();
}

async fn proposals(store: &Store) -> Vec<Proposal> {
    let read = store.read("proposals", |tx| {
        async move { tx.open_proposals(10).await }.boxed()
    });
    read.await.unwrap()
}

async fn answer(store: &Store, proposal: &Proposal, accepted: bool) -> SiteReport {
    let answer = ProposalAnswer {
        id: proposal.id,
        accepted,
        words: "so it is".into(),
    };
    let answering = store.write("answer", move |tx| {
        let answer = answer.clone();
        async move { tx.answer_proposal(&answer).await }.boxed()
    });
    answering.await.unwrap();
    let [report] = reports(store).await.try_into().unwrap();
    report
}

async fn what_a_satellite_hands_over_is_kept_once_and_told_once(bed: impl Database) {
    let (world, entry) = local_work_aside(&bed).await;
    assert_eq!(reports(&world.second).await, [], "nobody asked");
    ask_for(&world.second, &entry).await;
    let [report] = reports(&world.second).await.try_into().unwrap();
    for _ in 0..2 {
        let noted = told(&world.primary, site(2), report.clone()).await;
        let kept = open(&world.primary).await;
        assert_eq!(kept.len(), 1);
        let here = &kept[0];
        assert_eq!(
            (here.id, here.key, &here.body),
            (entry.id, entry.key, &entry.body)
        );
        assert_eq!((here.from_site, &here.reason), (site(2), &entry.reason));
        assert_eq!(here.asked_by, None, "somebody decides on it here");
        assert_eq!(noted.subject, report.subject());
    }
    let old = world.primary.write("late", |tx| {
        async move { tx.resolve_quarantine(open_id(tx).await, "done").await }.boxed()
    });
    old.await.unwrap();
    told(&world.primary, site(2), report.clone()).await;
    assert_eq!(open(&world.primary).await, [], "what was decided stays decided");

    assert_eq!(
        open(&world.second).await.len(),
        1,
        "until the primary has noted it"
    );
    let noted = vec![report.subject()];
    let read = Store::read_reports(&world.second, noted).await.unwrap();
    assert_eq!(read.reports, []);
    assert_eq!(open(&world.second).await, []);
}

async fn open_id(tx: &supplysync_store::Queries) -> uuid::Uuid {
    let page = PageQuery { size: 1, after: None };
    tx.list_quarantine(None, &page).await.unwrap().rows[0].id
}

async fn what_is_open_there_already_is_not_kept_twice(bed: impl Database) {
    let (world, entry) = local_work_aside(&bed).await;
    ask_for(&world.second, &entry).await;
    let [report] = reports(&world.second).await.try_into().unwrap();
    let SiteReport::Offer(mut other) = report.clone() else {
        panic!("no offer: {report:?}");
    };
    other.id = key(Kind::TRANSACTION, 7).id;
    told(&world.primary, site(2), report).await;
    let again = SiteReport::Offer(other);
    let noted = told(&world.primary, site(2), again.clone()).await;
    assert_eq!(noted.subject, again.subject());
    assert_eq!(open(&world.primary).await.len(), 1);
}

async fn a_proposal_is_answered_by_the_site_it_was_put_to_and_leaves_nothing(bed: impl Database) {
    let (world, entry) = local_work_aside(&bed).await;
    ask_for(&world.second, &entry).await;
    let [report] = reports(&world.second).await.try_into().unwrap();
    let offered = report.clone();
    told(&world.primary, site(2), report).await;

    let SiteReport::Offer(mut other) = offered else {
        panic!("no offer");
    };
    other.id = key(Kind::TRANSACTION, 8).id;
    let offer = SiteReport::Offer(other);
    propose(&world.primary, &entry, 3).await;
    assert_eq!(proposals(&world.third).await, []);
    pull(&world.primary, &world.third, ALL).await;
    let [put] = proposals(&world.third).await.try_into().unwrap();
    assert_eq!((put.change.key, put.from_site), (entry.key, site(2)));
    assert!(!put.change.body.is_empty() && put.note == "found");
    let refused = answer(&world.third, &put, false).await;
    assert_eq!(proposals(&world.third).await, [], "answered");

    // Only the site that it was put to has a say.
    told(&world.primary, site(2), refused.clone()).await;
    assert_eq!(open(&world.primary).await[0].proposed_to, Some(site(3)));
    let noted = told(&world.primary, site(3), refused.clone()).await;
    assert!(noted.seq > 0, "the proposal is taken back");
    let [here] = open(&world.primary).await.try_into().unwrap();
    assert_eq!((here.proposed_to, &here.asked_by), (None, &None));
    assert_eq!(here.answer.as_deref(), Some("refused by site 3: so it is"));
    let later = Store::read_reports(&world.third, vec![ReportSubject::Answer(put.id)]).await;
    assert_eq!(later.unwrap().reports, [], "noted");
    pull(&world.primary, &world.third, ALL).await;
    let tombstone = world.third.record(put_key(&put)).await.unwrap().0;
    assert!(tombstone.deleted && tombstone.body.is_empty());

    propose(&world.primary, &entry, 3).await;
    pull(&world.primary, &world.third, ALL).await;
    let [again] = proposals(&world.third).await.try_into().unwrap();
    assert_ne!(again.id, put.id);
    let accepted = answer(&world.third, &again, true).await;
    for _ in 0..2 {
        told(&world.primary, site(3), accepted.clone()).await;
        assert_eq!(open(&world.primary).await, []);
    }
    // What was put to a site that leaves is taken back.
    told(&world.primary, site(2), offer).await;
    let [entry] = open(&world.primary).await.try_into().unwrap();
    propose(&world.primary, &entry, 3).await;
    pull(&world.primary, &world.third, ALL).await;
    assert_eq!(proposals(&world.third).await.len(), 1);
    let leaving = world.primary.write("leave", |tx| {
        async move { tx.withdraw_proposals_to(site(3)).await }.boxed()
    });
    leaving.await.unwrap();
    pull(&world.primary, &world.third, ALL).await;
    assert_eq!(proposals(&world.third).await, []);
    let [here] = open(&world.primary).await.try_into().unwrap();
    assert_eq!((here.proposed_to, &here.asked_by), (None, &None));

    // An answer to what was put before is of no account.
    told(&world.primary, site(3), refused).await;
    let stale = Store::record_report(&world.primary, site(3), Some(SESSION + 1), accepted).await;
    assert!(stale.is_err(), "another session has the lease");
}

fn put_key(proposal: &Proposal) -> supplysync_model::RecordKey {
    supplysync_model::RecordKey {
        kind: Kind::PROPOSAL,
        id: proposal.id,
    }
}
