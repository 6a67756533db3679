//! `ReportService`: stock on hand, and how far what is shown of each store can be trusted.

use std::collections::BTreeMap;

use supplysync_api::fields::{Fields, date_text, time_text};
use supplysync_api::v1;
use supplysync_api::v1::report_service_server::ReportService;
use supplysync_model::{Fault, StoreId, SyncId};
use supplysync_store::Store as RecordStore;
use supplysync_store::query::{Freshness, OnHandFilter, OnHandRow, StoreFreshness};
use tonic::{Request, Response, Status};

use super::page::{next_token, page_query};
use super::reference;
use super::request::answer;
use super::view::{site_names, store_codes};
use crate::command::lookup;

/// The handler.
pub struct Reports {
    store: RecordStore,
}

impl Reports {
    /// On a store.
    pub fn new(store: RecordStore) -> Reports {
        Reports { store }
    }

    async fn on_hand(&self, request: v1::StockOnHandRequest) -> Result<v1::StockOnHandResponse, Fault> {
        let list = format!("on hand {} {}", request.stores.join(","), request.item);
        let mut fields = Fields::new();
        let page = page_query(&mut fields, request.page_size, &request.page_token, &list);
        let page = fields.finish(page)?;
        let read = self.store.read("stock on hand", move |tx| {
            Box::pin(async move {
                let stores = reference::stores(tx, "stores", &request.stores).await?;
                let item = match request.item.as_str() {
                    "" => None,
                    item => Some(reference::item(tx, "item", item).await?.value.id),
                };
                let asked = if stores.is_empty() {
                    // Those without a copy here have no rows, which must not read as no stock.
                    let all = lookup::all_stores(tx, false).await?.into_iter();
                    all.map(|store| store.id).collect()
                } else {
                    stores.clone()
                };
                let found = tx.stock_on_hand(&OnHandFilter { stores, item }, &page).await?;
                let codes = store_codes(tx, found.rows.iter().map(|row| row.store).collect()).await?;
                let sites = site_names(tx).await?;
                let fresh = tx.freshness(&asked).await?;
                Ok(v1::StockOnHandResponse {
                    rows: found
                        .rows
                        .into_iter()
                        .map(|row| on_hand_row(row, &codes))
                        .collect(),
                    stores: fresh
                        .into_iter()
                        .map(|store| store_freshness(store, &sites))
                        .collect(),
                    next_page_token: next_token(&list, found.next),
                    time: time_text(Some(tx.now())),
                })
            })
        });
        read.await
    }
}

#[tonic::async_trait]
impl ReportService for Reports {
    async fn stock_on_hand(
        &self,
        request: Request<v1::StockOnHandRequest>,
    ) -> Result<Response<v1::StockOnHandResponse>, Status> {
        answer("StockOnHand", self.on_hand(request.into_inner()).await)
    }
}

fn on_hand_row(row: OnHandRow, codes: &BTreeMap<StoreId, String>) -> v1::StockOnHandRow {
    v1::StockOnHandRow {
        store_id: row.store.to_string(),
        store_code: codes.get(&row.store).cloned().unwrap_or_default(),
        item_id: row.item.id.to_string(),
        item_code: row.item.code,
        item_name: row.item.name,
        item_retired: row.item_retired,
        packs: row.packs.to_string(),
        units: row.units.to_string(),
        value: row.value.to_string(),
        earliest_expiry: date_text(row.earliest_expiry),
    }
}

fn store_freshness(fresh: StoreFreshness, sites: &BTreeMap<SyncId, String>) -> v1::StoreFreshness {
    let site = fresh.owner.and_then(|owner| sites.get(&owner));
    let site = site.map_or("", String::as_str);
    let age = fresh.age_seconds;
    let behind = match age {
        Some(seconds) => format!("complete {seconds} s ago"),
        None => "never complete so far".to_owned(),
    };
    let (state, proof, summary) = match fresh.freshness {
        Freshness::ActiveHere => (
            v1::CopyState::ActiveHere,
            None,
            "active here: this is the original".to_owned(),
        ),
        Freshness::Proven { seq, at } => (
            v1::CopyState::Proven,
            Some((seq, at)),
            format!("copy, proven equal to {site} at its seq {seq}; {behind}"),
        ),
        Freshness::Unproven => (
            v1::CopyState::Unproven,
            None,
            format!("copy, not compared with {site} since its last change; {behind}"),
        ),
        Freshness::Loading => (
            v1::CopyState::Loading,
            None,
            "copy still being loaded: part of it is missing".to_owned(),
        ),
        Freshness::Different { at } => (
            v1::CopyState::Different,
            None,
            format!("copy that differed from its source when compared at {at}: see Verify"),
        ),
        Freshness::Dated { at } => (
            v1::CopyState::Dated,
            None,
            match at {
                Some(at) => format!("copy as of {at}, not kept up since; {site} has the present data"),
                None => format!("part of a copy that is not kept up any more: ask {site}"),
            },
        ),
        Freshness::NotKept => (
            v1::CopyState::NotKept,
            None,
            format!("no copy is kept here: ask {site}"),
        ),
        Freshness::NotAssigned => (
            v1::CopyState::NotAssigned,
            None,
            "not active on any site yet".to_owned(),
        ),
    };
    v1::StoreFreshness {
        store_id: fresh.store.id.to_string(),
        store_code: fresh.store.code,
        store_name: fresh.store.name,
        state: state.into(),
        active_site: fresh.owner.map_or(0, |owner| owner.get().into()),
        active_site_name: site.to_owned(),
        proven_seq: proof.map_or(0, |(seq, _)| seq),
        proven_time: time_text(proof.map(|(_, at)| at)),
        age_seconds: age.unwrap_or(0),
        summary,
    }
}
