//! When to dial next: pure, from how the last try went, the rhythm, and random bits.

use std::time::Duration;

use supplysync_model::Reason;
use supplysync_sync_core::{CloseReason, full_jitter};

use crate::rhythm::Rhythm;

/// While paused this site still asks for commands, so that a pause can be lifted from the primary too.
pub const PAUSED_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// The least time before trying again what a person must put right first; `sync-now` does not wait.
const REFUSED_WAIT: Duration = Duration::from_secs(60);
/// A session that lasted this long was well: after it, waits begin small again.
const STEADY: Duration = Duration::from_secs(10);

/// How the last try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// There was none.
    Never,
    /// Everything was exchanged, or we ended it to begin another way.
    Done,
    /// It failed, for the `attempt`th time in a row (from 0); trying again may work.
    Lost {
        /// How many before it failed so.
        attempt: u32,
    },
    /// A step of the recovery of the primary's database was done, and the rest is for the next session, also while paused.
    Again,
    /// It was refused, and will be until a person does something.
    Refused,
}

impl Last {
    /// After a session.
    pub fn of_session(self, reason: &CloseReason, ready: bool, lasted: Duration) -> Last {
        match reason {
            CloseReason::Drained => Last::Done,
            CloseReason::Stopped => Last::Done,
            CloseReason::Refused(refused) if !refused.retryable => Last::Refused,
            CloseReason::Refused(refused) if ready && refused.reason == Reason::RECOVERY_PENDING.0 => {
                Last::Again
            }
            _ if ready && lasted >= STEADY => Last::Lost { attempt: 0 },
            _ => self.lost(),
        }
    }

    /// After a try that led to no session.
    pub fn of_fault(self, retryable: bool) -> Last {
        if retryable { self.lost() } else { Last::Refused }
    }

    fn lost(self) -> Last {
        let attempt = match self {
            Last::Lost { attempt } => attempt.saturating_add(1),
            _ => 0,
        };
        Last::Lost { attempt }
    }

    /// How long to wait, from the end of the last try.
    pub fn wait(self, rhythm: Rhythm, random: u64) -> Duration {
        if rhythm.paused() && self != Last::Again {
            return PAUSED_INTERVAL;
        }
        match self {
            Last::Never => Duration::ZERO,
            Last::Again => full_jitter(0, random),
            Last::Done if rhythm.live => Duration::ZERO,
            Last::Done => rhythm.interval(),
            Last::Lost { attempt } => full_jitter(attempt, random),
            Last::Refused => REFUSED_WAIT + full_jitter(u32::MAX, random),
        }
    }
}

#[cfg(test)]
mod tests {
    use supplysync_sync_core::Refused;

    use super::*;

    const LIVE: Rhythm = Rhythm {
        interval_minutes: 5,
        live: true,
    };
    const INTERVAL: Rhythm = Rhythm {
        interval_minutes: 5,
        live: false,
    };
    const PAUSED: Rhythm = Rhythm {
        interval_minutes: 0,
        live: true,
    };

    #[test]
    fn each_end_has_its_wait() {
        assert_eq!(Last::Never.wait(LIVE, 7), Duration::ZERO);
        assert_eq!(Last::Done.wait(INTERVAL, 7), Duration::from_secs(300));
        assert_eq!(
            Last::Lost { attempt: 0 }.wait(LIVE, 400),
            Duration::from_millis(400)
        );
        assert!(Last::Refused.wait(LIVE, 0) >= Duration::from_secs(60));
        for last in [Last::Never, Last::Done, Last::Lost { attempt: 3 }, Last::Refused] {
            assert_eq!(last.wait(PAUSED, 7), PAUSED_INTERVAL, "{last:?}");
        }
    }

    #[test]
    fn waits_grow_until_a_session_is_steady() {
        let short = Duration::from_secs(1);
        let mut last = Last::Never;
        for attempt in 0..3 {
            last = last.of_session(&CloseReason::PeerClosed, true, short);
            assert_eq!(last, Last::Lost { attempt });
        }
        last = last.of_fault(true);
        assert_eq!(last, Last::Lost { attempt: 3 });
        last = last.of_session(&CloseReason::LinkLost, true, Duration::from_secs(60));
        assert_eq!(last, Last::Lost { attempt: 0 });
    }

    #[test]
    fn who_has_given_back_what_the_primary_lost_comes_again_at_once_even_while_paused() {
        let refused = Refused::new(Reason::RECOVERY_PENDING, "all is given back").retryable();
        let closed = CloseReason::Refused(refused);
        let last = Last::Never.of_session(&closed, true, Duration::ZERO);
        assert_eq!(last.wait(PAUSED, 400), Duration::from_millis(400));
        // Who is told to wait before it was let in waits longer each time.
        let waits = Last::Lost { attempt: 1 }.of_session(&closed, false, Duration::ZERO);
        assert_eq!(waits, Last::Lost { attempt: 2 });
        assert_eq!(waits.wait(PAUSED, 400), PAUSED_INTERVAL);
    }

    #[test]
    fn what_a_person_must_put_right_is_not_hammered() {
        let refused = Refused::new(Reason::SATELLITE_LINEAGE_BROKEN, "restored");
        let closed = CloseReason::Refused(refused.clone());
        assert_eq!(
            Last::Never.of_session(&closed, false, Duration::ZERO),
            Last::Refused
        );
        let closed = CloseReason::Refused(refused.retryable());
        assert_eq!(
            Last::Never.of_session(&closed, false, Duration::ZERO),
            Last::Lost { attempt: 0 }
        );
        assert_eq!(Last::Never.of_fault(false), Last::Refused);
    }
}
