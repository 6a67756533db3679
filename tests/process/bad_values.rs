//! Wrong values in requests: each is refused with its field named, all of them at once, and nothing is half-written.

use supplysync_api::v1::{
    CreateItemRequest, CreateUnitRequest, Item, ListTransactionsRequest, TransactionLine, Unit,
};
use supplysync_tests::{Called, Client};

use crate::shelves::{self, confirm, create, issue, packs, receipt};
use crate::world::World;

async fn stocked() -> (World, Client) {
    let world = World::with_primary().await;
    let primary = world.network.sites().next().unwrap().client().await.unwrap();
    shelves::import(&primary).await;
    shelves::assign(&world, &primary, "HEAD", 1).await;
    (world, primary)
}

#[tokio::test]
async fn every_wrong_value_of_a_transaction_is_named_at_once() {
    let (_world, primary) = stocked().await;
    let mut transaction = receipt(&primary, "HEAD", "PARA").await;
    let right = transaction.lines[0].clone();
    transaction.lines = vec![
        TransactionLine {
            packs: "1.0000001".into(),
            ..right.clone()
        },
        TransactionLine {
            packs: "-5".into(),
            ..right.clone()
        },
        TransactionLine {
            packs: "0".into(),
            ..right.clone()
        },
        TransactionLine {
            packs: "ten".into(),
            ..right.clone()
        },
        TransactionLine {
            expiry_date: "2027-02-30".into(),
            ..right.clone()
        },
        TransactionLine {
            expiry_date: "31/05/2027".into(),
            ..right.clone()
        },
        TransactionLine {
            cost_price: "-1".into(),
            pack_size: "0".into(),
            ..right.clone()
        },
        TransactionLine {
            item_id: "PARA".into(),
            ..right.clone()
        },
        right,
    ];
    let refusal = primary
        .stock()
        .create_transaction(create(transaction.clone()))
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.reason, "INVALID_FIELDS");
    let mut wrong: Vec<_> = refusal
        .violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    wrong.sort_unstable();
    // What can't be read at all is told first: a quantity below zero is a number, so its rule comes with the next attempt.
    let unreadable = [
        "lines[0].packs",
        "lines[3].packs",
        "lines[4].expiry_date",
        "lines[5].expiry_date",
        "lines[7].item_id",
    ];
    assert_eq!(wrong, unreadable, "{refusal:?}");
    let places = refusal
        .violations
        .iter()
        .find(|violation| violation.field == "lines[0].packs")
        .unwrap();
    assert!(places.description.contains("six decimal places"), "{places:?}");

    transaction.lines = vec![
        transaction.lines[1].clone(),
        transaction.lines[2].clone(),
        transaction.lines[6].clone(),
    ];
    let refusal = primary
        .stock()
        .create_transaction(create(transaction))
        .await
        .refusal()
        .unwrap();
    let mut wrong: Vec<_> = refusal
        .violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    wrong.sort_unstable();
    assert_eq!(
        wrong,
        [
            "lines[0].packs",
            "lines[1].packs",
            "lines[2].cost_price",
            "lines[2].pack_size"
        ],
        "{refusal:?}"
    );
    assert_nothing_written(&primary).await;
}

#[tokio::test]
async fn stock_never_goes_below_zero() {
    let (_world, primary) = stocked().await;
    let received = receipt(&primary, "HEAD", "PARA").await;
    confirm(&primary, received).await;
    let too_much = issue(&primary, "HEAD", "10.5").await;
    let refusal = primary
        .stock()
        .create_transaction(create(too_much))
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.reason, "INSUFFICIENT_STOCK", "{refusal:?}");
    assert_eq!(refusal.violations[0].field, "lines[0].packs", "{refusal:?}");
    assert_eq!(
        packs(&primary, "HEAD").await,
        [("10".to_owned(), "10".to_owned())]
    );

    // What one issue reserves, another can't take.
    let most = issue(&primary, "HEAD", "8").await;
    primary
        .stock()
        .create_transaction(create(most))
        .await
        .answer()
        .unwrap();
    let rest = issue(&primary, "HEAD", "3").await;
    let refusal = primary
        .stock()
        .create_transaction(create(rest))
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.reason, "INSUFFICIENT_STOCK", "{refusal:?}");
    assert_eq!(packs(&primary, "HEAD").await, [("10".to_owned(), "2".to_owned())]);
}

#[tokio::test]
async fn codes_are_unique_and_units_known() {
    let (_world, primary) = stocked().await;
    let mut items = primary.master_data();
    let taken = Item {
        code: "para".into(),
        name: "Another".into(),
        default_pack_size: "1".into(),
        r#type: 1,
        ..Item::default()
    };
    let refusal = items
        .create_item(CreateItemRequest {
            item: Some(taken.clone()),
        })
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.reason, "CODE_TAKEN", "{refusal:?}");
    let unit = Unit {
        name: "Tablet".into(),
        ..Unit::default()
    };
    let refusal = primary
        .master_data()
        .create_unit(CreateUnitRequest { unit: Some(unit) })
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.reason, "CODE_TAKEN", "{refusal:?}");

    let unknown = Item {
        code: "NEW".into(),
        unit_id: "0198f2a0-0000-7000-8000-000000000001".into(),
        ..taken.clone()
    };
    let refusal = items
        .create_item(CreateItemRequest { item: Some(unknown) })
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.violations[0].field, "unit_id", "{refusal:?}");
    let bad = Item {
        code: "NEW".into(),
        default_pack_size: "1.1234567".into(),
        ..taken
    };
    let refusal = items
        .create_item(CreateItemRequest { item: Some(bad) })
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.violations[0].field, "default_pack_size", "{refusal:?}");
    assert!(primary.item("NEW").await.is_err(), "it was created all the same");
}

async fn assert_nothing_written(primary: &Client) {
    let request = ListTransactionsRequest {
        store: "HEAD".into(),
        ..ListTransactionsRequest::default()
    };
    let listed = primary.stock().list_transactions(request).await.answer().unwrap();
    assert!(listed.transactions.is_empty(), "{:?}", listed.transactions);
    assert!(packs(primary, "HEAD").await.is_empty());
}
