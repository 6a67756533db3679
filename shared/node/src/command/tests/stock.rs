//! Stock on a real database: what a day at a store does, and what bad input gets.

use std::sync::Arc;

use supplysync_model::{
    FaultCode, ItemId, NameId, NameRole, Reason, StockLine, StockLineId, StoreId, Transaction,
    TransactionStatus, TransactionType, parse_date,
};

use supplysync_store::query::Versioned;

use super::site::{TestSite, amount, caller};
use crate::command::stock_line::{self, StockLineChange};
use crate::command::stock_rules::{DraftLine, TransactionDraft};
use crate::command::transaction::{self, confirm, create, delete, finalise, update};

struct Shop {
    site: TestSite,
    store: StoreId,
    item: ItemId,
    supplier: NameId,
    customer: NameId,
}

impl Shop {
    async fn open() -> Shop {
        let site = TestSite::primary().await;
        Shop {
            store: site.active_store("CMS", 1).await,
            item: site.item("M1").await,
            supplier: site.party("SUP", NameRole::Supplier).await,
            customer: site.party("CUS", NameRole::Customer).await,
            site,
        }
    }

    fn receipt(&self, packs: &str) -> TransactionDraft {
        let line = DraftLine {
            item: Some(self.item),
            batch: "B1".into(),
            expiry_date: parse_date("2028-06-30"),
            packs: amount(packs),
            cost_price: Some(amount("1.25")),
            ..DraftLine::default()
        };
        draft(TransactionType::SupplierInvoice, Some(self.supplier), line)
    }

    fn issue(&self, line: StockLineId, packs: &str) -> TransactionDraft {
        let line = DraftLine {
            stock_line: Some(line),
            packs: amount(packs),
            ..DraftLine::default()
        };
        draft(TransactionType::CustomerInvoice, Some(self.customer), line)
    }

    async fn create(&self, draft: TransactionDraft) -> Versioned<Transaction> {
        create(&self.site.store, self.store, draft, caller())
            .await
            .unwrap()
            .transaction
    }

    async fn receive(&self, packs: &str) -> StockLineId {
        let made = self.create(self.receipt(packs)).await;
        let confirmed = confirm(&self.site.store, made.value.id, Some(made.etag), caller()).await;
        confirmed.unwrap().transaction.value.lines[0].stock_line.unwrap()
    }

    async fn line(&self, id: StockLineId) -> Versioned<StockLine> {
        let read = self.site.store.read("line", move |tx| {
            Box::pin(async move { stock_line::get(tx, id).await })
        });
        read.await.unwrap().unwrap()
    }
}

fn draft(
    transaction_type: TransactionType,
    other_party: Option<NameId>,
    line: DraftLine,
) -> TransactionDraft {
    TransactionDraft {
        transaction_type,
        other_party,
        patient_reference: String::new(),
        their_reference: String::new(),
        comment: String::new(),
        lines: vec![line],
    }
}

#[tokio::test]
async fn goods_come_in_and_go_out() {
    let shop = Shop::open().await;
    let id = shop.receive("10").await;
    assert_eq!(shop.receive("5").await, id, "the same goods share a stock line");
    let issue = shop.create(shop.issue(id, "4")).await;
    assert_eq!(issue.value.number, 1);
    let line = shop.line(id).await.value;
    assert_eq!(
        (line.packs_total, line.packs_available),
        (amount("15"), amount("11"))
    );
    let issue = confirm(&shop.site.store, issue.value.id, None, caller())
        .await
        .unwrap();
    let line = shop.line(id).await.value;
    assert_eq!(
        (line.packs_total, line.packs_available),
        (amount("11"), amount("11"))
    );
    let done = finalise(&shop.site.store, issue.transaction.value.id, None, caller())
        .await
        .unwrap();
    assert_eq!(done.transaction.value.status, TransactionStatus::Finalised);
    assert_eq!(done.transaction.value.status_changes[2].by, "operator/editor/ana");
    let late = delete(&shop.site.store, done.transaction.value.id, None)
        .await
        .unwrap_err();
    assert_eq!(late.reason(), Reason::WRONG_STATUS);
    assert_eq!(
        shop.create(shop.issue(id, "1")).await.value.number,
        2,
        "numbers go on"
    );
    assert_eq!(shop.create(shop.receipt("1")).await.value.number, 3, "per type");
}

#[tokio::test]
async fn a_deleted_or_changed_issue_gives_its_reservation_back() {
    let shop = Shop::open().await;
    let id = shop.receive("10").await;
    let issue = shop.create(shop.issue(id, "9")).await;
    let more = shop.issue(id, "10");
    let revision: transaction::Revision = Arc::new(move |draft| {
        draft.lines = more.lines.clone();
    });
    let revised = update(
        &shop.site.store,
        issue.value.id,
        Some(issue.etag),
        revision.clone(),
    )
    .await
    .unwrap();
    assert!(shop.line(id).await.value.packs_available.is_zero());
    let stale = update(&shop.site.store, issue.value.id, Some(issue.etag), revision)
        .await
        .unwrap_err();
    assert_eq!(stale.reason(), Reason::STALE_ETAG);
    delete(&shop.site.store, issue.value.id, Some(revised.transaction.etag))
        .await
        .unwrap();
    assert_eq!(shop.line(id).await.value.packs_available, amount("10"));
    let gone = confirm(&shop.site.store, issue.value.id, None, caller())
        .await
        .unwrap_err();
    assert_eq!(gone.code(), FaultCode::NotFound);
}

#[tokio::test]
async fn a_refused_transaction_writes_nothing() {
    let shop = Shop::open().await;
    let id = shop.receive("10").await;
    let head = *shop.site.store.heads().borrow();
    let too_much = create(
        &shop.site.store,
        shop.store,
        shop.issue(id, "10.000001"),
        caller(),
    )
    .await;
    let too_much = too_much.unwrap_err();
    assert_eq!(too_much.reason(), Reason::INSUFFICIENT_STOCK);
    assert_eq!(too_much.violations()[0].field, "lines[0].packs");
    let negative = create(&shop.site.store, shop.store, shop.receipt("-1"), caller()).await;
    assert_eq!(negative.unwrap_err().code(), FaultCode::InvalidArgument);
    let returned = draft(
        TransactionType::SupplierReturn,
        Some(shop.supplier),
        DraftLine::default(),
    );
    let returned = create(&shop.site.store, shop.store, returned, caller())
        .await
        .unwrap_err();
    assert_eq!(
        (returned.code(), returned.reason()),
        (FaultCode::Unimplemented, Reason::NOT_IN_THIS_VERSION)
    );
    assert_eq!(*shop.site.store.heads().borrow(), head);
}

#[tokio::test]
async fn stock_changes_only_where_the_store_is_active() {
    let shop = Shop::open().await;
    let elsewhere = shop.site.active_store("NORTH", 2).await;
    let refused = create(&shop.site.store, elsewhere, shop.receipt("1"), caller())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::STORE_NOT_ACTIVE_HERE);
    assert_eq!(refused.metadata()["owner"], "2");
    assert!(refused.message().contains("Northern Region"), "{refused}");
    let nowhere = StoreId::from_bytes([9; 16]);
    let refused = create(&shop.site.store, nowhere, shop.receipt("1"), caller())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::STORE_NOT_ASSIGNED);
}

#[tokio::test]
async fn stock_lines_are_put_on_hold_and_cleared_away() {
    let shop = Shop::open().await;
    let id = shop.receive("10").await;
    let hold: StockLineChange = Arc::new(|line| {
        line.on_hold = true;
        line.location_code = "A-3".into();
        line.packs_total = amount("99");
    });
    let held = stock_line::update(&shop.site.store, id, None, hold)
        .await
        .unwrap();
    assert_eq!(
        held.value.packs_total,
        amount("10"),
        "packs change through transactions only"
    );
    let refused = create(&shop.site.store, shop.store, shop.issue(id, "1"), caller()).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::ON_HOLD);
    let full = stock_line::delete(&shop.site.store, id, Some(held.etag))
        .await
        .unwrap_err();
    assert_eq!(full.reason(), Reason::STOCK_LINE_NOT_EMPTY);
    let line = DraftLine {
        stock_line: Some(id),
        packs: amount("10"),
        ..DraftLine::default()
    };
    let write_off = shop
        .create(draft(TransactionType::InventoryReduction, None, line))
        .await;
    confirm(&shop.site.store, write_off.value.id, None, caller())
        .await
        .unwrap();
    stock_line::delete(&shop.site.store, id, None).await.unwrap();
    let gone = stock_line::delete(&shop.site.store, id, None).await.unwrap_err();
    assert_eq!(gone.reason(), Reason::RECORD_NOT_FOUND);
}
