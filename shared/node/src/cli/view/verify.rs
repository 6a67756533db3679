//! The proof of equality: per channel, whether owner and copy had the same records at a named point.

use serde::Serialize;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, moment, or_dash};

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyView {
    /// Whether nothing differs without an explanation.
    pub equal: bool,
    /// One row for each channel and peer.
    pub rows: Vec<VerifyRow>,
    /// Whether bodies were decoded, hashed and compared with the readable tables.
    pub deep: bool,
    /// What the deep verification found wrong.
    pub findings: Vec<Finding>,
}

/// One channel compared with one peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyRow {
    /// The other end's Sync ID.
    pub peer: String,
    /// The channel, with the store's code where it is a store's.
    pub channel: String,
    /// equal, explained, different, or not compared yet.
    pub result: String,
    /// What explains a difference, or what to do about it; empty when equal.
    pub explanation: String,
    /// The owner's seq that both were compared at.
    pub seq: u64,
    /// When they were compared, RFC 3339.
    pub at: String,
    /// The owner's digest, hexadecimal.
    pub owner_digest: String,
    /// The copy's digest, hexadecimal.
    pub copy_digest: String,
}

/// One wrong row in the database of the server that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The record, or where it should be.
    pub record: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Answer for VerifyView {
    fn for_people(&self, width: Option<u16>) -> String {
        let columns = [
            "site",
            "channel",
            "result",
            ">at seq",
            "compared",
            "digest",
            "explanation",
        ];
        let mut grid = Grid::new(&columns, width);
        for row in &self.rows {
            grid.row([
                row.peer.clone(),
                row.channel.clone(),
                row.result.clone(),
                row.seq.to_string(),
                moment(&row.at),
                row.digests(),
                or_dash(&row.explanation),
            ]);
        }
        let mut text = grid.or("nothing has been exchanged with another site yet");
        if self.deep {
            text += &format!("\n\n{}", self.deep_findings(width));
        }
        text
    }
}

impl VerifyView {
    fn deep_findings(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(&["record", "problem"], width);
        for finding in &self.findings {
            grid.row([finding.record.clone(), finding.problem.clone()]);
        }
        grid.or("Every stored record hashes to what it should, and the readable tables say the same.")
    }
}

impl VerifyRow {
    /// Enough of the digests to compare by eye; JSON has all of them.
    fn digests(&self) -> String {
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        if self.owner_digest == self.copy_digest {
            or_dash(&short(&self.owner_digest))
        } else {
            format!("{} ≠ {}", short(&self.owner_digest), short(&self.copy_digest))
        }
    }
}
