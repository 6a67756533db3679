//! How long wrong authorisation codes lock unlocking. Pure; kept in the database by `authorisation`.

use serde::{Deserialize, Serialize};
use supplysync_model::{Fault, FaultCode, Reason, Timestamp};

/// Wrong codes that are forgiven.
const FREE_ATTEMPTS: u32 = 5;
/// The first lock; each further wrong code doubles it.
const FIRST_LOCK_MS: i64 = 60_000;
/// The longest lock.
const LONGEST_LOCK_MS: i64 = 3_600_000;

/// Attempts since the last right code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Lockout {
    attempts: u32,
    locked_until: i64,
}

impl Lockout {
    /// Counts an attempt before its code is looked at, so that attempts in parallel gain nothing.
    /// Refused while locked; a right code is to be followed by [`Lockout::default`].
    pub(super) fn attempt(self, now: Timestamp) -> Result<Lockout, Fault> {
        if now.0 < self.locked_until {
            let until = Timestamp(self.locked_until);
            return Err(Fault::new(
                FaultCode::ResourceExhausted,
                Reason::UNLOCK_LOCKED_OUT,
                format!("too many wrong authorisation codes: try again after {until}"),
            )
            .with_metadata("locked_until", until));
        }
        let attempts = self.attempts.saturating_add(1);
        let locked_until = match attempts.checked_sub(FREE_ATTEMPTS) {
            None => 0,
            Some(beyond) => {
                let lock = FIRST_LOCK_MS.saturating_mul(1i64 << beyond.min(10));
                now.0.saturating_add(lock.min(LONGEST_LOCK_MS))
            }
        };
        Ok(Lockout {
            attempts,
            locked_until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_wrong_code_locks_and_the_lock_grows() {
        let mut now = Timestamp(1_000);
        let mut lockout = Lockout::default();
        for _ in 0..4 {
            lockout = lockout.attempt(now).unwrap();
            assert_eq!(lockout.locked_until, 0);
        }
        let mut last = 0;
        for round in 0..10 {
            lockout = lockout.attempt(now).unwrap();
            let lock = lockout.locked_until - now.0;
            assert!(lock >= last && lock <= LONGEST_LOCK_MS);
            assert_eq!(lock > last, round < 7, "round {round}: {lock}");
            last = lock;
            let refused = lockout.attempt(Timestamp(lockout.locked_until - 1)).unwrap_err();
            assert_eq!(refused.reason(), Reason::UNLOCK_LOCKED_OUT);
            now = Timestamp(lockout.locked_until);
        }
    }
}
