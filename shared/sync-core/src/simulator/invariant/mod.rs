//! The promises as named checks, run after every step on what the step did, and on everything once there is peace.

mod admitted;
mod atomic;
mod bounded;
mod equal;
mod fenced;
mod gap;
mod given_back;
mod ledger;
mod loss;
mod once;
mod order;
mod orderly;
mod owner;
mod readable;
mod recovered;
mod told;

use supplysync_model::{Channel, RecordKey, Seq};

use super::store::ModelStore;
use super::world::{Observation, World};
use crate::Cursor;

pub use admitted::invariant_p10_right_identity;
pub use atomic::invariant_p5_atomic;
pub use bounded::invariant_p9_bounded;
pub use equal::invariant_p11_proven_equality;
pub use fenced::invariant_p7_fenced_moves;
pub(super) use fenced::unfinished;
pub use gap::invariant_p4_no_gap;
pub use ledger::invariant_p8_nothing_silent;
pub use loss::invariant_p2_no_acknowledged_loss;
pub use once::invariant_p3_exactly_once;
pub use order::invariant_p6_order;
pub use orderly::invariant_orderly;
pub use owner::invariant_p1_single_writer;
pub use readable::invariant_p6_readable;
pub use told::invariant_told;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which check found it.
    pub invariant: &'static str,
    /// What is wrong.
    pub what: String,
}

impl Violation {
    /// With words for whoever reads the seed's history.
    pub fn new(invariant: &'static str, what: impl Into<String>) -> Violation {
        Violation {
            invariant,
            what: what.into(),
        }
    }
}

/// What a check says.
pub type Check = Result<(), Violation>;

/// All checks that look at one step.
pub fn after_step(world: &World, seen: &[Observation]) -> Check {
    for observation in seen {
        invariant_p1_single_writer(world, observation)?;
        invariant_p2_no_acknowledged_loss(world, observation)?;
        invariant_p3_exactly_once(world, observation)?;
        invariant_p4_no_gap(world, observation)?;
        invariant_p5_atomic(world, observation)?;
        invariant_p6_order(world, observation)?;
        invariant_p7_fenced_moves(world, observation)?;
        invariant_p10_right_identity(world, observation)?;
        invariant_p11_proven_equality(world, observation)?;
        invariant_p8_nothing_silent(world, observation)?;
        invariant_orderly(world, observation)?;
        invariant_p6_readable(world, observation)?;
        invariant_p9_bounded(world, observation)?;
        invariant_told(world, observation)?;
    }
    Ok(())
}

/// All checks that look at the whole, once everything has drained.
pub fn at_peace(world: &World) -> Check {
    loss::at_peace(world)?;
    fenced::at_peace(world)?;
    recovered::at_peace(world)?;
    given_back::at_peace(world)?;
    ledger::at_peace(world)?;
    admitted::at_peace(world)?;
    equal::at_peace(world)
}

/// Whether a receiver at `cursor` has passed the record with that key and seq in the sender's feed.
pub(super) fn has_passed(cursor: Cursor, key: RecordKey, seq: Seq) -> bool {
    match cursor {
        Cursor::Following { seq: passed } => seq <= passed,
        Cursor::Loading { head, last } => seq <= head && last.is_some_and(|last| key <= last),
    }
}

/// Whether nothing of a channel is beyond a receiver's cursor.
pub(super) fn is_passed(sender: &ModelStore, channel: Channel, cursor: Cursor) -> bool {
    matches!(cursor, Cursor::Following { seq } if sender.feed(channel, seq).next().is_none())
}
