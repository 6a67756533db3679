//! P9: what is on its way is bounded: never more batches without an ack than the window allows, however slow the reader.

use super::{Check, Violation};
use crate::simulator::world::{Observation, World};

const NAME: &str = "invariant_p9_bounded";

/// A batch is sent only while there is room in the window.
pub fn invariant_p9_bounded(world: &World, seen: &Observation) -> Check {
    let Observation::BatchSent(at, unacknowledged) = seen else {
        return Ok(());
    };
    let window = world.window();
    if *unacknowledged <= window {
        return Ok(());
    }
    let what = format!(
        "{:?} of {} has {unacknowledged} batches without an ack, the window is {window}",
        at.end, at.connection
    );
    Err(Violation::new(NAME, what))
}
