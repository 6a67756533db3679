//! Copies: what the primary does not keep it routes and says so; what a satellite wishes for it is granted; what is withdrawn
//! from it is dated, or removed.

use serde_json::Value;
use supplysync_api::v1::{
    CopyState, GetStockLineRequest, GetTransactionRequest, ListStockLinesRequest, ListTransactionsRequest,
};
use supplysync_tests::{Called, Client, Finished, Outcome, eventually};
use tokio::process::Command;

use crate::moves::{ARRIVAL, move_to, three_sites};
use crate::page::{refusal, shown, typed};
use crate::shelves::{confirm, receipt};
use crate::world::World;

async fn becomes(client: &Client, wanted: CopyState) {
    eventually("the copy to be as wanted", ARRIVAL, || async move {
        match state(client).await? {
            state if state == wanted => Ok(Some(())),
            other => Err(format!("{other:?}").into()),
        }
    })
    .await
    .unwrap();
}

async fn state(client: &Client) -> Outcome<CopyState> {
    let stores = client.stock_on_hand().await?.stores;
    let store = stores.into_iter().find(|store| store.store_code == "NORTH");
    store
        .map(|store| store.state())
        .ok_or_else(|| "no store NORTH".into())
}

/// The first stock line, once it is there.
async fn first_line(client: &Client) -> String {
    let found = eventually("a stock line to arrive", ARRIVAL, || async move {
        let lines = client.stock_lines("NORTH").await?.into_iter();
        Ok(lines.map(|line| line.id).next())
    });
    found.await.unwrap()
}

/// A list or a record of what is not kept is refused: it would read as "nothing there".
async fn nothing_is_shown(client: &Client, line: &str, transaction: &str) {
    let (store, id) = ("NORTH".to_owned(), line.to_owned());
    let lines = ListStockLinesRequest {
        store: store.clone(),
        ..ListStockLinesRequest::default()
    };
    let transactions = ListTransactionsRequest {
        store,
        ..ListTransactionsRequest::default()
    };
    let mut refused = vec![
        client.stock().list_stock_lines(lines).await.refusal().unwrap(),
        client
            .stock()
            .list_transactions(transactions)
            .await
            .refusal()
            .unwrap(),
    ];
    let line = client.stock().get_stock_line(GetStockLineRequest { id }).await;
    let id = transaction.to_owned();
    let transaction = client.stock().get_transaction(GetTransactionRequest { id }).await;
    refused.extend([line.refusal().unwrap(), transaction.refusal().unwrap()]);
    for refused in refused {
        // A satellite without the records has never heard of their ids.
        if refused.reason != "RECORD_NOT_FOUND" {
            assert_eq!(refused.reason, "COPY_NOT_KEPT");
            assert!(refused.message.contains("Northern clinic"), "{}", refused.message);
        }
    }
    let rows = client.stock_on_hand().await.unwrap().rows;
    assert!(rows.iter().all(|row| row.store_code != "NORTH"), "{rows:?}");
}

async fn in_order(world: &mut World) {
    for arguments in [&["verify", "--deep"][..], &["ledger"]] {
        let finished = typed(world.network.primary().command(), arguments).await;
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
}

#[tokio::test]
async fn what_the_primary_does_not_keep_it_routes_and_says_so() {
    let (mut world, primary, north, south) = three_sites().await;
    let received = receipt(&north, "NORTH", "PARA").await;
    let received = confirm(&north, received).await;
    let line = first_line(&primary).await;

    let site = world
        .network
        .unlocked(&["copies", "set", "--site", "1", "--none"])
        .await;
    let not_kept = |site: &Value| site["not_kept"].to_string();
    assert!(not_kept(&site.unwrap()).contains("NORTH"));
    assert_eq!(state(&primary).await.unwrap(), CopyState::NotKept);
    nothing_is_shown(&primary, &line, &received.id).await;
    let prefs = shown(world.network.primary_command(), &["prefs", "show"]).await;
    assert_eq!(
        (&prefs["copies_all"], not_kept(&prefs).contains("NORTH")),
        (&Value::Bool(false), true)
    );
    let refused = move_to(&primary, 1, false).await.unwrap_err().to_string();
    assert!(refused.contains("does not keep"), "{refused}");

    // Routed all the same, also what is written now.
    let more = receipt(&north, "NORTH", "AMOX").await;
    confirm(&north, more).await;
    let grant = ["copies", "set", "--site", "3", "--store", "NORTH"];
    world.network.unlocked(&grant).await.unwrap();
    becomes(&south, CopyState::Proven).await;
    let original = north.stock_lines("NORTH").await.unwrap();
    assert_eq!(south.stock_lines("NORTH").await.unwrap(), original);
    in_order(&mut world).await;
    assert_eq!(state(&primary).await.unwrap(), CopyState::NotKept);

    world
        .network
        .unlocked(&["copies", "set", "--site", "1", "--all"])
        .await
        .unwrap();
    becomes(&primary, CopyState::Proven).await;
    assert_eq!(primary.stock_lines("NORTH").await.unwrap(), original);
    in_order(&mut world).await;
    move_to(&primary, 1, false).await.unwrap();
    becomes(&primary, CopyState::ActiveHere).await;
    world.network.stop().await.unwrap();
}

/// Types a command of satellite 3 that needs the authorisation code.
async fn typed_south(world: &mut World, arguments: &[&str]) -> Finished {
    let code = world.network.folder().join("code");
    let mut command: Command = world.network.satellite(3).unwrap().command();
    command.args(arguments).arg("--code-file").arg(code);
    typed(command, &[]).await
}

#[tokio::test]
async fn a_satellite_has_the_copies_that_it_wishes_for_once_they_are_granted() {
    let (mut world, primary, north, south) = three_sites().await;
    let received = receipt(&north, "NORTH", "PARA").await;
    let received = confirm(&north, received).await;
    let line = first_line(&primary).await;
    assert_eq!(state(&south).await.unwrap(), CopyState::NotKept);
    nothing_is_shown(&south, &line, &received.id).await;

    let none = typed(
        world.network.primary_command(),
        &["copies", "grant", "--site", "3", "--code-file"],
    )
    .await;
    assert_eq!(none.code, Some(2), "{none:?}");
    let wrong = typed_south(&mut world, &["prefs", "set", "copies", "NORTH,NOWHERE"]).await;
    assert_eq!(refusal(&wrong).1, ["copies"]);
    let wish = typed_south(&mut world, &["prefs", "set", "copies", "NORTH"]).await;
    assert!(wish.success().unwrap().contains("wished_copies"));
    let asks = |site: Value| site["wished_copies"] == serde_json::json!(["NORTH"]);
    let asks = &asks;
    let head = || world.network.primary_command();
    eventually("the primary to hear of the wish", ARRIVAL, || async move {
        let site = shown(head(), &["sites", "show", "3"]).await;
        Ok(asks(site).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(
        state(&south).await.unwrap(),
        CopyState::NotKept,
        "nobody has granted it"
    );
    world
        .network
        .unlocked(&["copies", "grant", "--site", "3"])
        .await
        .unwrap();
    becomes(&south, CopyState::Proven).await;
    let original = north.stock_lines("NORTH").await.unwrap();

    // Withdrawn, it stays as of a moment.
    world
        .network
        .unlocked(&["copies", "set", "--site", "3", "--none"])
        .await
        .unwrap();
    becomes(&south, CopyState::Dated).await;
    assert_eq!(south.stock_lines("NORTH").await.unwrap(), original);

    // Nothing is removed without a person's word.
    let remove = ["copies", "set", "--site", "3", "--none", "--withdrawn", "remove"];
    let asked = world.network.unlocked(&remove).await.unwrap_err().to_string();
    assert!(asked.contains("--yes"), "{asked}");
    assert_eq!(state(&south).await.unwrap(), CopyState::Dated);
    let removed = world.network.unlocked(&[&remove[..], &["--yes"]].concat()).await;
    assert_eq!(removed.unwrap()["remove_withdrawn"], Value::Bool(true));
    becomes(&south, CopyState::NotKept).await;
    nothing_is_shown(&south, &line, &received.id).await;
    let audit = shown(world.network.satellite(3).unwrap().command(), &["audit", "list"]).await;
    assert!(audit.to_string().contains("copies.remove"), "{audit}");

    // Where any wish is granted, nobody needs to be asked.
    world
        .network
        .unlocked(&["prefs", "set", "copy-grant", "any"])
        .await
        .unwrap();
    typed_south(&mut world, &["prefs", "set", "copies", "none"])
        .await
        .success()
        .unwrap();
    typed_south(&mut world, &["prefs", "set", "copies", "NORTH"])
        .await
        .success()
        .unwrap();
    becomes(&south, CopyState::Proven).await;
    assert_eq!(south.stock_lines("NORTH").await.unwrap(), original);
    in_order(&mut world).await;
    world.network.stop().await.unwrap();
}
