//! Channels, directions and comparisons as people call them; used by several answers.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::table::moment;

/// `store/<id>/stock` as `HOSP stock`; what is no store's stays as it is.
pub fn channel_name(channel: &str, store_code: &str) -> String {
    match channel.rsplit_once('/') {
        Some((_, part)) if !store_code.is_empty() => format!("{store_code} {part}"),
        _ => channel.to_owned(),
    }
}

/// Which way a channel's records go.
pub fn direction(direction: v1::Direction) -> &'static str {
    match direction {
        v1::Direction::Push => "push",
        v1::Direction::Pull => "pull",
        v1::Direction::Unspecified => "unknown",
    }
}

/// The outcome of a comparison of a copy with its original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// equal, explained (by quarantined records), different, or not_compared_yet.
    pub result: &'static str,
    /// The sender's seq in the snapshot that was compared; 0 for never.
    pub seq: u64,
    /// When, RFC 3339; empty for never.
    pub time: String,
}

impl Proof {
    /// From what the server says.
    pub fn new(equality: v1::Equality, seq: u64, time: String) -> Proof {
        let result = match equality {
            v1::Equality::Equal => "equal",
            v1::Equality::Explained => "explained",
            v1::Equality::Different => "different",
            v1::Equality::NotComparedYet => "not_compared_yet",
            v1::Equality::Unspecified => "unknown",
        };
        Proof { result, seq, time }
    }

    /// As in `equal at seq 77, 2026-11-24 04:35:02Z`.
    pub fn in_words(&self) -> String {
        if self.time.is_empty() {
            return "not yet".to_owned();
        }
        let result = match self.result {
            "different" => "DIFFERENT",
            "explained" => "explained by what was put aside,",
            result => result,
        };
        format!("{result} at seq {}, {}", self.seq, moment(&self.time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_stores_have_their_codes() {
        assert_eq!(channel_name("store/0198/history", "HOSP"), "HOSP history");
        assert_eq!(channel_name("store/0198/history", ""), "store/0198/history");
        assert_eq!(channel_name("master", ""), "master");
        assert_eq!(channel_name("site/3", ""), "site/3");
    }
}
