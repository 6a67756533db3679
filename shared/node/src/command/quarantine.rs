//! Deciding on a change in quarantine: it is given up, or accepted, which only the owner can do. What was decided, by whom
//! and why stays in the audit log.

use supplysync_model::{Assignment, AssignmentState, Fault, FaultCode, Reason, SyncId};
use supplysync_store::query::Quarantined;
use supplysync_store::{AuditEntry, Store, WriteTx};
use uuid::Uuid;

use super::accepted::{accept_change, require_acceptable};
use super::caller::Caller;
use super::ownership::site_name;

/// The longest note, in characters.
const MAX_NOTE: usize = 500;

/// Gives a change in quarantine up. Refused where the site that it came from has the store now: it holds this very
/// version, so to give it up here would leave the two different for good. Returns the change as it was.
pub async fn discard(store: &Store, id: Uuid, note: String, caller: Caller) -> Result<Quarantined, Fault> {
    check_note(&note)?;
    store
        .write("discard quarantined change", move |tx| {
            let (note, caller) = (note.clone(), caller.clone());
            Box::pin(async move {
                let change = tx.find_quarantined(id).await?.ok_or_else(|| not_found(id))?;
                refuse_the_owners_own(tx, &change).await?;
                refuse_undecided(tx, &change).await?;
                tx.withdraw_proposal(id).await?;
                let said = match note.as_str() {
                    "" => format!("discarded by {}", caller.principal),
                    note => format!("discarded by {}: {note}", caller.principal),
                };
                tx.resolve_quarantine(id, &said).await?;
                audit(tx, &change, caller, "quarantine.discard", note).await?;
                Ok(change)
            })
        })
        .await
}

/// What accepting a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// This site owns the store, and has written it; in words.
    Written(String),
    /// It was put to the site where the store is active, which decides by its own rules.
    Proposed(SyncId),
    /// The primary gets it into its quarantine, where it can be put to the owner.
    HandedOver,
}

/// Asks that a change in quarantine be accepted: where the store is active it is written as a new change at once, the
/// primary puts it to that site, and another satellite hands it to the primary. Returns the entry as it was.
///
/// # Errors
/// Those of writing it; `QUARANTINE_PROPOSED` where that was done already; `QUARANTINE_OF_OWNER`; `STORE_DRAINING` where
/// nobody can write it until the store has arrived.
pub async fn accept(
    store: &Store,
    id: Uuid,
    note: String,
    caller: Caller,
) -> Result<(Quarantined, Accepted), Fault> {
    check_note(&note)?;
    store
        .write("accept quarantined change", move |tx| {
            let (note, caller) = (note.clone(), caller.clone());
            Box::pin(async move {
                let entry = tx.find_quarantined(id).await?.ok_or_else(|| not_found(id))?;
                let change = tx.quarantined_change(id).await?.ok_or_else(|| not_found(id))?;
                let at = require_acceptable(&change)?;
                refuse_the_owners_own(tx, &entry).await?;
                refuse_undecided(tx, &entry).await?;
                let owner = tx.assignment(at).await?;
                let here = tx.sync_id();
                if let Some(owner) = owner
                    .as_ref()
                    .filter(|owner| here.is_primary() || owner.site == here)
                {
                    refuse_on_its_way(owner)?;
                }
                let accepted = match owner.filter(|owner| owner.site != here) {
                    None => {
                        let words = accept_change(tx, &change).await?;
                        tx.withdraw_proposal(id).await?;
                        let said = format!("accepted by {}: {words}", caller.principal);
                        tx.resolve_quarantine(id, &said).await?;
                        Accepted::Written(words)
                    }
                    Some(_) if !here.is_primary() => {
                        tx.ask_for(id, &caller.principal, &note).await?;
                        Accepted::HandedOver
                    }
                    Some(owner) => {
                        tx.propose(&entry, owner.site, &caller.principal, &note).await?;
                        Accepted::Proposed(owner.site)
                    }
                };
                let said = match &accepted {
                    Accepted::Written(words) => words.clone(),
                    Accepted::Proposed(site) => format!("put to site {site}"),
                    Accepted::HandedOver => "goes to the primary's quarantine".to_owned(),
                };
                let said = match note.as_str() {
                    "" => said,
                    note => format!("{said}: {note}"),
                };
                audit(tx, &entry, caller, "quarantine.accept", said).await?;
                Ok((entry, accepted))
            })
        })
        .await
}

fn check_note(note: &str) -> Result<(), Fault> {
    if note.chars().count() > MAX_NOTE {
        return Err(Fault::field(
            "note",
            format!("is longer than {MAX_NOTE} characters"),
        ));
    }
    Ok(())
}

async fn audit(
    tx: &mut WriteTx,
    change: &Quarantined,
    caller: Caller,
    action: &str,
    note: String,
) -> Result<(), Fault> {
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
        action: action.to_owned(),
        subject: change.id.to_string(),
        old,
        new: note,
    })
    .await
}

/// What was put to the present owner, or is being handed to the primary, is decided there.
async fn refuse_undecided(tx: &WriteTx, change: &Quarantined) -> Result<(), Fault> {
    if change.asked_by.is_none() {
        return Ok(());
    }
    let message = match change.proposed_to {
        None => "it is being handed to the primary: decide on it there".to_owned(),
        Some(site) => {
            let owner = match change.channel.store() {
                Some(store) => tx.assignment(store).await?.map(|owner| owner.site),
                None => None,
            };
            if owner != Some(site) {
                return Ok(());
            }
            let name = site_name(tx, site).await?;
            format!("it was put to site {site} ({name}), which has not answered yet: wait for its answer")
        }
    };
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::QUARANTINE_PROPOSED,
        message,
    ))
}

fn refuse_on_its_way(owner: &Assignment) -> Result<(), Fault> {
    let AssignmentState::Draining { to } = owner.state else {
        return Ok(());
    };
    let message = format!(
        "the store is on its way to site {to}, and the move waits for this change: cancel the move, accept the change, \
         and move the store again; or discard the change"
    );
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::STORE_DRAINING,
        message,
    ))
}

async fn refuse_the_owners_own(tx: &WriteTx, change: &Quarantined) -> Result<(), Fault> {
    let Some(store) = change.channel.store() else {
        return Ok(());
    };
    let owner = tx.assignment(store).await?.map(|assignment| assignment.site);
    let has_it = owner == Some(change.from_site) && !change.former;
    if !has_it || change.from_site == tx.sync_id() {
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
