//! The page's first section: the master lists, copies, reports, and where a store may be changed.

use supplysync_api::fault::Refusal;
use supplysync_api::v1::{
    ConfirmTransactionRequest, CopyState, CreateItemRequest, CreateNameRequest, DeleteItemRequest,
    DeleteNameRequest, DeleteTransactionRequest, FinaliseTransactionRequest, Item, Name, StockLine,
    Transaction, UpdateItemRequest, UpdateNameRequest, UpdateStockLineRequest, UpdateTransactionRequest,
};
use supplysync_tests::{Called, Certificate, Client, Outcome};

use tokio::process::Command;

use super::{Country, holds, shown, typed, unchanged};
use crate::shelves::{confirm, create, receipt};

const MAINTAINS: &str = "The primary server will maintain a master list of names and items which are 'pushed' to the satellite \
                         servers.";
const ONLY_ON_THE_PRIMARY: &str =
    "Items and names can only be added, deleted or modified on the primary server.";
const PRIMARY_KEEPS: &str = "The primary server can be configured to maintain a copy of stock and transaction data from the \
                             satellite servers as well as its own.";
const REPORTS: &str =
    "This allows a user on the primary server to run reports on data from the primary and satellite servers.";
const SATELLITES_KEEP: &str = "Satellite servers can also be configured to maintain a copy of stock and transaction data for other \
                               stores in the system.";
const ROUTED: &str = "This data is all routed through the primary server.";
const WHERE_ACTIVE: &str = "Transaction and stock records for any store in the system can only be added, deleted or modified on \
                            the server on which that store is 'Active'.";
const INTEGRITY: &str = "Synchronization is the process whereby mSupply maintains data integrity between a 'primary' mSupply \
                         server and 'satellite' mSupply servers.";

#[tokio::test]
async fn names_and_items_are_kept_on_the_primary_and_pushed() {
    let mut country = Country::new().await;
    let primary = country.primary().await;
    let clinics = [
        country.north.client().await.unwrap(),
        country.east.client().await.unwrap(),
    ];
    let item = primary.item("PARA").await.unwrap();
    let name = primary.name("CUS").await.unwrap();
    for clinic in &clinics {
        holds(MAINTAINS, || async {
            Ok(clinic.item("PARA").await? == item && clinic.name("CUS").await? == name)
        })
        .await;
    }

    // On a satellite nothing of it goes.
    for clinic in &clinics {
        let before = clinic.held().await.unwrap();
        for refusal in all_changes(clinic, &item, &name).await {
            let refusal = refusal.expect(ONLY_ON_THE_PRIMARY);
            assert_eq!(
                refusal.reason, "MASTER_DATA_IS_PRIMARY_ONLY",
                "{ONLY_ON_THE_PRIMARY}"
            );
            assert!(refusal.message.contains("Head office"), "{}", refusal.message);
        }
        unchanged(ONLY_ON_THE_PRIMARY, &before, &clinic.held().await.unwrap());
    }

    // On the primary all of it does, and arrives.
    for refusal in all_changes(&primary, &item, &name).await {
        let done = refusal.expect_err(ONLY_ON_THE_PRIMARY).to_string();
        assert!(done.contains("was not refused"), "{ONLY_ON_THE_PRIMARY}: {done}");
    }
    for clinic in &clinics {
        holds(ONLY_ON_THE_PRIMARY, || async {
            let added =
                clinic.item("NEW").await?.name == "Added" && clinic.name("NEW").await?.name == "Added";
            let (item, name) = (clinic.item(&item.id).await?, clinic.name(&name.id).await?);
            let modified = item.name == "Modified" && name.name == "Modified";
            Ok(added && modified && item.retired && name.retired)
        })
        .await;
    }
    country.stop().await;
}

/// Adds, modifies and deletes an item and a name; how each was refused, or an error if it was not.
async fn all_changes(client: &Client, item: &Item, name: &Name) -> Vec<Outcome<Refusal>> {
    let (mut lists, id) = (client.master_data(), String::new());
    let named = |word: &str| {
        let (name_of_item, name_of_name) = (word.to_owned(), word.to_owned());
        let item = Item {
            name: name_of_item,
            etag: String::new(),
            ..item.clone()
        };
        (
            item,
            Name {
                name: name_of_name,
                etag: String::new(),
                ..name.clone()
            },
        )
    };
    let (added, added_name) = named("Added");
    let item_added = Item {
        id: id.clone(),
        code: "NEW".into(),
        ..added
    };
    let name_added = Name {
        id,
        code: "NEW".into(),
        ..added_name
    };
    let (item_modified, name_modified) = named("Modified");
    let of_item = DeleteItemRequest {
        id: item.id.clone(),
        etag: String::new(),
    };
    let of_name = DeleteNameRequest {
        id: name.id.clone(),
        etag: String::new(),
    };
    vec![
        lists
            .create_item(CreateItemRequest {
                item: Some(item_added),
            })
            .await
            .refusal(),
        lists
            .create_name(CreateNameRequest {
                name: Some(name_added),
            })
            .await
            .refusal(),
        lists
            .update_item(UpdateItemRequest {
                item: Some(item_modified),
                update_mask: None,
            })
            .await
            .refusal(),
        lists
            .update_name(UpdateNameRequest {
                name: Some(name_modified),
                update_mask: None,
            })
            .await
            .refusal(),
        lists.delete_item(of_item).await.refusal(),
        lists.delete_name(of_name).await.refusal(),
    ]
}

#[tokio::test]
async fn the_primary_has_copies_and_reports_and_satellites_have_what_they_are_granted() {
    let mut country = Country::new().await;
    let (primary, north) = (country.primary().await, country.north.client().await.unwrap());
    active(&north, "NORTH", 2).await;
    let received = receipt(&north, "NORTH", "PARA").await;
    let received = confirm(&north, received).await;
    let own = receipt(&primary, "HEAD", "AMOX").await;
    let own = confirm(&primary, own).await;
    holds(PRIMARY_KEEPS, || async {
        let copied = primary.transaction(&received.id).await? == north.transaction(&received.id).await?;
        let stock = primary.stock_lines("NORTH").await? == north.stock_lines("NORTH").await?;
        Ok(copied && stock && primary.transaction(&own.id).await?.id == own.id)
    })
    .await;

    // "A user": who may look and nothing else.
    let folder = country.world.folder.path().join("vera");
    let network = &country.world.network;
    network
        .issue("operator", "vera", &["--role", "viewer"], &folder)
        .await
        .unwrap();
    let vera = Certificate::in_folder(&folder, "operator");
    let mut report = network.primary_command();
    report
        .arg("--certificate")
        .arg(vera.certificate)
        .arg("--key")
        .arg(vera.key);
    report.arg("--authority").arg(vera.authority);
    let rows = shown(report, &["report", "stock-on-hand"]).await;
    for (store, item) in [("HEAD", "AMOX"), ("NORTH", "PARA")] {
        let rows = rows["rows"].as_array().unwrap();
        let of_store = rows
            .iter()
            .filter(|row| row.to_string().contains(&format!("\"{store}\"")));
        let of_store: Vec<_> = of_store.map(ToString::to_string).collect();
        let is_there = of_store.len() == 1 && of_store[0].contains(item);
        assert!(is_there, "{REPORTS} {store}: {rows:?}");
    }

    // The clinic with the original is off: what arrives elsewhere comes from the primary.
    country.north.stop().await.unwrap();
    let east = country.east.client().await.unwrap();
    active(&east, "NORTH", 2).await;
    let state = |client: &Client| {
        let client = client.clone();
        async move {
            let stores = client.stock_on_hand().await?.stores;
            let store = stores.into_iter().find(|store| store.store_code == "NORTH");
            store
                .map(|store| store.state())
                .ok_or_else(|| "no store NORTH".into())
        }
    };
    let before: Outcome<CopyState> = state(&east).await;
    assert_eq!(before.unwrap(), CopyState::NotKept, "{SATELLITES_KEEP}");
    let grant = ["copies", "set", "--site", "3", "--store", "NORTH"];
    country.world.network.unlocked(&grant).await.unwrap();
    holds(SATELLITES_KEEP, || async {
        Ok(state(&east).await? == CopyState::Proven)
    })
    .await;
    unchanged(
        ROUTED,
        &primary.stock_lines("NORTH").await.unwrap(),
        &east.stock_lines("NORTH").await.unwrap(),
    );
    let copied = east.transaction(&received.id).await.unwrap();
    unchanged(ROUTED, &primary.transaction(&received.id).await.unwrap(), &copied);
    let peers = east.status().await.unwrap().peers;
    let peers: Vec<_> = peers.iter().map(|peer| peer.sync_id).collect();
    assert_eq!(peers, [1], "{ROUTED}");
    country.north.start().await.unwrap();
    in_order(&mut country).await;
    country.stop().await;
}

#[tokio::test]
async fn a_store_is_changed_where_it_is_active_only() {
    let mut country = Country::new().await;
    let (primary, north) = (country.primary().await, country.north.client().await.unwrap());
    let east = country.east.client().await.unwrap();
    let grant = ["copies", "set", "--site", "3", "--store", "NORTH"];
    country.world.network.unlocked(&grant).await.unwrap();
    active(&north, "NORTH", 2).await;
    let received = receipt(&north, "NORTH", "PARA").await;
    confirm(&north, received.clone()).await;
    let draft = north.stock().create_transaction(create(received)).await;
    let draft = draft.answer().unwrap().transaction.unwrap();
    for copy in [&primary, &east] {
        holds(WHERE_ACTIVE, || async {
            let lines = copy.stock_lines("NORTH").await? == north.stock_lines("NORTH").await?;
            Ok(lines && copy.transaction(&draft.id).await? == draft)
        })
        .await;
        let line = copy.stock_lines("NORTH").await.unwrap().remove(0);
        for refused in all_stock_changes(copy, &draft, &line).await {
            let refused = refused.expect(WHERE_ACTIVE);
            assert_eq!(refused.reason, "STORE_NOT_ACTIVE_HERE", "{WHERE_ACTIVE}");
            assert!(refused.message.contains("Northern clinic"), "{}", refused.message);
        }
        unchanged(WHERE_ACTIVE, &draft, &copy.transaction(&draft.id).await.unwrap());
        unchanged(WHERE_ACTIVE, &line, &copy.stock_lines("NORTH").await.unwrap()[0]);
    }

    // Where it is active: added above; modified and deleted now.
    let modified = Transaction {
        comment: "counted again".into(),
        ..draft.clone()
    };
    let request = UpdateTransactionRequest {
        transaction: Some(modified),
        update_mask: None,
    };
    north
        .stock()
        .update_transaction(request)
        .await
        .answer()
        .expect(WHERE_ACTIVE);
    let request = DeleteTransactionRequest {
        id: draft.id.clone(),
        etag: String::new(),
    };
    north
        .stock()
        .delete_transaction(request)
        .await
        .answer()
        .expect(WHERE_ACTIVE);
    let line = north.stock_lines("NORTH").await.unwrap().remove(0);
    let moved = StockLine {
        location_code: "A1".into(),
        ..line
    };
    let request = UpdateStockLineRequest {
        stock_line: Some(moved),
        update_mask: None,
    };
    north
        .stock()
        .update_stock_line(request)
        .await
        .answer()
        .expect(WHERE_ACTIVE);
    for copy in [&primary, &east] {
        holds(WHERE_ACTIVE, || async {
            let lines = copy.stock_lines("NORTH").await?;
            let deleted = copy.transaction(&draft.id).await.is_err();
            Ok(lines.len() == 1 && lines[0].location_code == "A1" && deleted)
        })
        .await;
    }

    // "On which that store is 'Active'": another one from the moment that it has moved.
    let unlocked = ["stores", "move", "NORTH", "--to", "3"];
    country.world.network.unlocked(&unlocked).await.unwrap();
    active(&east, "NORTH", 3).await;
    active(&north, "NORTH", 3).await;
    let received = receipt(&east, "NORTH", "AMOX").await;
    confirm(&east, received.clone()).await;
    let refused = north.stock().create_transaction(create(received)).await.refusal();
    let refused = refused.expect(WHERE_ACTIVE);
    assert_eq!(refused.reason, "STORE_NOT_ACTIVE_HERE", "{WHERE_ACTIVE}");
    assert!(refused.message.contains("Eastern clinic"), "{}", refused.message);
    in_order(&mut country).await;
    country.stop().await;
}

/// Adds, modifies, confirms, finalises and deletes; how each was refused.
async fn all_stock_changes(client: &Client, draft: &Transaction, line: &StockLine) -> Vec<Outcome<Refusal>> {
    let (mut stock, id, etag) = (client.stock(), draft.id.clone(), String::new());
    let modified = Transaction {
        comment: "elsewhere".into(),
        ..draft.clone()
    };
    let moved = StockLine {
        location_code: "X".into(),
        ..line.clone()
    };
    let mut refusals = Vec::new();
    let added = receipt(client, "NORTH", "PARA").await;
    refusals.push(stock.create_transaction(create(added)).await.refusal());
    let update = UpdateTransactionRequest {
        transaction: Some(modified),
        update_mask: None,
    };
    refusals.push(stock.update_transaction(update).await.refusal());
    let confirm = ConfirmTransactionRequest {
        id: id.clone(),
        ..ConfirmTransactionRequest::default()
    };
    refusals.push(stock.confirm_transaction(confirm).await.refusal());
    let finalise = FinaliseTransactionRequest {
        id: id.clone(),
        etag: etag.clone(),
    };
    refusals.push(stock.finalise_transaction(finalise).await.refusal());
    let update = UpdateStockLineRequest {
        stock_line: Some(moved),
        update_mask: None,
    };
    refusals.push(stock.update_stock_line(update).await.refusal());
    refusals.push(
        stock
            .delete_transaction(DeleteTransactionRequest { id, etag })
            .await
            .refusal(),
    );
    refusals
}

/// Waits until a site knows where a store is active.
async fn active(client: &Client, store: &str, site: u32) {
    holds(WHERE_ACTIVE, || async {
        Ok(client.store(store).await?.active_site == site)
    })
    .await;
}

/// What every end can prove, in the end.
async fn in_order(country: &mut Country) {
    let network = &country.world.network;
    let primary = || network.primary_command();
    let (north, east) = (|| country.north.command(), || country.east.command());
    let ends: [&dyn Fn() -> Command; 3] = [&primary, &north, &east];
    for end in ends {
        holds(INTEGRITY, || async {
            for proof in [&["verify", "--deep"][..], &["ledger"]] {
                let finished = typed(end(), proof).await;
                if finished.code != Some(0) {
                    return Err(format!("{finished:?}").into());
                }
            }
            Ok(true)
        })
        .await;
    }
}
