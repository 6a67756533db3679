//! Unlock tokens as they are kept: hashed, each with its end. Pure; kept in the database by `authorisation`.

use serde::{Deserialize, Serialize};
use supplysync_model::Timestamp;

/// How long a token is valid, in milliseconds.
const LIFETIME_MS: i64 = 600_000;
/// The most tokens at a time; one more ends the oldest.
const MOST: usize = 32;

/// The tokens that are valid, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct UnlockTokens {
    valid: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    hash: [u8; 32],
    until: i64,
}

impl UnlockTokens {
    /// Makes the token valid from now on, and says until when.
    pub(super) fn add(&mut self, token: &str, now: Timestamp) -> Timestamp {
        self.valid.retain(|entry| now.0 < entry.until);
        if self.valid.len() >= MOST {
            self.valid.remove(0);
        }
        let until = now.0.saturating_add(LIFETIME_MS);
        let hash = hash(token);
        self.valid.push(Entry { hash, until });
        Timestamp(until)
    }

    /// Whether the token is valid now.
    pub(super) fn holds(&self, token: &str, now: Timestamp) -> bool {
        // Hashes are compared, so how long it takes says nothing about a token.
        let hash = hash(token);
        (self.valid.iter()).any(|entry| entry.hash == hash && now.0 < entry.until)
    }

    /// Ends the token; false if it was not valid.
    pub(super) fn remove(&mut self, token: &str, now: Timestamp) -> bool {
        let held = self.holds(token, now);
        let hash = hash(token);
        self.valid
            .retain(|entry| entry.hash != hash && now.0 < entry.until);
        held
    }
}

fn hash(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lasts_ten_minutes_or_until_locked() {
        let mut tokens = UnlockTokens::default();
        let until = tokens.add("a", Timestamp(0));
        assert_eq!(until, Timestamp(600_000));
        assert!(tokens.holds("a", Timestamp(599_999)) && !tokens.holds("a", until));
        assert!(!tokens.holds("b", Timestamp(0)));
        assert!(tokens.remove("a", Timestamp(1)) && !tokens.holds("a", Timestamp(1)));
        assert!(!tokens.remove("a", Timestamp(1)));
        for number in 0..40 {
            tokens.add(&number.to_string(), Timestamp(0));
        }
        assert!(!tokens.holds("7", Timestamp(0)) && tokens.holds("8", Timestamp(0)));
    }
}
