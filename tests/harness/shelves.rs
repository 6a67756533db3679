//! A small catalogue and some stock: what tests and rounds of faults that are about stock begin with.

use supplysync_api::v1::{
    AssignStoreRequest, ConfirmTransactionRequest, CreateTransactionRequest, MasterDataKind, Transaction,
    TransactionLine, TransactionType,
};

use crate::client::Called;
use crate::{Client, Outcome};

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

/// Imports items `PARA` and `AMOX`, names `SUP` and `CUS`, stores `HEAD` and `NORTH` into a primary.
pub async fn import_catalogue(primary: &Client) -> Outcome<()> {
    let files = [
        (MasterDataKind::Unit, UNITS),
        (MasterDataKind::Item, ITEMS),
        (MasterDataKind::Name, NAMES),
        (MasterDataKind::Store, STORES),
    ];
    let files = files.map(|(kind, text)| (kind, text.to_owned()));
    primary.import_all(files.to_vec()).await.map(drop)
}

/// Makes a store active on a site; the primary's preferences must be unlocked.
pub async fn assign_store(primary: &Client, store: &str, sync_id: u16) -> Outcome<()> {
    let request = AssignStoreRequest {
        store: store.to_owned(),
        sync_id: sync_id.into(),
    };
    primary.sites().assign_store(request).await.answer().map(drop)
}

/// A supplier invoice of one line for ten packs of an item; the caller makes of it what the test needs.
pub async fn receipt(client: &Client, store: &str, item: &str) -> Outcome<Transaction> {
    let line = TransactionLine {
        item_id: client.item(item).await?.id,
        batch: "B1".into(),
        expiry_date: "2031-05-31".into(),
        packs: "10".into(),
        pack_size: "100".into(),
        cost_price: "1.25".into(),
        ..TransactionLine::default()
    };
    Ok(Transaction {
        store_id: client.store(store).await?.id,
        r#type: TransactionType::SupplierInvoice.into(),
        other_party_id: client.name("SUP").await?.id,
        lines: vec![line],
        ..Transaction::default()
    })
}

/// A customer invoice that takes packs from the store's first stock line.
pub async fn issue(client: &Client, store: &str, packs: &str) -> Outcome<Transaction> {
    let stock = client.stock_lines(store).await?.into_iter().next();
    let stock = stock.ok_or_else(|| format!("{store} has no stock line"))?;
    let line = TransactionLine {
        item_id: stock.item_id,
        stock_line_id: stock.id,
        packs: packs.into(),
        ..TransactionLine::default()
    };
    Ok(Transaction {
        store_id: stock.store_id,
        r#type: TransactionType::CustomerInvoice.into(),
        other_party_id: client.name("CUS").await?.id,
        lines: vec![line],
        ..Transaction::default()
    })
}

/// A request to create it.
pub fn create_request(transaction: Transaction) -> CreateTransactionRequest {
    CreateTransactionRequest {
        transaction: Some(transaction),
    }
}

impl Client {
    /// Creates a transaction, which is then new.
    pub async fn create(&self, transaction: Transaction) -> Outcome<Transaction> {
        let created = self.stock().create_transaction(create_request(transaction)).await;
        let created = created.answer()?.transaction;
        created.ok_or_else(|| "no transaction in the answer".into())
    }

    /// Confirms a transaction that is new.
    pub async fn confirm(&self, id: &str) -> Outcome<Transaction> {
        let request = ConfirmTransactionRequest {
            id: id.to_owned(),
            ..ConfirmTransactionRequest::default()
        };
        let confirmed = self
            .stock()
            .confirm_transaction(request)
            .await
            .answer()?
            .transaction;
        confirmed.ok_or_else(|| "no transaction in the answer".into())
    }
}
