//! One record by its key, and the faults about versions that every command shares.

use supplysync_model::{Fault, FaultCode, Reason, RecordKey};
use supplysync_record_codec::RecordBody;
use supplysync_store::query::Versioned;
use supplysync_store::{Etag, Queries};

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
