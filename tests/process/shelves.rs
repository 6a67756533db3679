//! A small catalogue and some stock, as tests about stock begin: the harness's, and any trouble ends the test.

use supplysync_api::v1::{CreateTransactionRequest, Transaction};
use supplysync_tests::{Client, shelves};

use crate::world::World;

/// Items `PARA` and `AMOX`, names `SUP` and `CUS`, stores `HEAD` and `NORTH`.
pub async fn import(primary: &Client) {
    shelves::import_catalogue(primary).await.unwrap();
}

/// Makes a store active on a site.
pub async fn assign(world: &World, primary: &Client, store: &str, sync_id: u16) {
    let unlocked = primary.unlock(world.network.authorisation_code()).await.unwrap();
    shelves::assign_store(&unlocked, store, sync_id).await.unwrap();
}

/// A supplier invoice of one line for ten packs of an item; the caller makes of it what the test needs.
pub async fn receipt(client: &Client, store: &str, item: &str) -> Transaction {
    shelves::receipt(client, store, item).await.unwrap()
}

/// A customer invoice that takes packs from the store's first stock line.
pub async fn issue(client: &Client, store: &str, packs: &str) -> Transaction {
    shelves::issue(client, store, packs).await.unwrap()
}

/// A request to create it.
pub fn create(transaction: Transaction) -> CreateTransactionRequest {
    shelves::create_request(transaction)
}

/// Creates a transaction and confirms it.
pub async fn confirm(client: &Client, transaction: Transaction) -> Transaction {
    let created = client.create(transaction).await.unwrap();
    client.confirm(&created.id).await.unwrap()
}

/// Packs in a store, by stock line: total and available.
pub async fn packs(client: &Client, store: &str) -> Vec<(String, String)> {
    let lines = client.stock_lines(store).await.unwrap();
    lines
        .into_iter()
        .map(|line| (line.packs_total, line.packs_available))
        .collect()
}
