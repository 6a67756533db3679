//! Master data: unique codes, references, etags, retiring, and who may.

use std::sync::Arc;

use supplysync_model::{FaultCode, NameRole, Reason, SyncId, UnitId};

use super::site::{TestSite, item, name};
use crate::command::master::{self, create, retire, update};

#[tokio::test]
async fn codes_are_unique_among_those_not_retired() {
    let site = TestSite::primary().await;
    let first = create(&site.store, item("M1")).await.unwrap();
    let taken = create(&site.store, item("m1")).await.unwrap_err();
    assert_eq!(
        (taken.code(), taken.reason()),
        (FaultCode::AlreadyExists, Reason::CODE_TAKEN)
    );
    assert_eq!(taken.violations()[0].field, "code");
    let id = first.value.id.into();
    let retired = retire::<supplysync_model::Item>(&site.store, id, Some(first.etag))
        .await
        .unwrap();
    assert!(retired.retired);
    create(&site.store, item("M1")).await.unwrap();
    // Retired: still readable, and no longer to be changed.
    let read = site.store.read("get", move |tx| {
        Box::pin(async move { master::get::<supplysync_model::Item>(tx, id).await })
    });
    let read = read.await.unwrap().unwrap();
    assert!(read.retired && read.value.name == first.value.name);
    let again = retire::<supplysync_model::Item>(&site.store, id, None)
        .await
        .unwrap_err();
    assert_eq!(again.reason(), Reason::RECORD_NOT_FOUND);
}

#[tokio::test]
async fn an_update_needs_the_present_version() {
    let site = TestSite::primary().await;
    let first = create(&site.store, item("M1")).await.unwrap();
    let id = first.value.id.into();
    let rename: master::Change<supplysync_model::Item> = Arc::new(|item| {
        item.name = "Amoxicillin 500 mg".into();
    });
    let second = update(&site.store, id, Some(first.etag), rename.clone())
        .await
        .unwrap();
    assert!(second.etag.revision > first.etag.revision);
    let stale = update(&site.store, id, Some(first.etag), rename)
        .await
        .unwrap_err();
    assert_eq!(
        (stale.code(), stale.reason()),
        (FaultCode::Aborted, Reason::STALE_ETAG)
    );
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let site = TestSite::primary().await;
    let mut wrong = item("");
    wrong.atc_code = "penicillin".into();
    wrong.default_pack_size = "-1".parse().unwrap();
    wrong.unit = Some(UnitId::from_bytes([9; 16]));
    let fault = create(&site.store, wrong).await.unwrap_err();
    let fields: Vec<_> = fault.violations().iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["code", "atc_code", "default_pack_size", "unit_id"]);
}

#[tokio::test]
async fn a_name_knows_the_store_that_it_stands_for() {
    let site = TestSite::primary().await;
    let named = create(&site.store, name("ST-1", NameRole::Customer))
        .await
        .unwrap()
        .value
        .id;
    let mut store = supplysync_model::Store {
        id: supplysync_model::StoreId::from_bytes([0; 16]),
        code: "CMS".into(),
        name: "Central".into(),
        name_id: Some(named),
        mode: supplysync_model::StoreMode::Store,
        disabled: false,
    };
    let kept = create(&site.store, store.clone()).await.unwrap().value;
    let read = site.store.read("get", move |tx| {
        Box::pin(async move { master::get::<supplysync_model::Name>(tx, named.into()).await })
    });
    assert_eq!(read.await.unwrap().unwrap().value.store, Some(kept.id));
    store.code = "CMS2".into();
    let twice = create(&site.store, store).await.unwrap_err();
    assert_eq!(twice.violations()[0].field, "name_id");
}

#[tokio::test]
async fn a_satellite_refuses_and_names_the_primary() {
    let site = TestSite::new(SyncId::new(2).unwrap()).await;
    let fault = create(&site.store, item("M1")).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::MASTER_DATA_IS_PRIMARY_ONLY);
    assert_eq!(fault.metadata()["owner"], "1");
    assert!(fault.message().contains("Sync ID 1"), "{fault}");
}
