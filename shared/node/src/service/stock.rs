//! `StockService`: stock lines and transactions. Reads wherever they are kept; the commands refuse writes elsewhere.

use std::sync::Arc;

use supplysync_api::fields::{Fields, one, optional_date, present};
use supplysync_api::stock::{
    LineContent, TransactionContent, new_transaction, stock_line_patch, transaction_patch,
};
use supplysync_api::v1::stock_service_server::StockService;
use supplysync_api::{v1, words};
use supplysync_model::{Fault, Kind, RecordKey, StockLine, Transaction};
use supplysync_store::Store as RecordStore;
use supplysync_store::query::{StockLineFilter, TransactionFilter, Versioned};
use tonic::{Request, Response, Status};

use super::master_data::{both, read_version};
use super::page::{next_token, page_query};
use super::reference;
use super::request::{answer, caller};
use super::view::{Shown, show_one};
use crate::command::kept::{not_found, require_kept};
use crate::command::stock_line;
use crate::command::stock_rules::{DraftLine, TransactionDraft};
use crate::command::transaction::{self, Stepped};

/// The handler.
pub struct Stock {
    store: RecordStore,
}

/// A transaction after a step, as every step answers it.
type Shows = (v1::Transaction, Vec<String>);

impl Stock {
    /// On a store.
    pub fn new(store: RecordStore) -> Stock {
        Stock { store }
    }

    async fn list_lines(
        &self,
        request: v1::ListStockLinesRequest,
    ) -> Result<v1::ListStockLinesResponse, Fault> {
        let list = format!(
            "lines {} {} {} {}",
            request.store, request.item, request.expiring_before, request.show_empty
        );
        let mut fields = Fields::new();
        let page = page_query(&mut fields, request.page_size, &request.page_token, &list);
        let expiring_before = fields.take("expiring_before", optional_date(&request.expiring_before));
        let (page, expiring_before) = fields.finish(page.zip(expiring_before))?;
        let read = self.store.read("list stock lines", move |tx| {
            Box::pin(async move {
                let store = reference::store(tx, "store", &request.store).await?;
                require_kept(tx, store.value.id).await?;
                let item = match request.item.as_str() {
                    "" => None,
                    item => Some(reference::item(tx, "item", item).await?.value.id),
                };
                let filter = StockLineFilter {
                    store: store.value.id,
                    item,
                    expiring_before,
                    with_stock: !request.show_empty,
                };
                let found = tx.list_stock_lines(&filter, &page).await?;
                Ok((StockLine::show(tx, found.rows).await?, found.next))
            })
        });
        let (stock_lines, next) = read.await?;
        Ok(v1::ListStockLinesResponse {
            stock_lines,
            next_page_token: next_token(&list, next),
        })
    }

    async fn update_line(&self, request: v1::UpdateStockLineRequest) -> Result<v1::StockLine, Fault> {
        let wire = one("stock_line", present(request.stock_line))?;
        let version = read_version(&wire.id, &wire.etag);
        let patch = stock_line_patch(wire, request.update_mask.as_ref());
        let ((id, expected), patch) = both(version, patch)?;
        let change: stock_line::StockLineChange = Arc::new(move |line| patch.apply(line));
        let updated = stock_line::update(&self.store, id.into(), expected, change).await?;
        self.show(updated).await
    }

    async fn create(&self, request: Request<v1::CreateTransactionRequest>) -> Result<Shows, Fault> {
        let caller = caller(&request);
        let wire = one("transaction", present(request.into_inner().transaction))?;
        let new = new_transaction(wire)?;
        let mut draft = TransactionDraft {
            transaction_type: new.transaction_type,
            other_party: None,
            patient_reference: String::new(),
            their_reference: String::new(),
            comment: String::new(),
            lines: Vec::new(),
        };
        fill(&mut draft, new.content);
        let stepped = transaction::create(&self.store, new.store, draft, caller).await?;
        self.show_step(stepped).await
    }

    async fn update(&self, request: v1::UpdateTransactionRequest) -> Result<Shows, Fault> {
        let wire = one("transaction", present(request.transaction))?;
        let version = read_version(&wire.id, &wire.etag);
        let patch = transaction_patch(wire, request.update_mask.as_ref());
        let ((id, expected), patch) = both(version, patch)?;
        let revision: transaction::Revision = Arc::new(move |draft| {
            let revised = patch.onto(content(draft));
            fill(draft, revised);
        });
        let stepped = transaction::update(&self.store, id.into(), expected, revision).await?;
        self.show_step(stepped).await
    }

    async fn confirm(&self, request: Request<v1::ConfirmTransactionRequest>) -> Result<Shows, Fault> {
        let caller = caller(&request);
        let request = request.into_inner();
        let (id, expected) = read_version(&request.id, &request.etag)?;
        let stepped = transaction::confirm(&self.store, id.into(), expected, caller).await?;
        self.show_step(stepped).await
    }

    async fn finalise(&self, request: Request<v1::FinaliseTransactionRequest>) -> Result<Shows, Fault> {
        let caller = caller(&request);
        let request = request.into_inner();
        let (id, expected) = read_version(&request.id, &request.etag)?;
        let stepped = transaction::finalise(&self.store, id.into(), expected, caller).await?;
        self.show_step(stepped).await
    }

    async fn list_transactions(
        &self,
        request: v1::ListTransactionsRequest,
    ) -> Result<v1::ListTransactionsResponse, Fault> {
        let list = format!(
            "transactions {} {} {} {}",
            request.store, request.r#type, request.status, request.number
        );
        let mut fields = Fields::new();
        let page = page_query(&mut fields, request.page_size, &request.page_token, &list);
        let wanted = fields.take("type", words::optional(request.r#type, words::transaction_type));
        let status = fields.take(
            "status",
            words::optional(request.status, words::transaction_status),
        );
        let (page, (wanted, status)) = fields.finish(page.zip(wanted.zip(status)))?;
        let read = self.store.read("list transactions", move |tx| {
            Box::pin(async move {
                let store = reference::store(tx, "store", &request.store).await?;
                require_kept(tx, store.value.id).await?;
                let filter = TransactionFilter {
                    store: store.value.id,
                    transaction_type: wanted,
                    status,
                    number: (request.number != 0).then_some(request.number),
                };
                let found = tx.list_transactions(&filter, &page).await?;
                Ok((Transaction::show(tx, found.rows).await?, found.next))
            })
        });
        let (transactions, next) = read.await?;
        Ok(v1::ListTransactionsResponse {
            transactions,
            next_page_token: next_token(&list, next),
        })
    }

    async fn get_line(&self, id: &str) -> Result<v1::StockLine, Fault> {
        let (id, _) = read_version(id, "")?;
        let read = self.store.read("get stock line", move |tx| {
            Box::pin(async move {
                let kind = Kind::STOCK_LINE;
                let row = stock_line::get(tx, id.into()).await?;
                let row = row.ok_or_else(|| not_found(RecordKey { kind, id }))?;
                require_kept(tx, row.value.store).await?;
                show_one(tx, row).await
            })
        });
        read.await
    }

    async fn get(&self, id: &str) -> Result<v1::Transaction, Fault> {
        let (id, _) = read_version(id, "")?;
        let read = self.store.read("get transaction", move |tx| {
            Box::pin(async move {
                let kind = Kind::TRANSACTION;
                let row = transaction::get(tx, id.into()).await?;
                let row = row.ok_or_else(|| not_found(RecordKey { kind, id }))?;
                require_kept(tx, row.value.store).await?;
                show_one(tx, row).await
            })
        });
        read.await
    }

    async fn show_step(&self, stepped: Stepped) -> Result<Shows, Fault> {
        let warnings = stepped.warnings.into_iter();
        let warnings = warnings.map(|warning| format!("{}: {}", warning.field, warning.description));
        let warnings = warnings.collect();
        Ok((self.show(stepped.transaction).await?, warnings))
    }

    async fn show<T: Shown>(&self, row: Versioned<T>) -> Result<T::Wire, Fault> {
        self.store
            .read("show a record", move |tx| {
                Box::pin(async move { show_one(tx, row).await })
            })
            .await
    }
}

fn fill(draft: &mut TransactionDraft, content: TransactionContent) {
    draft.other_party = content.other_party;
    draft.patient_reference = content.patient_reference;
    draft.their_reference = content.their_reference;
    draft.comment = content.comment;
    let lines = content.lines.into_iter().map(|line| DraftLine {
        item: line.item,
        stock_line: line.stock_line,
        batch: line.batch,
        expiry_date: line.expiry_date,
        packs: line.packs,
        pack_size: line.pack_size,
        cost_price: line.cost_price,
        sell_price: line.sell_price,
        note: line.note,
    });
    draft.lines = lines.collect();
}

fn content(draft: &TransactionDraft) -> TransactionContent {
    let lines = draft.lines.iter().cloned().map(|line| LineContent {
        item: line.item,
        stock_line: line.stock_line,
        batch: line.batch,
        expiry_date: line.expiry_date,
        packs: line.packs,
        pack_size: line.pack_size,
        cost_price: line.cost_price,
        sell_price: line.sell_price,
        note: line.note,
    });
    TransactionContent {
        other_party: draft.other_party,
        patient_reference: draft.patient_reference.clone(),
        their_reference: draft.their_reference.clone(),
        comment: draft.comment.clone(),
        lines: lines.collect(),
    }
}

#[tonic::async_trait]
impl StockService for Stock {
    async fn list_stock_lines(
        &self,
        request: Request<v1::ListStockLinesRequest>,
    ) -> Result<Response<v1::ListStockLinesResponse>, Status> {
        answer("ListStockLines", self.list_lines(request.into_inner()).await)
    }

    async fn get_stock_line(
        &self,
        request: Request<v1::GetStockLineRequest>,
    ) -> Result<Response<v1::GetStockLineResponse>, Status> {
        let line = self.get_line(&request.into_inner().id).await;
        let response = |line| v1::GetStockLineResponse {
            stock_line: Some(line),
        };
        answer("GetStockLine", line.map(response))
    }

    async fn update_stock_line(
        &self,
        request: Request<v1::UpdateStockLineRequest>,
    ) -> Result<Response<v1::UpdateStockLineResponse>, Status> {
        let line = self.update_line(request.into_inner()).await;
        let response = |line| v1::UpdateStockLineResponse {
            stock_line: Some(line),
        };
        answer("UpdateStockLine", line.map(response))
    }

    async fn delete_stock_line(
        &self,
        request: Request<v1::DeleteStockLineRequest>,
    ) -> Result<Response<v1::DeleteStockLineResponse>, Status> {
        let request = request.into_inner();
        let deleted = match read_version(&request.id, &request.etag) {
            Ok((id, expected)) => stock_line::delete(&self.store, id.into(), expected).await,
            Err(fault) => Err(fault),
        };
        answer("DeleteStockLine", deleted.map(|_| v1::DeleteStockLineResponse {}))
    }

    async fn create_transaction(
        &self,
        request: Request<v1::CreateTransactionRequest>,
    ) -> Result<Response<v1::CreateTransactionResponse>, Status> {
        let shown = self.create(request).await;
        let response = |(transaction, warnings)| v1::CreateTransactionResponse {
            transaction: Some(transaction),
            warnings,
        };
        answer("CreateTransaction", shown.map(response))
    }

    async fn update_transaction(
        &self,
        request: Request<v1::UpdateTransactionRequest>,
    ) -> Result<Response<v1::UpdateTransactionResponse>, Status> {
        let shown = self.update(request.into_inner()).await;
        let response = |(transaction, warnings)| v1::UpdateTransactionResponse {
            transaction: Some(transaction),
            warnings,
        };
        answer("UpdateTransaction", shown.map(response))
    }

    async fn confirm_transaction(
        &self,
        request: Request<v1::ConfirmTransactionRequest>,
    ) -> Result<Response<v1::ConfirmTransactionResponse>, Status> {
        let shown = self.confirm(request).await;
        let response = |(transaction, warnings)| v1::ConfirmTransactionResponse {
            transaction: Some(transaction),
            warnings,
        };
        answer("ConfirmTransaction", shown.map(response))
    }

    async fn finalise_transaction(
        &self,
        request: Request<v1::FinaliseTransactionRequest>,
    ) -> Result<Response<v1::FinaliseTransactionResponse>, Status> {
        let shown = self.finalise(request).await;
        let response = |(transaction, warnings)| v1::FinaliseTransactionResponse {
            transaction: Some(transaction),
            warnings,
        };
        answer("FinaliseTransaction", shown.map(response))
    }

    async fn delete_transaction(
        &self,
        request: Request<v1::DeleteTransactionRequest>,
    ) -> Result<Response<v1::DeleteTransactionResponse>, Status> {
        let request = request.into_inner();
        let deleted = match read_version(&request.id, &request.etag) {
            Ok((id, expected)) => transaction::delete(&self.store, id.into(), expected).await,
            Err(fault) => Err(fault),
        };
        answer(
            "DeleteTransaction",
            deleted.map(|_| v1::DeleteTransactionResponse {}),
        )
    }

    async fn get_transaction(
        &self,
        request: Request<v1::GetTransactionRequest>,
    ) -> Result<Response<v1::GetTransactionResponse>, Status> {
        let transaction = self.get(&request.into_inner().id).await;
        let response = |transaction| v1::GetTransactionResponse {
            transaction: Some(transaction),
        };
        answer("GetTransaction", transaction.map(response))
    }

    async fn list_transactions(
        &self,
        request: Request<v1::ListTransactionsRequest>,
    ) -> Result<Response<v1::ListTransactionsResponse>, Status> {
        let listed = Stock::list_transactions(self, request.into_inner()).await;
        answer("ListTransactions", listed)
    }
}
