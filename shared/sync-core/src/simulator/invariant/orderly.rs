//! Where nothing goes wrong, no session ends by a fault: one that heals itself is a fault all the same.

use supplysync_model::Reason;

use super::{Check, Violation};
use crate::CloseReason;
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_orderly";

/// In a world without misfortune nobody breaks the protocol and no operation fails.
pub fn invariant_orderly(world: &World, seen: &Observation) -> Check {
    let Observation::Closed(at, reason) = seen else {
        return Ok(());
    };
    let disorder = match reason {
        CloseReason::Failed(_) => true,
        CloseReason::Refused(refused) => refused.reason != Reason::SHUTTING_DOWN.0,
        _ => false,
    };
    // Whoever was taken off the network is told so.
    let removed = matches!(reason, CloseReason::Refused(refused) if refused.reason == Reason::SITE_NOT_FOUND.0)
        && world.has_removed_any();
    if !world.is_kind() || !disorder || removed {
        return Ok(());
    }
    let what = format!("{:?} of {} ended with {reason:?}", at.end, at.connection);
    Err(Violation::new(NAME, what))
}
