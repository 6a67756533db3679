//! Handlers as callers meet them: wrong fields in the status, pages, codes beside ids, and stock end to end.

use supplysync_api::fault::from_status;
use supplysync_api::v1;
use supplysync_api::v1::diagnostics_service_server::DiagnosticsService;
use supplysync_api::v1::master_data_service_server::MasterDataService;
use supplysync_api::v1::report_service_server::ReportService;
use supplysync_api::v1::stock_service_server::StockService;
use supplysync_model::{FaultCode, NameRole};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::Request;

use super::diagnostics::Diagnostics;
use super::master_data::MasterData;
use super::report::Reports;
use super::stock::Stock;
use crate::command::tests::site::{TestSite, amount};
use crate::session::SyncControl;

fn item(code: &str) -> v1::Item {
    v1::Item {
        code: code.into(),
        name: "Amoxicillin".into(),
        r#type: v1::ItemType::Stock.into(),
        ..v1::Item::default()
    }
}

#[tokio::test]
async fn wrong_fields_are_all_in_the_status() {
    let site = TestSite::primary().await;
    let service = MasterData::new(site.store.clone());
    let wrong = v1::Item {
        default_pack_size: "1.0000001".into(),
        r#type: 99,
        unit_id: "x".into(),
        ..item("M1")
    };
    let status = service
        .create_item(Request::new(v1::CreateItemRequest { item: Some(wrong) }))
        .await
        .unwrap_err();
    let refusal = from_status(&status);
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (FaultCode::InvalidArgument, "INVALID_FIELDS")
    );
    let fields: Vec<_> = refusal.violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["type", "unit_id", "default_pack_size"]);
    let missing = service
        .create_item(Request::new(v1::CreateItemRequest { item: None }))
        .await;
    assert_eq!(from_status(&missing.unwrap_err()).violations[0].field, "item");
}

#[tokio::test]
async fn lists_come_in_pages_by_code() {
    let site = TestSite::primary().await;
    let service = MasterData::new(site.store.clone());
    for code in ["M3", "M1", "M2"] {
        let request = v1::CreateItemRequest {
            item: Some(item(code)),
        };
        service.create_item(Request::new(request)).await.unwrap();
    }
    let mut request = v1::ListItemsRequest {
        page_size: 2,
        ..v1::ListItemsRequest::default()
    };
    let first = service
        .list_items(Request::new(request.clone()))
        .await
        .unwrap()
        .into_inner();
    request.page_token = first.next_page_token.clone();
    let second = service
        .list_items(Request::new(request.clone()))
        .await
        .unwrap()
        .into_inner();
    let codes: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|item| item.code.as_str())
        .collect();
    assert_eq!(codes, ["M1", "M2", "M3"]);
    assert_eq!(second.next_page_token, "");
    request.search = "m".into();
    assert!(
        service.list_items(Request::new(request)).await.is_err(),
        "a token of another list"
    );
}

#[tokio::test]
async fn a_masked_update_leaves_the_rest_and_checks_the_etag() {
    let site = TestSite::primary().await;
    let service = MasterData::new(site.store.clone());
    let request = v1::CreateItemRequest {
        item: Some(item("M1")),
    };
    let made = service
        .create_item(Request::new(request))
        .await
        .unwrap()
        .into_inner()
        .item
        .unwrap();
    let request = v1::UpdateItemRequest {
        item: Some(v1::Item {
            id: made.id.clone(),
            etag: made.etag.clone(),
            name: "Amoxicillin 500 mg".into(),
            ..v1::Item::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["name".into()],
        }),
    };
    let updated = service
        .update_item(Request::new(request.clone()))
        .await
        .unwrap()
        .into_inner()
        .item
        .unwrap();
    assert_eq!(
        (updated.code.as_str(), updated.name.as_str()),
        ("M1", "Amoxicillin 500 mg")
    );
    assert_ne!(updated.etag, made.etag);
    let stale = service.update_item(Request::new(request)).await.unwrap_err();
    assert_eq!(from_status(&stale).reason, "STALE_ETAG");
}

#[tokio::test]
async fn stock_goes_in_and_shows_in_the_report() {
    let site = TestSite::primary().await;
    let store = site.active_store("CMS", 1).await;
    let item = site.item("M1").await;
    let supplier = site.party("SUP", NameRole::Supplier).await;
    let service = Stock::new(site.store.clone());
    let transaction = v1::Transaction {
        store_id: store.to_string(),
        r#type: v1::TransactionType::SupplierInvoice.into(),
        other_party_id: supplier.to_string(),
        lines: vec![v1::TransactionLine {
            item_id: item.to_string(),
            batch: "B1".into(),
            expiry_date: "2020-01-31".into(),
            packs: "12.5".into(),
            pack_size: "10".into(),
            cost_price: "0.4".into(),
            ..v1::TransactionLine::default()
        }],
        ..v1::Transaction::default()
    };
    let request = v1::CreateTransactionRequest {
        transaction: Some(transaction),
    };
    let made = service
        .create_transaction(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(made.warnings.len(), 1, "expired on receipt");
    let made = made.transaction.unwrap();
    assert_eq!(
        (made.store_code.as_str(), made.other_party_code.as_str()),
        ("CMS", "SUP")
    );
    let request = v1::FinaliseTransactionRequest {
        id: made.id,
        etag: made.etag,
    };
    let done = service
        .finalise_transaction(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let done = done.transaction.unwrap();
    assert_eq!(done.status_changes.len(), 3, "a new one is confirmed first");
    let request = v1::ListStockLinesRequest {
        store: "cms".into(),
        ..v1::ListStockLinesRequest::default()
    };
    let lines = service
        .list_stock_lines(Request::new(request))
        .await
        .unwrap()
        .into_inner()
        .stock_lines;
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].item_code.as_str(), lines[0].supplier_code.as_str()),
        ("M1", "SUP")
    );
    assert_eq!(lines[0].packs_available.parse(), Ok(amount("12.5")));
    let report = Reports::new(site.store.clone());
    let request = Request::new(v1::StockOnHandRequest::default());
    let report = report.stock_on_hand(request).await.unwrap().into_inner();
    let row = &report.rows[0];
    assert_eq!((row.units.as_str(), row.value.as_str()), ("125", "5"));
    assert_eq!(report.stores[0].state(), v1::CopyState::ActiveHere);
}

#[tokio::test]
async fn diagnostics_answer_in_words() {
    let site = TestSite::primary().await;
    site.item("M1").await;
    let stop = CancellationToken::new();
    let service = Diagnostics::new(site.store.clone(), SyncControl::default(), stop.clone(), None);
    let status = service
        .get_sync_status(Request::new(v1::GetSyncStatusRequest {}))
        .await;
    let status = status.unwrap().into_inner().status.unwrap();
    assert_eq!(status.peers.len(), 1, "the registered satellite");
    assert_eq!(status.peers[0].name, "Northern Region");
    let verified = service
        .verify(Request::new(v1::VerifyRequest { deep: true }))
        .await
        .unwrap()
        .into_inner();
    assert!(verified.ok && verified.findings.is_empty(), "{verified:?}");
    assert!(verified.records_checked >= 3);
    let request = v1::TraceRecordRequest {
        record: "m1".into(),
        ..Default::default()
    };
    let traced = service
        .trace_record(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (traced.records.len(), traced.records[0].kind.as_str()),
        (1, "item")
    );
    let request = v1::TraceRecordRequest {
        record: "none".into(),
        ..Default::default()
    };
    assert!(service.trace_record(Request::new(request)).await.is_err());
    let ledger = service
        .get_ledger(Request::new(v1::GetLedgerRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert!(ledger.ok, "{ledger:?}");

    let watch = service
        .watch_sync_status(Request::new(v1::WatchSyncStatusRequest {}))
        .await;
    let mut watch = watch.unwrap().into_inner();
    let head = watch.next().await.unwrap().unwrap().status.unwrap().head_seq;
    site.item("M2").await;
    let later = watch.next().await.unwrap().unwrap().status.unwrap().head_seq;
    assert!(later > head);
    stop.cancel();
    assert!(watch.next().await.is_none(), "the stream ends with the service");
}
