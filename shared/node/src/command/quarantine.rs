//! Ending the quarantine of a change: what was decided, by whom and why stays in the audit log.

use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_store::query::Quarantined;
use supplysync_store::{AuditEntry, Store, WriteTx};
use uuid::Uuid;

use super::caller::Caller;
use super::ownership::site_name;

/// The longest note, in characters.
const MAX_NOTE: usize = 500;

/// Gives a change in quarantine up. Refused where the site that it came from has the store now: it holds this very
/// version, so to give it up here would leave the two different for good. Returns the change as it was.
pub async fn discard(store: &Store, id: Uuid, note: String, caller: Caller) -> Result<Quarantined, Fault> {
    if note.chars().count() > MAX_NOTE {
        return Err(Fault::field(
            "note",
            format!("is longer than {MAX_NOTE} characters"),
        ));
    }
    store
        .write("discard quarantined change", move |tx| {
            let (note, caller) = (note.clone(), caller.clone());
            Box::pin(async move {
                let change = tx.find_quarantined(id).await?.ok_or_else(|| not_found(id))?;
                refuse_the_owners_own(tx, &change).await?;
                let said = match note.as_str() {
                    "" => format!("discarded by {}", caller.principal),
                    note => format!("discarded by {}: {note}", caller.principal),
                };
                tx.resolve_quarantine(id, &said).await?;
                let version = format!("{}.{}", change.epoch, change.revision);
                let old = format!(
                    "{} {version} of {}, from site {}, {}: {:?}",
                    change.key, change.channel, change.from_site, change.reason, change.body
                );
                let at = tx.now();
                tx.audit(AuditEntry {
                    at,
                    principal: caller.principal,
                    from: caller.from,
                    action: "quarantine.discard".to_owned(),
                    subject: id.to_string(),
                    old,
                    new: note,
                })
                .await?;
                Ok(change)
            })
        })
        .await
}

async fn refuse_the_owners_own(tx: &WriteTx, change: &Quarantined) -> Result<(), Fault> {
    let Some(store) = change.channel.store() else {
        return Ok(());
    };
    let owner = tx.assignment(store).await?.map(|assignment| assignment.site);
    if owner != Some(change.from_site) || change.from_site == tx.sync_id() {
        return Ok(());
    }
    let name = site_name(tx, change.from_site).await?;
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::QUARANTINE_OF_OWNER,
        format!(
            "site {} ({name}), where the store is active, has this change itself: change the record there, and this entry is resolved when that arrives",
            change.from_site
        ),
    ))
}

fn not_found(id: Uuid) -> Fault {
    Fault::new(
        FaultCode::NotFound,
        Reason::QUARANTINE_NOT_FOUND,
        format!("nothing with id {id} is in quarantine here: it may be resolved already"),
    )
}
