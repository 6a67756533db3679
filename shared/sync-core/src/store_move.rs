//! Moves of stores between sites (DESIGN 8), as pure rules: each step's assignment, what a site answers to it, and when
//! the primary may hand a store over. Who stores and sends what is not here.

use supplysync_model::{
    Assignment, AssignmentState, Epoch, HandOver, MoveReport, MoveStep, Seq, StoreTotals, SyncId,
};

/// What the primary knows of a move under way, read in the transaction that judges it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MoveFacts {
    /// What the primary holds of the store now.
    pub totals: StoreTotals,
    /// The final totals of the old site, once it has reported them.
    pub released: Option<StoreTotals>,
    /// What the new site reported last that it holds.
    pub held: Option<StoreTotals>,
    /// Whether the new site has acknowledged all of the store's channels to their last change: totals can be what they
    /// were before, once a record came and was deleted.
    pub caught_up: bool,
    /// Whether the old site is skipped.
    pub forced: bool,
    /// Changes of the store in open quarantine at the primary.
    pub quarantined: u64,
}

/// What the primary knows of a site that a store is to go to, before the present site is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadFacts {
    /// Whether it has heard of this move: a copy that it caught up with long ago says nothing of today.
    pub heard: bool,
    /// Whether it was caught up with all of the store's channels when it last spoke.
    pub caught_up: bool,
    /// Changes of the store in open quarantine at the primary: they would hold the move up once nobody writes.
    pub quarantined: u64,
}

/// What a move waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveWait {
    /// The new site has not loaded the store; the present site goes on.
    Loading,
    /// The old site has not reported that it has stopped.
    OldSite,
    /// The old site has stopped; what it wrote last has not arrived.
    OldSiteData,
    /// Refused changes of the store wait for somebody to resolve them.
    Quarantine,
    /// The new site does not hold everything yet.
    NewSite,
}

/// The assignment that asks the present site to stop: the move's first step where nothing has to be loaded before. `None` unless the store is active on
/// another site than `to`.
pub fn begun(from: &Assignment, to: SyncId) -> Option<Assignment> {
    let begins = from.state == AssignmentState::Active && from.site != to;
    begins.then(|| Assignment {
        version: from.version + 1,
        state: AssignmentState::Draining { to },
        ..from.clone()
    })
}

/// The assignment with which the new site loads the store first, while the present site goes on: nothing but its version
/// is new. `None` where nothing has to be loaded, because the primary is the new site, and as for [`begun`].
pub fn announced(from: &Assignment, to: SyncId) -> Option<Assignment> {
    begun(from, to)
        .filter(|_| !to.is_primary())
        .map(|draining| Assignment {
            state: AssignmentState::Active,
            ..draining
        })
}

/// Whether the present site may be asked to stop now: its users stand still from then on until the new site has
/// everything, so that one must be there and have the store but for what is being written, and nothing else may be left
/// to wait for.
pub fn judge_load(facts: &LoadFacts) -> Result<(), MoveWait> {
    if !facts.heard || !facts.caught_up {
        return Err(MoveWait::Loading);
    }
    match facts.quarantined {
        0 => Ok(()),
        _ => Err(MoveWait::Quarantine),
    }
}

/// The assignment that leaves the store where it is: a cancel by the administrator, or the old site's abort.
pub fn called_off(present: &Assignment) -> Assignment {
    Assignment {
        version: present.version + 1,
        state: AssignmentState::Active,
        ..present.clone()
    }
}

/// The assignment with which a primary that was put back says anew where a store is active, once its sites have given back
/// what they know: it stands above whatever was said in a life that is lost. A move under way is off.
pub fn renewed(present: &Assignment, incarnation: u32) -> Assignment {
    Assignment {
        epoch: Epoch {
            incarnation,
            counter: present.epoch.counter + 1,
        },
        // Whoever has the store has written in it, or could have: what came with it is there.
        hand_over: None,
        ..called_off(present)
    }
}

/// Whether the store may be handed over now; if so its assignment, which names what was handed over. `incarnation`
/// and `seq` are the primary's.
pub fn judge_move(
    draining: &Assignment,
    facts: &MoveFacts,
    incarnation: u32,
    seq: Seq,
) -> Result<Assignment, MoveWait> {
    let AssignmentState::Draining { to } = draining.state else {
        return Err(MoveWait::OldSite);
    };
    if !facts.forced {
        if !draining.site.is_primary() {
            match facts.released {
                None => return Err(MoveWait::OldSite),
                Some(released) if released != facts.totals => return Err(MoveWait::OldSiteData),
                Some(_) => {}
            }
        }
        if facts.quarantined > 0 {
            return Err(MoveWait::Quarantine);
        }
    }
    if facts.held != Some(facts.totals) || !facts.caught_up {
        return Err(MoveWait::NewSite);
    }
    let before = draining.epoch;
    Ok(Assignment {
        store: draining.store,
        site: to,
        epoch: Epoch {
            incarnation: incarnation.max(before.incarnation),
            counter: before.counter + 1,
        },
        version: draining.version + 1,
        state: AssignmentState::Active,
        hand_over: Some(HandOver {
            seq,
            totals: facts.totals,
        }),
    })
}

/// What a satellite itself knows of a store that is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnSide {
    /// What it holds of the store.
    pub totals: StoreTotals,
    /// Whether it has aborted this version of the move.
    pub aborted: bool,
    /// Whether the primary has acknowledged everything that it wrote.
    pub pushed: bool,
    /// Whether it has loaded the store's channels and can read every record in them.
    pub complete: bool,
}

/// What a satellite answers to a draining assignment; `None` where it has nothing to say (yet). Once it has said
/// `Released` it must not write the store again under this version: that is stored before it is sent.
pub fn answer(site: SyncId, draining: &Assignment, own: &OwnSide) -> Option<MoveReport> {
    let AssignmentState::Draining { to } = draining.state else {
        return None;
    };
    let step = if draining.site == site && own.aborted {
        MoveStep::Aborted
    } else if draining.site == site && own.pushed {
        MoveStep::Released(own.totals)
    } else if to == site && own.complete {
        MoveStep::Held(own.totals)
    } else {
        return None;
    };
    Some(MoveReport {
        store: draining.store,
        version: draining.version,
        step,
    })
}

#[cfg(test)]
mod tests;
