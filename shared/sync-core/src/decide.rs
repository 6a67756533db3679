//! Whether a change is applied, a duplicate, or quarantined: pure, called by the store inside its transaction.

use std::cmp::Ordering;

use supplysync_model::{Assignment, AssignmentState, Channel, Epoch, Reason, Record, RecordKey, Seq, SyncId};

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

/// How the primary stands to what is given back to a later life of its database (DESIGN 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivingBack {
    /// The counter of the primary's present life.
    pub life: u32,
    /// What of its own feed was certainly not lost: up to this version.
    pub kept: (Epoch, Seq),
    /// Whether the site that sends has not given back everything yet; what came to it from others counts only then.
    pub open: bool,
}

/// The verdict on a record that the site `from` pushes to a primary that was put back: its own work as ever, and what came
/// to it from others. Of that the latest version counts, whoever brings it, because each was written by its owner.
pub fn decide_give_back(
    existing: Option<&Record>,
    incoming: &Record,
    from: SyncId,
    assignment: Option<&Assignment>,
    giving: &GivingBack,
) -> Verdict {
    if existing.is_some_and(|held| held.hash == incoming.hash && held.channel == incoming.channel) {
        return Verdict::Duplicate;
    }
    if !incoming.channel.admits(incoming.key.kind) || existing.is_some_and(|e| e.channel != incoming.channel)
    {
        return Verdict::Quarantine(Reason::WRONG_CHANNEL);
    }
    let Some(store) = incoming.channel.store() else {
        return match giving.open {
            false => Verdict::Quarantine(Reason::MASTER_DATA_IS_PRIMARY_ONLY),
            true if !incoming.origin_site.is_primary() || is_anothers(incoming.channel, from) => {
                Verdict::Quarantine(Reason::NOT_OWNER)
            }
            true => latest(existing, incoming, giving),
        };
    };
    let Some(assignment) = assignment.filter(|assignment| assignment.store == store) else {
        return Verdict::Quarantine(Reason::STORE_NOT_ASSIGNED);
    };
    let present = incoming.origin_site == from && incoming.epoch == assignment.epoch;
    if present {
        return decide_push(existing, incoming, from, Some(assignment));
    }
    // What it wrote too late in a store that went elsewhere it pushes when it has given back the rest.
    if assignment.site != from && !giving.open {
        return Verdict::Quarantine(Reason::STORE_NOT_ACTIVE_HERE);
    }
    // Once all has been said anew, the primary takes nothing into its own stores any more; and into those of a site what that
    // had before then, unless the store has moved since. What it neither brings nor wrote it may not have: in the lost life
    // the store may have been elsewhere.
    let renewed = assignment.epoch.incarnation >= giving.life;
    let had = [from, incoming.origin_site].contains(&assignment.site);
    let closed = renewed && (assignment.site.is_primary() || assignment.hand_over.is_some() || !had);
    match latest(existing, incoming, giving) {
        Verdict::Apply if closed || incoming.epoch > assignment.epoch => {
            Verdict::Quarantine(Reason::STALE_EPOCH)
        }
        verdict => verdict,
    }
}

/// Whether only another site is told what is in a channel.
fn is_anothers(channel: Channel, site: SyncId) -> bool {
    matches!(channel, Channel::Site(of) if of != site)
}

/// The later version stays. What was written in the present life stands beside what was lost, but for what that was made on.
fn latest(existing: Option<&Record>, incoming: &Record, giving: &GivingBack) -> Verdict {
    let Some(existing) = existing else {
        return Verdict::Apply;
    };
    match version(existing).cmp(&version(incoming)) {
        Ordering::Less => Verdict::Apply,
        Ordering::Equal => Verdict::Quarantine(Reason::FORKED_VERSION),
        Ordering::Greater => {
            let apart = existing.epoch.incarnation >= giving.life && version(incoming) > giving.kept;
            match apart && incoming.epoch.incarnation < giving.life {
                true => Verdict::Quarantine(Reason::FORKED_VERSION),
                false => Verdict::Duplicate,
            }
        }
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
mod give_back_tests;
#[cfg(test)]
mod tests;
