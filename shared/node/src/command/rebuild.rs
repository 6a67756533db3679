//! Making all rows of the typed tables again from the records: in steps, so that others get the feed's lock in between.

use supplysync_model::Fault;
use supplysync_store::{AuditEntry, Rebuilding, Store};

use super::caller::Caller;
use crate::steps::{PAUSE, STEP};

/// Makes them again; what was done is in the audit log. One that is cut short has done no harm, and can be begun again.
pub async fn rebuild_projections(store: &Store, caller: Caller) -> Result<Rebuilding, Fault> {
    let mut rebuilding = Rebuilding::default();
    while !rebuilding.is_done() {
        rebuilding = store.rebuild_step(rebuilding, STEP).await?;
        tokio::time::sleep(PAUSE).await;
    }
    let done = in_words(&rebuilding);
    store
        .write("note a rebuilding", move |tx| {
            let entry = AuditEntry {
                at: tx.now(),
                principal: caller.principal.clone(),
                from: caller.from.clone(),
                action: "projections.rebuild".to_owned(),
                subject: "the typed tables".to_owned(),
                old: String::new(),
                new: done.clone(),
            };
            Box::pin(tx.audit(entry))
        })
        .await?;
    Ok(rebuilding)
}

/// What was done, for people.
pub fn in_words(done: &Rebuilding) -> String {
    format!(
        "the rows of {} records were made again; {} rows that no record accounts for are gone; {} records that were parked are readable now",
        done.records, done.strays, done.unparked
    )
}
