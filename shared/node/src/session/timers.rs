//! A session's time: a clock that no correction of the wall clock sets back or forth, and the machine's timers on it.

use std::time::Duration;

use supplysync_model::{Clock, Timestamp};
use supplysync_sync_core::TimerId;
use tokio::time::Instant;

/// The wall clock at the session's start, then elapsed time: a laptop whose clock is corrected keeps its sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionClock {
    started: Timestamp,
    at: Instant,
}

impl SessionClock {
    pub(super) fn start(clock: &dyn Clock) -> SessionClock {
        SessionClock {
            started: clock.now(),
            at: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.started.0.saturating_add(elapsed))
    }

    /// How long the session has run.
    pub(super) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }

    /// The first instant at which this clock shows `moment`.
    fn instant_of(&self, moment: Timestamp) -> Instant {
        self.at + Duration::from_millis(moment.millis_since(self.started))
    }
}

/// The timers that are armed.
#[derive(Debug, Default)]
pub(super) struct Timers(Vec<(TimerId, Instant)>);

impl Timers {
    pub(super) fn set(&mut self, id: TimerId, at: Timestamp, clock: &SessionClock) {
        self.cancel(id);
        self.0.push((id, clock.instant_of(at)));
    }

    pub(super) fn cancel(&mut self, id: TimerId) {
        self.0.retain(|(armed, _)| *armed != id);
    }

    /// When the next one fires.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(_, at)| *at).min()
    }

    /// Takes one that is due.
    pub(super) fn take_due(&mut self) -> Option<TimerId> {
        let now = Instant::now();
        let due = self.0.iter().position(|(_, at)| *at <= now)?;
        Some(self.0.swap_remove(due).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(1_795_000_000_000)
        }
    }

    #[tokio::test]
    async fn timers_fire_when_the_sessions_clock_says_so() {
        let clock = SessionClock::start(&Fixed);
        let mut timers = Timers::default();
        timers.set(TimerId::Silence, Timestamp(clock.now().0 + 60_000), &clock);
        timers.set(TimerId::Heartbeat, Timestamp(clock.now().0 + 20), &clock);
        timers.set(TimerId::Silence, Timestamp(clock.now().0 + 60), &clock);
        tokio::time::sleep_until(timers.next().unwrap()).await;
        assert_eq!(timers.take_due(), Some(TimerId::Heartbeat));
        timers.cancel(TimerId::Heartbeat);
        tokio::time::sleep_until(timers.next().unwrap()).await;
        assert!(clock.now() >= Timestamp(1_795_000_000_060));
        assert_eq!(timers.take_due(), Some(TimerId::Silence));
        assert_eq!(timers.next(), None);
    }
}
