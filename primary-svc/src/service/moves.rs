//! Moves of stores as answers: the words for how far each is and what it waits for.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_api::fields::{Fields, time_text};
use supplysync_api::v1;
use supplysync_model::{Fault, StoreId};
use supplysync_node::command::lookup;
use supplysync_node::service::page::{next_token, page_query};
use supplysync_node::service::view::site_names;
use supplysync_store::query::PageQuery;
use supplysync_store::{MoveRecord, MoveState, Queries};
use supplysync_sync_core::MoveWait;

pub(super) async fn list(
    tx: &Queries,
    request: v1::ListMovesRequest,
) -> Result<v1::ListMovesResponse, Fault> {
    let list = format!("moves {}", request.under_way);
    let mut fields = Fields::new();
    let page = page_query(&mut fields, request.page_size, &request.page_token, &list);
    let page = fields.finish(page)?;
    let found = tx.list_moves(request.under_way, &page).await?;
    Ok(v1::ListMovesResponse {
        moves: show(tx, found.rows).await?,
        next_page_token: next_token(&list, found.next),
    })
}

/// The latest move of a store.
pub(super) async fn latest(tx: &Queries, store: StoreId) -> Result<Option<v1::StoreMove>, Fault> {
    let found = tx.moves_of(store, &PageQuery { size: 1, after: None }).await?;
    Ok(show(tx, found.rows).await?.pop())
}

async fn show(tx: &Queries, moves: Vec<MoveRecord>) -> Result<Vec<v1::StoreMove>, Fault> {
    let names = site_names(tx).await?;
    let stores: BTreeSet<StoreId> = moves.iter().map(|row| row.store).collect();
    let stores: BTreeMap<StoreId, _> = lookup::stores(tx, &stores).await?;
    let shown = moves.into_iter().map(|row| {
        let waits_for = row.waits_for.map(|wait| words(wait, &row)).unwrap_or_default();
        let store = stores.get(&row.store).map(|store| &store.value);
        v1::StoreMove {
            store: Some(v1::SiteStore {
                id: row.store.to_string(),
                code: store.map(|store| store.code.clone()).unwrap_or_default(),
                name: store.map(|store| store.name.clone()).unwrap_or_default(),
            }),
            from: row.from.get().into(),
            from_name: names.get(&row.from).cloned().unwrap_or_default(),
            to: row.to.get().into(),
            to_name: names.get(&row.to).cloned().unwrap_or_default(),
            state: state_to_wire(row.state).into(),
            waits_for,
            forced: row.forced,
            missing: row.missing,
            begin_time: time_text(Some(row.begun_at)),
            released_time: time_text(row.released_at),
            held_time: time_text(row.held_at),
            end_time: time_text(row.ended_at),
        }
    });
    Ok(shown.collect())
}

fn state_to_wire(state: MoveState) -> v1::MoveState {
    match state {
        MoveState::UnderWay => v1::MoveState::UnderWay,
        MoveState::Moved => v1::MoveState::Moved,
        MoveState::Cancelled => v1::MoveState::Cancelled,
        MoveState::Aborted => v1::MoveState::Aborted,
    }
}

/// What a move waits for, and what to do about it.
fn words(wait: MoveWait, row: &MoveRecord) -> String {
    let (from, to) = (row.from, row.to);
    match wait {
        MoveWait::Loading => format!(
            "site {to} has to load the store's data first, in its next session; site {from} goes on as before until then"
        ),
        MoveWait::OldSite => format!(
            "site {from} has not said that it has stopped: it does so in its next session, once all that it recorded is here"
        ),
        MoveWait::OldSiteData => {
            format!("site {from} has stopped; what it recorded last is still on its way")
        }
        MoveWait::Quarantine => {
            "changes of the store are in quarantine: accept or discard them first (`quarantine`)".to_owned()
        }
        MoveWait::NewSite if to.is_primary() => {
            "the primary can't read all of the store's records yet: update it first".to_owned()
        }
        MoveWait::NewSite => {
            format!("site {to} does not hold all of the store's data yet: it loads them in its next session")
        }
    }
}
