//! How long to wait before the next attempt: exponential, with full jitter, so that a power cut that ends for a
//! whole province does not bring every satellite back in the same second.

use std::time::Duration;

/// The first ceiling.
const BASE_MS: u64 = 500;
/// The last.
const CEILING_MS: u64 = 60_000;

/// The wait before attempt `attempt` (0 is the first repeat): evenly spread from 0 up to a ceiling that doubles
/// from half a second to a minute. `random` is 64 random bits.
pub fn full_jitter(attempt: u32, random: u64) -> Duration {
    let ceiling = BASE_MS.saturating_mul(1u64.checked_shl(attempt.min(16)).unwrap_or(u64::MAX));
    Duration::from_millis(random % (ceiling.min(CEILING_MS) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_the_ceiling_and_use_all_of_it() {
        assert_eq!(full_jitter(0, 500), Duration::from_millis(500));
        assert_eq!(full_jitter(0, 501), Duration::ZERO);
        assert_eq!(full_jitter(3, 4_000), Duration::from_millis(4_000));
        for attempt in [7, 16, 40, u32::MAX] {
            assert_eq!(
                full_jitter(attempt, CEILING_MS),
                Duration::from_millis(CEILING_MS)
            );
            assert!(full_jitter(attempt, u64::MAX) <= Duration::from_millis(CEILING_MS));
        }
    }
}
