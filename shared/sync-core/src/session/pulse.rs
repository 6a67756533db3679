//! Heartbeats and silence: whether the other end is still there.

use supplysync_model::Timestamp;

use crate::{Effect, SessionLimits, TimerId};

use super::say::Say;

pub(crate) struct Pulse {
    limits: SessionLimits,
    heard: Timestamp,
}

impl Pulse {
    pub(crate) fn new(limits: SessionLimits) -> Pulse {
        Pulse {
            limits,
            heard: Timestamp(0),
        }
    }

    pub(crate) fn start<M>(&mut self, now: Timestamp, effects: &mut Vec<Effect<M>>) {
        self.heard = now;
        effects.push(Effect::SetTimer(
            TimerId::Heartbeat,
            later(now, self.limits.heartbeat_ms),
        ));
        effects.push(Effect::SetTimer(
            TimerId::Silence,
            later(now, self.limits.silence_ms),
        ));
    }

    /// Something came.
    pub(crate) fn heard(&mut self, now: Timestamp) {
        self.heard = self.heard.max(now);
    }

    /// Says that we are here, and arms the next beat.
    pub(crate) fn beat<M: Say>(&self, now: Timestamp, effects: &mut Vec<Effect<M>>) {
        effects.push(Effect::Send(M::heartbeat()));
        effects.push(Effect::SetTimer(
            TimerId::Heartbeat,
            later(now, self.limits.heartbeat_ms),
        ));
    }

    /// The timer of silence fired: true when the link is dead, else it is armed again.
    pub(crate) fn silent<M>(&self, now: Timestamp, effects: &mut Vec<Effect<M>>) -> bool {
        let dead_at = later(self.heard, self.limits.silence_ms);
        if now >= dead_at {
            return true;
        }
        effects.push(Effect::SetTimer(TimerId::Silence, dead_at));
        false
    }
}

/// A moment that many milliseconds later.
pub(crate) fn later(now: Timestamp, millis: u32) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::from(millis)))
}
