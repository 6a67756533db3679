//! What goes wrong with an operation is told as what it is; nobody exchanges anything who is not understood; a link that is
//! whole is not given up.

use supplysync_model::Reason;

use super::{Check, Violation};
use crate::CloseReason;
use crate::simulator::world::{Observation, World};

const TOLD: &str = "invariant_told";
const UNDERSTOOD: &str = "invariant_p10_right_identity";
const WHOLE: &str = "invariant_whole_link";

/// A session that ends because of a full disk says so; none begins without a common protocol; silence is of the other end.
pub fn invariant_told(_: &World, seen: &Observation) -> Check {
    match seen {
        Observation::EndedBy(at, Reason::DISK_FULL, reason) => {
            let right = match reason {
                CloseReason::Failed(refused) => refused.reason == Reason::DISK_FULL.0 && refused.retryable,
                CloseReason::Drained | CloseReason::PeerClosed | CloseReason::Stopped => true,
                _ => false,
            };
            if right {
                return Ok(());
            }
            let what = format!("the disk of process {} is full, told is {reason:?}", at.process);
            Err(Violation::new(TOLD, what))
        }
        Observation::Misunderstood(at) => {
            let what = format!(
                "{:?} of {} is ready without a common protocol",
                at.end, at.connection
            );
            Err(Violation::new(UNDERSTOOD, what))
        }
        Observation::GaveUp(at) => {
            let what = format!(
                "{:?} of {} hears nothing, though the link is whole and the other end well",
                at.end, at.connection
            );
            Err(Violation::new(WHOLE, what))
        }
        _ => Ok(()),
    }
}
