//! Copies that a satellite wishes for, and copies that are withdrawn from it: kept as of a moment, or removed.

use futures::FutureExt;
use supplysync_model::{
    Channel, CopyGrant, CopyWish, ReportSubject, SiteReport, SiteSettings, StoreId, Withdrawn,
};
use supplysync_record_codec::RecordBody;
use supplysync_store::Store;
use supplysync_store::query::Freshness;

use crate::database::Database;
use crate::link::{ALL, SESSION, World, pull, push};
use crate::records::Records;
use crate::sample::{SECOND, THIRD, assignment, line, receipt, settings, site, store_id};

crate::on_every_database! {
    a_wish_is_told_once_and_waits_for_a_word;
    a_wish_is_granted_where_any_is;
    a_copy_that_is_withdrawn_stays_as_of_a_moment;
    a_copy_that_is_withdrawn_goes_where_that_is_decided;
    what_is_on_its_way_is_not_removed;
}

async fn wish_for(satellite: &Store, stores: &[u32]) {
    let stores: Vec<StoreId> = stores.iter().map(|number| store_id(*number)).collect();
    let write = satellite.write("wish", move |tx| {
        let stores = stores.clone();
        async move { tx.wish_for_copies(&stores).await }.boxed()
    });
    write.await.unwrap();
}

/// Tells the primary what there is to tell, once.
async fn tell(satellite: &Store, primary: &Store) -> Vec<ReportSubject> {
    let reports = Store::read_reports(satellite, Vec::new()).await.unwrap().reports;
    let mut noted = Vec::new();
    for report in reports {
        assert!(matches!(report, SiteReport::Wish(_)));
        let peer = satellite.sync_id();
        let told = Store::record_report(primary, peer, Some(SESSION), report).await;
        noted.push(told.unwrap().subject);
    }
    Store::read_reports(satellite, noted.clone()).await.unwrap();
    noted
}

async fn wished(primary: &Store, number: u16) -> Option<CopyWish> {
    let read = primary.read("wish", move |tx| {
        async move { tx.copy_wish(site(number)).await }.boxed()
    });
    read.await.unwrap()
}

async fn granted(primary: &Store, number: u16) -> SiteSettings {
    let read = primary.read("settings", move |tx| {
        async move { tx.site_settings(site(number)).await }.boxed()
    });
    read.await.unwrap().unwrap().value
}

async fn grant(primary: &Store, stores: &[u32], withdrawn: Option<Withdrawn>) {
    let stores: Vec<StoreId> = stores.iter().map(|number| store_id(*number)).collect();
    let write = primary.write("grant", move |tx| {
        let stores = stores.clone();
        async move {
            let before = tx.site_settings(site(2)).await?.unwrap().value;
            tx.grant_copies(&before, stores, withdrawn).await.map(drop)
        }
        .boxed()
    });
    write.await.unwrap();
}

async fn set_grant(primary: &Store, grant: CopyGrant) {
    let write = primary.write("grant by itself", move |tx| tx.set_copy_grant(grant).boxed());
    write.await.unwrap();
}

async fn a_wish_is_told_once_and_waits_for_a_word(bed: impl Database) {
    let world = World::in_step(&bed).await;
    world.primary.put(vec![settings(2, &[])]).await.unwrap();
    wish_for(&world.second, &[THIRD]).await;
    assert_eq!(
        tell(&world.second, &world.primary).await,
        [ReportSubject::Wish(1)]
    );
    assert_eq!(tell(&world.second, &world.primary).await, [], "it is noted");
    let waits = wished(&world.primary, 2).await.unwrap();
    assert_eq!(waits.stores, [store_id(THIRD)]);
    assert_eq!(granted(&world.primary, 2).await.copies, []);

    // An answer to the list before says nothing of the next.
    wish_for(&world.second, &[]).await;
    let late = vec![ReportSubject::Wish(1)];
    let read = Store::read_reports(&world.second, late).await.unwrap();
    assert_eq!(read.reports.len(), 1);
    wish_for(&world.second, &[THIRD]).await;
    tell(&world.second, &world.primary).await;

    grant(&world.primary, &[THIRD], None).await;
    assert_eq!(granted(&world.primary, 2).await.copies, [store_id(THIRD)]);
    assert_eq!(wished(&world.primary, 2).await, None, "it is decided");
}

async fn a_wish_is_granted_where_any_is(bed: impl Database) {
    let world = World::in_step(&bed).await;
    let sites = vec![settings(2, &[]), settings(3, &[])];
    world.primary.put(sites).await.unwrap();
    // One waits, and is granted when that is decided; its own store and one that there is not are left out.
    wish_for(&world.second, &[SECOND, THIRD, 999]).await;
    tell(&world.second, &world.primary).await;
    set_grant(&world.primary, CopyGrant::Any).await;
    assert_eq!(granted(&world.primary, 2).await.copies, [store_id(THIRD)]);
    assert_eq!(wished(&world.primary, 2).await, None);
    wish_for(&world.third, &[SECOND]).await;
    tell(&world.third, &world.primary).await;
    assert_eq!(granted(&world.primary, 3).await.copies, [store_id(SECOND)]);
    // Who wishes for less, has less.
    wish_for(&world.third, &[]).await;
    tell(&world.third, &world.primary).await;
    assert_eq!(granted(&world.primary, 3).await.copies, []);
    set_grant(&world.primary, CopyGrant::Ask).await;
    wish_for(&world.third, &[SECOND]).await;
    tell(&world.third, &world.primary).await;
    assert_eq!(granted(&world.primary, 3).await.copies, []);
}

/// What a site says of a store; everything that it holds must hold.
pub async fn freshness_of(site: &Store, number: u32) -> Freshness {
    let read = site.read("freshness", move |tx| {
        async move {
            let store = store_id(number);
            let fresh = tx.freshness(&[store]).await?;
            Ok((fresh, tx.keeps(store).await?))
        }
        .boxed()
    });
    let (fresh, keeps) = read.await.unwrap();
    let verified = site.verify(true).await.unwrap();
    assert_eq!(verified.findings, []);
    assert_eq!(keeps, fresh[0].freshness != Freshness::NotKept);
    fresh[0].freshness
}

async fn freshness(second: &Store) -> Freshness {
    freshness_of(second, THIRD).await
}

async fn held(second: &Store) -> u64 {
    let mut count = 0;
    for channel in Channel::of_store(store_id(THIRD)) {
        count += second.total(channel).await.count;
    }
    count
}

/// Site 2 had a copy of the third store, and has heard that it is withdrawn.
async fn withdrawn<D: Database>(bed: &D, decided: Withdrawn) -> World<Store> {
    let world = World::in_step(bed).await;
    let stock = vec![line(70, THIRD, 5), receipt(80, THIRD, 70, 5)];
    world.third.put(stock).await.unwrap();
    world.primary.put(vec![settings(2, &[THIRD])]).await.unwrap();
    world.settle().await;
    world.settle().await;
    assert!(matches!(freshness(&world.second).await, Freshness::Proven { .. }));
    assert_eq!(held(&world.second).await, 2);
    grant(&world.primary, &[], Some(decided)).await;
    pull(&world.primary, &world.second, ALL).await;
    world
}

async fn a_copy_that_is_withdrawn_stays_as_of_a_moment(bed: impl Database) {
    let world = withdrawn(&bed, Withdrawn::Keep).await;
    let channels = Channel::of_store(store_id(THIRD)).to_vec();
    world.second.forget(channels).await;
    let Freshness::Dated { at: Some(at) } = freshness(&world.second).await else {
        panic!("it is not dated: {:?}", freshness(&world.second).await);
    };
    assert!(at.0 > 0);
    assert!(!world.second.removal_step(10).await.unwrap());
    assert_eq!(held(&world.second).await, 2);
    // Granted again, it is loaded, and no longer dated.
    grant(&world.primary, &[THIRD], None).await;
    pull(&world.primary, &world.second, ALL).await;
    pull(&world.primary, &world.second, ALL).await;
    assert!(matches!(freshness(&world.second).await, Freshness::Proven { .. }));
}

async fn a_copy_that_is_withdrawn_goes_where_that_is_decided(bed: impl Database) {
    let world = withdrawn(&bed, Withdrawn::Remove).await;
    assert!(
        !world.second.removal_step(1).await.unwrap(),
        "it is followed still: another page may come"
    );
    world
        .second
        .forget(Channel::of_store(store_id(THIRD)).to_vec())
        .await;
    assert!(world.second.removal_step(1).await.unwrap());
    assert_eq!(held(&world.second).await, 1);
    freshness(&world.second).await;
    while world.second.removal_step(1).await.unwrap() {}
    assert_eq!(held(&world.second).await, 0);
    assert_eq!(freshness(&world.second).await, Freshness::NotKept);
    grant(&world.primary, &[THIRD], None).await;
    pull(&world.primary, &world.second, ALL).await;
    pull(&world.primary, &world.second, ALL).await;
    assert!(!world.second.removal_step(1).await.unwrap());
    assert_eq!(held(&world.second).await, 2);
    assert!(matches!(freshness(&world.second).await, Freshness::Proven { .. }));
}

async fn what_is_on_its_way_is_not_removed(bed: impl Database) {
    let world = World::in_step(&bed).await;
    let settings = RecordBody::SiteSettings(SiteSettings {
        withdrawn: Withdrawn::Remove,
        ..granted_none()
    });
    world.primary.put(vec![settings]).await.unwrap();
    pull(&world.primary, &world.second, ALL).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    assert!(!world.second.removal_step(10).await.unwrap(), "it is active here");
    // By force, while site 2 was not heard.
    world.primary.put(vec![assignment(SECOND, 3, 2)]).await.unwrap();
    pull(&world.primary, &world.second, ALL).await;
    assert!(!world.second.removal_step(10).await.unwrap());
    let count = world.second.total(Channel::StoreStock(store_id(SECOND))).await;
    assert_eq!(count.count, 1);
    push(&world.second, &world.primary, ALL).await;
    pull(&world.primary, &world.second, ALL).await;
    while world.second.removal_step(10).await.unwrap() {}
    let count = world.second.total(Channel::StoreStock(store_id(SECOND))).await;
    assert_eq!(count.count, 0, "the primary has it, in quarantine");
    assert_eq!(world.primary.quarantined().await.len(), 1);
}

fn granted_none() -> SiteSettings {
    SiteSettings {
        sync_id: site(2),
        interval_minutes: 5,
        live: true,
        copies: Vec::new(),
        withdrawn: Withdrawn::default(),
    }
}
