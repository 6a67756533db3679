//! P1 at the API of real processes: who may not write is told who may, and nothing changes.

use supplysync_api::v1::{
    CreateUnitRequest, DeleteItemRequest, Item, StockLine, Unit, UpdateItemRequest, UpdateStockLineRequest,
};
use supplysync_tests::{Called, Client, eventually};
use tokio::time::Duration;

use crate::shelves::{self, confirm, create, packs, receipt};
use crate::world::World;

const ARRIVAL: Duration = Duration::from_secs(60);

/// Store `NORTH` is active on satellite 2, with stock; `HEAD` on the primary.
async fn two_sites() -> (World, Client, Client) {
    let mut world = World::with_satellite().await;
    let primary = world.network.primary().client().await.unwrap();
    let satellite = world.network.satellite(2).unwrap().client().await.unwrap();
    shelves::import(&primary).await;
    shelves::assign(&world, &primary, "HEAD", 1).await;
    shelves::assign(&world, &primary, "NORTH", 2).await;
    let clinic = &satellite;
    eventually(
        "the satellite to know that the store is active there",
        ARRIVAL,
        || async move { Ok((clinic.store("NORTH").await?.active_site == 2).then_some(())) },
    )
    .await
    .unwrap();
    let received = receipt(&satellite, "NORTH", "PARA").await;
    confirm(&satellite, received).await;
    (world, primary, satellite)
}

#[tokio::test]
async fn master_data_is_changed_on_the_primary_only_and_the_refusal_names_it() {
    let (_world, primary, satellite) = two_sites().await;
    let item = satellite.item("PARA").await.unwrap();
    let unit = Unit {
        name: "spoon".into(),
        ..Unit::default()
    };
    let changed = Item {
        name: "Changed".into(),
        ..item.clone()
    };
    let mut clinic = satellite.master_data();
    let refusals = [
        clinic
            .create_unit(CreateUnitRequest { unit: Some(unit) })
            .await
            .refusal()
            .unwrap(),
        clinic
            .update_item(UpdateItemRequest {
                item: Some(changed),
                update_mask: None,
            })
            .await
            .refusal()
            .unwrap(),
        clinic
            .delete_item(DeleteItemRequest {
                id: item.id.clone(),
                etag: String::new(),
            })
            .await
            .refusal()
            .unwrap(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.reason, "MASTER_DATA_IS_PRIMARY_ONLY");
        assert!(refusal.message.contains("Head office"), "{}", refusal.message);
    }
    assert_eq!(satellite.item("PARA").await.unwrap(), item);
    assert_eq!(primary.item("PARA").await.unwrap().etag, item.etag);
}

#[tokio::test]
async fn stock_is_changed_where_its_store_is_active_only_and_the_refusal_names_the_site() {
    let (_world, primary, satellite) = two_sites().await;
    let head = &primary;
    eventually("the copy to be on the primary", ARRIVAL, || async move {
        Ok((head.stock_lines("NORTH").await?.len() == 1).then_some(()))
    })
    .await
    .unwrap();
    let line = primary.stock_lines("NORTH").await.unwrap().remove(0);
    let moved = StockLine {
        location_code: "X".into(),
        ..line.clone()
    };
    let request = UpdateStockLineRequest {
        stock_line: Some(moved),
        update_mask: None,
    };
    let received = receipt(&primary, "NORTH", "AMOX").await;
    let refusals = [
        primary
            .stock()
            .update_stock_line(request)
            .await
            .refusal()
            .unwrap(),
        primary
            .stock()
            .create_transaction(create(received))
            .await
            .refusal()
            .unwrap(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.reason, "STORE_NOT_ACTIVE_HERE");
        assert!(refusal.message.contains("Northern clinic"), "{}", refusal.message);
    }
    assert_eq!(primary.stock_lines("NORTH").await.unwrap(), [line]);
    assert_eq!(
        packs(&satellite, "NORTH").await,
        [("10".to_owned(), "10".to_owned())]
    );

    // The other way round: the satellite can't touch the primary's store, of which it has no copy either.
    let received = receipt(&satellite, "HEAD", "AMOX").await;
    let refusal = satellite
        .stock()
        .create_transaction(create(received))
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.reason, "STORE_NOT_ACTIVE_HERE");
    assert!(refusal.message.contains("Head office"), "{}", refusal.message);
}
