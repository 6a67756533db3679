//! Whether a change is applied, a duplicate, or quarantined: pure, called by the store inside its transaction.

use supplysync_model::{Assignment, AssignmentState, Channel, Epoch, Reason, Record, RecordKey, SyncId};

/// What to do with an incoming record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Write it.
    Apply,
    /// It is there already; acknowledge it.
    Duplicate,
    /// Keep it aside, with this reason, and acknowledge it as refused.
    Quarantine(Reason),
}

/// A change that was refused, as the ack names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which record.
    pub key: RecordKey,
    /// Why.
    pub reason: Reason,
}

/// The verdict on a record pushed by `from` to the primary, in the order of DESIGN 6.3. `existing` is what the
/// primary holds; `assignment` is the present one of the record's store, read in the same transaction.
pub fn decide_push(
    existing: Option<&Record>,
    incoming: &Record,
    from: SyncId,
    assignment: Option<&Assignment>,
) -> Verdict {
    if let Some(existing) = existing
        && existing.hash == incoming.hash
    {
        return Verdict::Duplicate;
    }
    let Some(store) = incoming.channel.store() else {
        return Verdict::Quarantine(Reason::MASTER_DATA_IS_PRIMARY_ONLY);
    };
    if incoming.origin_site != from {
        return Verdict::Quarantine(Reason::NOT_OWNER);
    }
    if !incoming.channel.admits(incoming.key.kind) || existing.is_some_and(|e| e.channel != incoming.channel)
    {
        return Verdict::Quarantine(Reason::WRONG_CHANNEL);
    }
    let Some(assignment) = assignment.filter(|assignment| assignment.store == store) else {
        return Verdict::Quarantine(Reason::STORE_NOT_ASSIGNED);
    };
    if assignment.site != from {
        return Verdict::Quarantine(Reason::STORE_NOT_ACTIVE_HERE);
    }
    if incoming.epoch != assignment.epoch {
        return Verdict::Quarantine(Reason::STALE_EPOCH);
    }
    // Draining still takes what was written before: the old site stops editing when it applies the state.
    debug_assert!(matches!(
        assignment.state,
        AssignmentState::Active | AssignmentState::Draining { .. }
    ));
    match existing.map(version) {
        Some(held) if held > version(incoming) => Verdict::Duplicate,
        Some(held) if held == version(incoming) => Verdict::Quarantine(Reason::FORKED_VERSION),
        _ => Verdict::Apply,
    }
}

/// The verdict on a record of a repair: the primary asked the site `from`, where the store is active, for all that it has
/// in the channel. It obeys what comes, as a copy does, but only from that site, and only what may be there: the site's own
/// work, and what came with the store from those that had it before.
pub fn decide_repair(
    existing: Option<&Record>,
    incoming: &Record,
    from: SyncId,
    assignment: Option<&Assignment>,
) -> Verdict {
    if existing.is_some_and(|e| e.hash == incoming.hash && e.channel == incoming.channel) {
        return Verdict::Duplicate;
    }
    let Some(store) = incoming.channel.store() else {
        return Verdict::Quarantine(Reason::MASTER_DATA_IS_PRIMARY_ONLY);
    };
    if !incoming.channel.admits(incoming.key.kind) || existing.is_some_and(|e| e.channel != incoming.channel)
    {
        return Verdict::Quarantine(Reason::WRONG_CHANNEL);
    }
    let Some(assignment) = assignment.filter(|assignment| assignment.store == store) else {
        return Verdict::Quarantine(Reason::STORE_NOT_ASSIGNED);
    };
    if assignment.site != from {
        return Verdict::Quarantine(Reason::STORE_NOT_ACTIVE_HERE);
    }
    if incoming.epoch > assignment.epoch {
        return Verdict::Quarantine(Reason::STALE_EPOCH);
    }
    if incoming.epoch == assignment.epoch && incoming.origin_site != from {
        return Verdict::Quarantine(Reason::NOT_OWNER);
    }
    Verdict::Apply
}

/// The verdict on a record pulled in a channel that the receiver does not own: it obeys the feed.
pub fn decide_pull(existing: Option<&Record>, incoming: &Record) -> Verdict {
    match existing {
        Some(existing) if existing.hash == incoming.hash && existing.channel == incoming.channel => {
            Verdict::Duplicate
        }
        Some(existing) if existing.channel != incoming.channel => Verdict::Quarantine(Reason::WRONG_CHANNEL),
        _ => Verdict::Apply,
    }
}

fn version(record: &Record) -> (Epoch, u64) {
    (record.epoch, record.revision)
}

/// What a site itself keeps of a store's activation; read only where the assignment alone does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tenure {
    /// The version of the draining assignment that this site has aborted by itself.
    pub aborted: Option<u64>,
    /// Whether what came with the hand-over is all here, or was when this site began to write under this epoch.
    pub taken_over: bool,
}

/// Whether [`may_write`] needs the site's [`Tenure`] to judge this assignment.
pub fn tenure_matters(site: SyncId, assignment: &Assignment) -> bool {
    assignment.site == site && (assignment.state != AssignmentState::Active || assignment.hand_over.is_some())
}

/// P1: whether `site` may write records of `channel`, under the present assignment of its store.
pub fn may_write(
    channel: Channel,
    site: SyncId,
    assignment: Option<&Assignment>,
    tenure: Tenure,
) -> Result<(), Reason> {
    if channel.store().is_none() {
        return if site.is_primary() {
            Ok(())
        } else {
            Err(Reason::MASTER_DATA_IS_PRIMARY_ONLY)
        };
    }
    match assignment {
        None => Err(Reason::STORE_NOT_ASSIGNED),
        Some(assignment) if assignment.site != site => Err(Reason::STORE_NOT_ACTIVE_HERE),
        Some(assignment)
            if assignment.state != AssignmentState::Active && tenure.aborted != Some(assignment.version) =>
        {
            Err(Reason::STORE_DRAINING)
        }
        Some(assignment) if assignment.hand_over.is_some() && !tenure.taken_over => {
            Err(Reason::STORE_NOT_HERE_YET)
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
