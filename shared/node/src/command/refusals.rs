//! How many refused changes go into the audit log, so that a viewer can't fill it. Pure; kept in the database by
//! `authorisation`.

use serde::{Deserialize, Serialize};
use supplysync_model::Timestamp;

/// The most in an hour.
const MOST: u32 = 60;
const HOUR_MS: i64 = 3_600_000;

/// What was noted in this hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct RefusalsNoted {
    since: i64,
    count: u32,
}

/// Whether one more is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is.
    Fully,
    /// It is, and no other for a while.
    Last,
    /// It is not.
    Not,
}

impl RefusalsNoted {
    /// Counts one more.
    pub(super) fn another(&mut self, now: Timestamp) -> Noted {
        // Also where the clock went back.
        if now.0 < self.since || now.0 - self.since >= HOUR_MS {
            *self = RefusalsNoted {
                since: now.0,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        match self.count {
            count if count < MOST => Noted::Fully,
            MOST => Noted::Last,
            _ => Noted::Not,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_notes_sixty_refusals_and_says_so_at_the_last() {
        let mut noted = RefusalsNoted::default();
        let start = 10 * HOUR_MS;
        let outcomes: Vec<_> = (0..70)
            .map(|more| noted.another(Timestamp(start + more)))
            .collect();
        let of = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        assert_eq!((of(Noted::Fully), of(Noted::Last), of(Noted::Not)), (59, 1, 10));
        assert_eq!(outcomes[59], Noted::Last);
        assert_eq!(noted.another(Timestamp(start + HOUR_MS)), Noted::Fully);
        assert_eq!(
            noted.another(Timestamp(start - 1)),
            Noted::Fully,
            "the clock went back"
        );
    }
}
