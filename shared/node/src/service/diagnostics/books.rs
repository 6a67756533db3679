//! The store's books as answers: channels, quarantine, ledger.

use std::collections::BTreeSet;

use supplysync_api::fields::{Fields, one, time_text};
use supplysync_api::{etag_text, v1};
use supplysync_model::{Channel, Fault, StoreId, SyncId};
use supplysync_store::query::{LedgerRow, Quarantined};
use supplysync_store::{Queries, Store as RecordStore};
use uuid::Uuid;

use super::called;
use super::status::Totals;
use super::verify::digest_text;
use crate::command::caller::Caller;
use crate::command::lookup;
use crate::command::ownership::site_name;
use crate::command::quarantine::{self, Accepted};
use crate::service::page::{next_token, page_query};
use crate::service::reference;
use crate::service::view::{site_names, store_codes};

pub(super) async fn channels(tx: &Queries) -> Result<v1::ListChannelsResponse, Fault> {
    let found = tx.list_channels().await?;
    let codes = store_codes(tx, found.iter().filter_map(|info| info.channel.store()).collect()).await?;
    let names = site_names(tx).await?;
    let channels = found.into_iter().map(|info| v1::ChannelInfo {
        channel: info.channel.to_string(),
        store_code: (info.channel.store())
            .and_then(|store| codes.get(&store).cloned())
            .unwrap_or_default(),
        owner: info.owner.map_or(0, |owner| owner.get().into()),
        owner_name: (info.owner)
            .and_then(|owner| names.get(&owner).cloned())
            .unwrap_or_default(),
        records: info.digest.count,
        tombstones: info.tombstones,
        last_seq: info.last_seq,
        digest: digest_text(Some(info.digest)),
    });
    Ok(v1::ListChannelsResponse {
        channels: channels.collect(),
    })
}

pub(super) async fn list_quarantine(
    tx: &Queries,
    request: v1::ListQuarantineRequest,
) -> Result<v1::ListQuarantineResponse, Fault> {
    if !request.id.is_empty() {
        let id = one("id", quarantine_id(&request.id))?;
        let found = tx.find_quarantined(id).await?.into_iter().collect();
        return Ok(v1::ListQuarantineResponse {
            changes: changes(tx, found).await?,
            next_page_token: String::new(),
        });
    }
    let list = format!("quarantine {}", request.store);
    let mut fields = Fields::new();
    let page = page_query(&mut fields, request.page_size, &request.page_token, &list);
    let page = fields.finish(page)?;
    let store = named_store(tx, &request.store).await?;
    let found = tx.list_quarantine(store, &page).await?;
    Ok(v1::ListQuarantineResponse {
        changes: changes(tx, found.rows).await?,
        next_page_token: next_token(&list, found.next),
    })
}

/// The id of an entry, as text.
pub(super) fn quarantine_id(text: &str) -> Result<Uuid, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an id: `quarantine list` shows them"))
}

pub(super) async fn changes(
    tx: &Queries,
    found: Vec<Quarantined>,
) -> Result<Vec<v1::QuarantinedChange>, Fault> {
    let stores = found.iter().filter_map(|change| change.channel.store());
    let codes = store_codes(tx, stores.collect()).await?;
    let names = site_names(tx).await?;
    let name = |site: SyncId| names.get(&site).cloned().unwrap_or_default();
    let bodies = found.iter().map(|change| change.body.as_ref());
    let mut readable = called::readable(tx, bodies.collect()).await?.into_iter();
    let changes = found.into_iter().map(|change| v1::QuarantinedChange {
        id: change.id.to_string(),
        kind: change.key.kind.to_string(),
        record_id: change.key.id.to_string(),
        channel: change.channel.to_string(),
        store_code: (change.channel.store())
            .and_then(|store| codes.get(&store).cloned())
            .unwrap_or_default(),
        from_site: change.from_site.get().into(),
        from_site_name: name(change.from_site),
        origin_site_name: name(change.origin_site),
        proposed_to_name: change.proposed_to.map(name).unwrap_or_default(),
        reason: change.reason,
        time: time_text(Some(change.at)),
        origin_site: change.origin_site.get().into(),
        version: etag_text(change.epoch, change.revision),
        deleted: change.deleted,
        asked_by: change.asked_by.unwrap_or_default(),
        proposed_to: change.proposed_to.map_or(0, |site| site.get().into()),
        answer: change.answer.unwrap_or_default(),
        ..v1::QuarantinedChange::default()
    });
    // As many and in the same order.
    let changes = changes.map(|change| match readable.next().flatten() {
        Some((record_name, body)) => v1::QuarantinedChange {
            record_name,
            body: Some(body),
            ..change
        },
        None => change,
    });
    Ok(changes.collect())
}

pub(super) async fn resolve(
    store: &RecordStore,
    request: v1::ResolveQuarantineRequest,
    caller: Caller,
) -> Result<v1::ResolveQuarantineResponse, Fault> {
    let id = one("id", quarantine_id(&request.id))?;
    let (change, accepted) = match request.resolution() {
        v1::QuarantineResolution::Discard => {
            (quarantine::discard(store, id, request.note, caller).await?, None)
        }
        v1::QuarantineResolution::Accept => {
            let (change, accepted) = quarantine::accept(store, id, request.note, caller).await?;
            (change, Some(accepted))
        }
        v1::QuarantineResolution::Unspecified => {
            return Err(Fault::field("resolution", "must be DISCARD or ACCEPT"));
        }
    };
    let shown = store.read("show quarantine", move |tx| {
        let (change, accepted) = (change.clone(), accepted.clone());
        Box::pin(async move {
            Ok(v1::ResolveQuarantineResponse {
                change: changes(tx, vec![change]).await?.pop(),
                outcome: outcome(tx, accepted).await?,
            })
        })
    });
    shown.await
}

async fn outcome(tx: &Queries, accepted: Option<Accepted>) -> Result<String, Fault> {
    Ok(match accepted {
        None => "given up: it is applied nowhere".to_owned(),
        Some(Accepted::Written(words)) => format!("accepted: {words}"),
        Some(Accepted::Proposed(site)) => {
            let name = site_name(tx, site).await?;
            format!(
                "put to site {site} ({name}), where the store is active: `quarantine list` shows what it says once it has synchronised"
            )
        }
        Some(Accepted::HandedOver) => {
            "it goes to the primary's quarantine with the next session: it can be put to the owner there"
                .to_owned()
        }
    })
}

pub(super) async fn ledger(
    tx: &Queries,
    request: v1::GetLedgerRequest,
    totals: &Totals,
) -> Result<v1::GetLedgerResponse, Fault> {
    let store = named_store(tx, &request.store).await?;
    let found = tx.ledger(store).await?;
    let stores: BTreeSet<StoreId> = found.iter().filter_map(|row| row.store).collect();
    let stores = lookup::stores(tx, &stores).await?;
    let names = site_names(tx).await?;
    let here = tx.sync_id();
    let ok = found.iter().all(LedgerRow::balanced);
    let rows = found.iter().map(|row| {
        let store = row.store.and_then(|id| stores.get(&id)).map(|store| &store.value);
        let (owner_records, pending) = known_or_served(row, totals);
        v1::LedgerRow {
            store_id: row.store.map(|id| id.to_string()).unwrap_or_default(),
            store_code: store.map(|store| store.code.clone()).unwrap_or_default(),
            store_name: match (row.store, store) {
                (None, _) => "master data".to_owned(),
                (Some(_), store) => store.map(|store| store.name.clone()).unwrap_or_default(),
            },
            owner: row.owner.map_or(0, |owner| owner.get().into()),
            owner_name: (row.owner)
                .and_then(|owner| names.get(&owner).cloned())
                .unwrap_or_default(),
            receiver: row.receiver.get().into(),
            receiver_name: names.get(&row.receiver).cloned().unwrap_or_default(),
            counted_by: here.get().into(),
            owner_records,
            held: row.held,
            parked: row.parked,
            quarantined: row.quarantined,
            pending,
            balanced: row.balanced(),
        }
    });
    Ok(v1::GetLedgerResponse {
        rows: rows.collect(),
        ok,
    })
}

/// The owner's records and what is pending. A receiver that is not caught up does not know: then it is what the
/// primary said that it serves, and at least one record is pending, so that nobody takes it for complete.
fn known_or_served(row: &LedgerRow, totals: &Totals) -> (u64, u64) {
    if let (Some(records), Some(pending)) = (row.owner_records, row.pending) {
        return (records, pending);
    }
    let channels: Vec<Channel> = match row.store {
        Some(store) => Channel::of_store(store).to_vec(),
        None => vec![Channel::Master],
    };
    let served = channels
        .iter()
        .filter_map(|channel| totals.get(&(SyncId::PRIMARY, *channel)));
    let accounted = row.held + row.quarantined;
    let records = served.sum::<u64>().max(accounted + 1);
    (records, records - accounted)
}

async fn named_store(tx: &Queries, text: &str) -> Result<Option<StoreId>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let store = reference::store(tx, "store", text).await?;
    Ok(Some(store.value.id))
}
