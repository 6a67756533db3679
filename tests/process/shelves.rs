//! A small catalogue and some stock: what tests about stock begin with.

use supplysync_api::v1::{
    AssignStoreRequest, ConfirmTransactionRequest, CreateTransactionRequest, MasterDataKind, Transaction,
    TransactionLine, TransactionType,
};
use supplysync_tests::{Called, Client};

use crate::world::World;

const UNITS: &str = "name,description,index\ntablet,,1\n";
const ITEMS: &str = "code,name,type,unit,strength,atc_code,ven_category,default_pack_size,vaccine,critical,active\n\
    PARA,Paracetamol,stock,tablet,500 mg,N02BE01,essential,1000,false,false,true\n\
    AMOX,Amoxicillin,stock,tablet,250 mg,J01CA04,essential,1000,false,false,true\n";
const NAMES: &str = "code,name,roles,country,address,phone,email,on_hold\n\
    SUP,A supplier,supplier,,,,,false\n\
    CUS,A customer,customer,,,,,false\n\
    ST-HEAD,Head office store,customer;supplier,,,,,false\n\
    ST-NORTH,Northern store,customer;supplier,,,,,false\n";
const STORES: &str = "code,name,name_code,mode,disabled\n\
    HEAD,Head office store,ST-HEAD,store,false\n\
    NORTH,Northern store,ST-NORTH,store,false\n";

/// Items `PARA` and `AMOX`, names `SUP` and `CUS`, stores `HEAD` and `NORTH`.
pub async fn import(primary: &Client) {
    let files = [
        (MasterDataKind::Unit, UNITS),
        (MasterDataKind::Item, ITEMS),
        (MasterDataKind::Name, NAMES),
        (MasterDataKind::Store, STORES),
    ];
    let files = files.map(|(kind, text)| (kind, text.to_owned()));
    primary.import_all(files.to_vec()).await.unwrap();
}

/// Makes a store active on a site.
pub async fn assign(world: &World, primary: &Client, store: &str, sync_id: u16) {
    let unlocked = primary.unlock(world.network.authorisation_code()).await.unwrap();
    let request = AssignStoreRequest {
        store: store.to_owned(),
        sync_id: sync_id.into(),
    };
    unlocked.sites().assign_store(request).await.answer().unwrap();
}

/// A supplier invoice of one line for ten packs of an item; the caller makes of it what the test needs.
pub async fn receipt(client: &Client, store: &str, item: &str) -> Transaction {
    let line = TransactionLine {
        item_id: client.item(item).await.unwrap().id,
        batch: "B1".into(),
        expiry_date: "2031-05-31".into(),
        packs: "10".into(),
        pack_size: "100".into(),
        cost_price: "1.25".into(),
        ..TransactionLine::default()
    };
    Transaction {
        store_id: client.store(store).await.unwrap().id,
        r#type: TransactionType::SupplierInvoice.into(),
        other_party_id: client.name("SUP").await.unwrap().id,
        lines: vec![line],
        ..Transaction::default()
    }
}

/// A customer invoice that takes packs from the store's first stock line.
pub async fn issue(client: &Client, store: &str, packs: &str) -> Transaction {
    let stock = client.stock_lines(store).await.unwrap().remove(0);
    let line = TransactionLine {
        item_id: stock.item_id,
        stock_line_id: stock.id,
        packs: packs.into(),
        ..TransactionLine::default()
    };
    Transaction {
        store_id: stock.store_id,
        r#type: TransactionType::CustomerInvoice.into(),
        other_party_id: client.name("CUS").await.unwrap().id,
        lines: vec![line],
        ..Transaction::default()
    }
}

/// A request to create it.
pub fn create(transaction: Transaction) -> CreateTransactionRequest {
    CreateTransactionRequest {
        transaction: Some(transaction),
    }
}

/// Creates a transaction and confirms it.
pub async fn confirm(client: &Client, transaction: Transaction) -> Transaction {
    let created = client.stock().create_transaction(create(transaction)).await;
    let id = created.answer().unwrap().transaction.unwrap().id;
    let request = ConfirmTransactionRequest {
        id,
        ..ConfirmTransactionRequest::default()
    };
    let confirmed = client
        .stock()
        .confirm_transaction(request)
        .await
        .answer()
        .unwrap();
    confirmed.transaction.unwrap()
}

/// Packs in a store, by stock line: total and available.
pub async fn packs(client: &Client, store: &str) -> Vec<(String, String)> {
    let lines = client.stock_lines(store).await.unwrap();
    lines
        .into_iter()
        .map(|line| (line.packs_total, line.packs_available))
        .collect()
}
