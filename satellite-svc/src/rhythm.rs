//! When this site synchronises: the interval and the live flag. Which source decides is in `later`, following the
//! changes in `follow`, dialling in `dial`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use supplysync_sync_core::Mode;

/// How often, and whether the connection stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// Minutes between sessions; 0 pauses.
    pub interval_minutes: u32,
    /// Whether the session stays open.
    pub live: bool,
}

impl Rhythm {
    /// Whether synchronisation is paused.
    pub fn paused(self) -> bool {
        self.interval_minutes == 0
    }

    /// How a session runs under it.
    pub fn mode(self) -> Mode {
        if self.live && !self.paused() {
            Mode::Live
        } else {
            Mode::Drain
        }
    }

    /// The time between two sessions.
    pub fn interval(self) -> Duration {
        Duration::from_secs(u64::from(self.interval_minutes) * 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Rhythm = Rhythm {
        interval_minutes: 5,
        live: true,
    };
    const PAUSED: Rhythm = Rhythm {
        interval_minutes: 0,
        live: true,
    };
    const HOURLY: Rhythm = Rhythm {
        interval_minutes: 60,
        live: false,
    };

    #[test]
    fn a_pause_ends_live_sync_too() {
        assert_eq!(FIVE.mode(), Mode::Live);
        assert_eq!(PAUSED.mode(), Mode::Drain);
        assert_eq!(HOURLY.mode(), Mode::Drain);
        assert_eq!(HOURLY.interval(), Duration::from_secs(3_600));
    }
}
