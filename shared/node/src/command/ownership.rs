//! Early words on who owns what, so that a caller on the wrong site hears that before anything else.
//! The rule itself (P1) stands in the store's one write function.

use supplysync_model::{Assignment, Channel, Fault, FaultCode, Reason, StoreId, SyncId};
use supplysync_store::{NOT_HERE_YET, Queries};
use supplysync_sync_core::may_write;

/// Refuses on a satellite, naming the primary.
pub async fn require_primary(tx: &Queries) -> Result<(), Fault> {
    if tx.sync_id().is_primary() {
        return Ok(());
    }
    let name = site_name(tx, SyncId::PRIMARY).await?;
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::MASTER_DATA_IS_PRIMARY_ONLY,
        format!("master data is changed on the primary only (Sync ID 1, {name})"),
    )
    .with_metadata("owner", SyncId::PRIMARY)
    .with_metadata("owner_name", name))
}

/// Refuses unless this site may write the store's data now, naming who may.
pub async fn require_active(tx: &Queries, store: StoreId) -> Result<Assignment, Fault> {
    let Some(assignment) = tx.assignment(store).await? else {
        return Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::STORE_NOT_ASSIGNED,
            "the store is not active on any site yet: assign it on the primary",
        )
        .with_metadata("store", store));
    };
    let tenures = tx.tenures(std::iter::once(&assignment)).await?;
    let tenure = tenures.get(&store).copied().unwrap_or_default();
    let [stock, _] = Channel::of_store(store);
    let Err(reason) = may_write(stock, tx.sync_id(), Some(&assignment), tenure) else {
        return Ok(assignment);
    };
    let owner = assignment.site;
    if owner == tx.sync_id() {
        let message = match reason {
            Reason::STORE_NOT_HERE_YET => NOT_HERE_YET,
            _ => "the store is being moved to another site: wait until the move is done",
        };
        return Err(Fault::new(FaultCode::FailedPrecondition, reason, message).with_metadata("store", store));
    }
    let name = site_name(tx, owner).await?;
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::STORE_NOT_ACTIVE_HERE,
        format!("the store is active on site {owner} ({name}): its stock and transactions change there only"),
    )
    .with_metadata("store", store)
    .with_metadata("owner", owner)
    .with_metadata("owner_name", name))
}

/// What people call the site; a stand-in while its record has not arrived.
pub async fn site_name(tx: &Queries, site: SyncId) -> Result<String, Fault> {
    let found = tx.site(site).await?;
    Ok(found.map_or_else(|| "name not known here yet".to_owned(), |found| found.value.name))
}
