//! Placeholder.
use super::Round;
use crate::Outcome;

/// Not yet.
pub async fn packet_loss(_seed: u64) -> Outcome<Round> {
    Ok(Round::Skipped("not written yet".into()))
}
