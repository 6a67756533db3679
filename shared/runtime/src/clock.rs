//! The system's clock and random bits: the only places that read them.

use rand::TryRngCore;
use supplysync_model::{Clock, Random, Timestamp};
use time::UtcDateTime;

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others take")]
    fn now(&self) -> Timestamp {
        let nanos = UtcDateTime::now().unix_timestamp_nanos();
        Timestamp(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
    }
}

/// The operating system's random bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bytes16(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        if let Err(error) = rand::rngs::OsRng.try_fill_bytes(&mut bytes) {
            // Ids and keys that are not random would be worse than an end.
            panic!("the operating system gives no random bits: {error}");
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_in_this_century_and_bits_differ() {
        let now = SystemClock.now();
        assert!(now.utc().year() >= 2024 && now.utc().year() < 2100, "{now}");
        assert_ne!(SystemRandom.bytes16(), SystemRandom.bytes16());
    }
}
