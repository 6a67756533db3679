//! Moving stores between sites. Each change needs unlocked preferences and leaves a line in the audit log; how a move
//! goes on by itself is in the store.

use std::collections::BTreeSet;

use supplysync_model::{AssignmentState, Fault, FaultCode, Reason, StoreId};
use supplysync_node::command::lookup;
use supplysync_node::command::preferences::Authority;
use supplysync_store::{MoveOrder, Store as RecordStore, WriteTx};

use super::copies::require_whole;
use super::site::{audit, require_site};

/// Asks the site where a store is active to stop and hand it over; with force, skips that site.
pub async fn move_store(store: &RecordStore, order: MoveOrder, authority: Authority) -> Result<(), Fault> {
    store
        .write("move store", move |tx| {
            let authority = authority.clone();
            Box::pin(async move {
                authority.require(tx).await?;
                let target = require_site(tx, order.to).await?;
                let code = code_of(tx, order.store).await?;
                require_whole(tx, order.store, order.to).await?;
                let before = tx.assignment(order.store).await?;
                let now = tx.begin_move(order).await?;
                let from =
                    before.map_or_else(String::new, |before| format!("active on site {}", before.site));
                let how = match (order.forced, now.state) {
                    (_, AssignmentState::Active) if now.site == order.to => "handed over at once",
                    (_, AssignmentState::Active) => "which loads it first",
                    (true, _) => "forced: the present site is skipped",
                    (false, _) => "the present site is asked to stop",
                };
                let to = format!("to site {} ({}), {how}", order.to, target.name);
                audit(tx, authority, "stores.move", code, from, to).await
            })
        })
        .await
}

/// Leaves a store that is on its way where it is.
pub async fn cancel_move(store: &RecordStore, moved: StoreId, authority: Authority) -> Result<(), Fault> {
    store
        .write("cancel move", move |tx| {
            let authority = authority.clone();
            Box::pin(async move {
                authority.require(tx).await?;
                let code = code_of(tx, moved).await?;
                let stays = tx.cancel_move(moved).await?;
                let now = format!("stays on site {}", stays.site);
                audit(
                    tx,
                    authority,
                    "stores.cancel_move",
                    code,
                    "on its way".to_owned(),
                    now,
                )
                .await
            })
        })
        .await
}

async fn code_of(tx: &WriteTx, store: StoreId) -> Result<String, Fault> {
    let found = lookup::stores(tx, &BTreeSet::from([store])).await?;
    let found = found.get(&store).ok_or_else(|| {
        Fault::new(
            FaultCode::NotFound,
            Reason::RECORD_NOT_FOUND,
            format!("there is no store with id {store}"),
        )
    })?;
    Ok(found.value.code.clone())
}
