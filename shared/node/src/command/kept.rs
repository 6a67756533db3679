//! One record by its key, and the faults about versions that every command shares.

use supplysync_model::{Fault, FaultCode, Reason, RecordKey, StoreId};
use supplysync_record_codec::RecordBody;
use supplysync_store::query::Versioned;
use supplysync_store::{Etag, Queries};

use super::ownership::site_name;

/// One record by its key; `None` when there is none, or when it was deleted for good.
pub async fn find(tx: &Queries, key: RecordKey) -> Result<Option<Versioned<RecordBody>>, Fault> {
    let Some(stored) = tx.get_record(key).await? else {
        return Ok(None);
    };
    let record = stored.record;
    if record.deleted && record.body.is_empty() {
        return Ok(None);
    }
    let value = RecordBody::of_record(&record).map_err(|error| {
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::MALFORMED_RECORD,
            format!("{key} can't be read by this version: {error}"),
        )
    })?;
    Ok(Some(Versioned {
        value,
        etag: Etag {
            epoch: record.epoch,
            revision: record.revision,
        },
        retired: record.deleted,
    }))
}

/// Refuses to show a store's data where they are not kept: an empty answer would read as "no stock".
pub async fn require_kept(tx: &Queries, store: StoreId) -> Result<(), Fault> {
    match tx.keeps(store).await? {
        true => Ok(()),
        false => Err(not_kept(tx, store).await?),
    }
}

/// "This site keeps no copy of the store."
async fn not_kept(tx: &Queries, store: StoreId) -> Result<Fault, Fault> {
    let code = match tx.stores(&[store]).await?.first() {
        Some(found) => found.value.code.clone(),
        None => store.to_string(),
    };
    // One that is active nowhere is kept everywhere.
    let assignment = tx.assignment(store).await?;
    let owner = assignment.map_or(tx.sync_id(), |assignment| assignment.site);
    let name = site_name(tx, owner).await?;
    let otherwise = match tx.sync_id().is_primary() {
        true => "have it kept here again",
        false => "have a copy granted on the primary",
    };
    let message = format!(
        "this site keeps no copy of store {code}: ask site {owner} ({name}), where it is active, or {otherwise}"
    );
    Ok(
        Fault::new(FaultCode::FailedPrecondition, Reason::COPY_NOT_KEPT, message)
            .with_metadata("store", store)
            .with_metadata("owner", owner)
            .with_metadata("owner_name", name),
    )
}

/// "There is no such record."
pub fn not_found(key: RecordKey) -> Fault {
    Fault::new(
        FaultCode::NotFound,
        Reason::RECORD_NOT_FOUND,
        format!("there is no {} with id {} on this site", key.kind, key.id),
    )
}

/// "Somebody else changed it."
pub fn stale(key: RecordKey) -> Fault {
    Fault::new(
        FaultCode::Aborted,
        Reason::STALE_ETAG,
        format!("{key} has changed since it was read: read it again and repeat the change"),
    )
}
