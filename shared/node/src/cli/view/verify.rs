//! The proof of equality: per channel, whether owner and copy had the same records at a named point.

use serde::Serialize;
use supplysync_api::v1;

use super::channel::{Proof, channel_name, direction};
use super::repair::CopyRow;
use crate::cli::output::Answer;
use crate::cli::table::{Grid, or_dash, thousands};

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyView {
    /// Nothing differs without an explanation, and there is no finding.
    pub ok: bool,
    /// One row for each channel and peer.
    pub channels: Vec<VerifyRow>,
    /// What this database says of itself.
    pub findings: Vec<Finding>,
    /// Records that were decoded, hashed and compared with the readable tables.
    pub records_checked: u64,
    /// The last repair of each copy that is held there.
    pub repairs: Vec<CopyRow>,
}

/// One channel compared with one peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyRow {
    /// The channel, with the store's code where it is a store's.
    pub channel: String,
    /// The other end's Sync ID; 0 where nobody else has the channel.
    pub peer: u32,
    /// The other end's name.
    pub peer_name: String,
    /// push or pull.
    pub direction: &'static str,
    /// The last comparison.
    pub proof: Proof,
    /// Live records here.
    pub own_count: u64,
    /// Their digest, hexadecimal.
    pub own_digest: String,
    /// Live records there.
    pub peer_count: u64,
    /// Their digest, hexadecimal.
    pub peer_digest: String,
    /// Quarantined records that explain a difference.
    pub quarantined: u64,
    /// For a copy of another satellite's store: the owner's seq at which the primary's copy was proven equal; 0 if not.
    pub owner_seq: u64,
    /// When that was, RFC 3339; empty if never.
    pub owner_time: String,
    /// The same in words.
    pub summary: String,
}

/// One defect of the database of the server that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The channel.
    pub channel: String,
    /// The record; empty for the channel as a whole.
    pub record: String,
    /// What is wrong with it.
    pub message: String,
}

impl From<v1::VerifyResponse> for VerifyView {
    fn from(answer: v1::VerifyResponse) -> VerifyView {
        VerifyView {
            ok: answer.ok,
            channels: answer.channels.into_iter().map(VerifyRow::from).collect(),
            findings: answer.findings.into_iter().map(Finding::from).collect(),
            records_checked: answer.records_checked,
            repairs: answer.repairs.into_iter().map(CopyRow::from).collect(),
        }
    }
}

impl From<v1::Finding> for Finding {
    fn from(finding: v1::Finding) -> Finding {
        Finding {
            channel: finding.channel,
            record: finding.record,
            message: finding.message,
        }
    }
}

impl From<v1::ChannelVerification> for VerifyRow {
    fn from(row: v1::ChannelVerification) -> VerifyRow {
        VerifyRow {
            channel: channel_name(&row.channel, &row.store_code),
            direction: direction(row.direction()),
            proof: Proof::new(row.result(), row.seq, row.time),
            peer: row.peer,
            peer_name: row.peer_name,
            own_count: row.own_count,
            own_digest: row.own_digest,
            peer_count: row.peer_count,
            peer_digest: row.peer_digest,
            quarantined: row.quarantined,
            owner_seq: row.owner_seq,
            owner_time: row.owner_time,
            summary: row.summary,
        }
    }
}

impl Answer for VerifyView {
    fn for_people(&self, width: Option<u16>) -> String {
        let columns = [
            "channel",
            "with site",
            "result",
            ">here",
            ">there",
            "digest",
            "summary",
        ];
        let mut grid = Grid::new(&columns, width);
        for row in &self.channels {
            grid.row([
                row.channel.clone(),
                row.site(),
                row.result(),
                thousands(row.own_count),
                row.there(),
                row.digests(),
                or_dash(&row.summary),
            ]);
        }
        let mut text = grid.or("nothing has been exchanged with another site yet");
        if self.records_checked > 0 {
            let count = thousands(self.records_checked);
            text += &format!(
                "\n\n{count} stored records were decoded, hashed and compared with the readable tables."
            );
        }
        if !self.findings.is_empty() {
            text += &format!("\n\n{}", self.defects(width));
        }
        if !self.repairs.is_empty() {
            let mut grid = Grid::new(&["channel", "last repair"], width);
            for repair in &self.repairs {
                grid.row([repair.channel.clone(), repair.summary.clone()]);
            }
            text += &format!("\n\n{}", grid.or(""));
        }
        let verdict = if self.ok {
            "Nothing differs that is not explained."
        } else {
            "NOT EQUAL: see the rows and findings above; `verify --repair` puts right what can be."
        };
        format!("{text}\n\n{verdict}")
    }
}

impl VerifyView {
    fn defects(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(&["channel", "record", "finding"], width);
        for finding in &self.findings {
            grid.row([
                finding.channel.clone(),
                or_dash(&finding.record),
                finding.message.clone(),
            ]);
        }
        grid.or("")
    }
}

impl VerifyRow {
    fn site(&self) -> String {
        match self.peer {
            0 => "-".to_owned(),
            peer => format!("{peer} {}", self.peer_name),
        }
    }

    fn result(&self) -> String {
        match self.proof.result {
            "different" => "DIFFERENT".to_owned(),
            result => result.replace('_', " "),
        }
    }

    fn there(&self) -> String {
        if self.proof.time.is_empty() {
            "-".to_owned()
        } else {
            thousands(self.peer_count)
        }
    }

    /// Enough of the digests to compare by eye; JSON has all of them.
    fn digests(&self) -> String {
        let short = |digest: &str| digest.chars().take(10).collect::<String>();
        if self.own_digest == self.peer_digest || self.peer_digest.is_empty() {
            or_dash(&short(&self.own_digest))
        } else {
            format!("{} ≠ {}", short(&self.own_digest), short(&self.peer_digest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(result: v1::Equality, peer_digest: &str) -> v1::ChannelVerification {
        v1::ChannelVerification {
            channel: "store/0198/stock".into(),
            store_code: "HOSP".into(),
            peer: 2,
            peer_name: "Hospital".into(),
            direction: v1::Direction::Push.into(),
            result: result.into(),
            own_count: 1_204,
            own_digest: "00112233445566778899aabbccddeeff".into(),
            peer_count: 1_204,
            peer_digest: peer_digest.into(),
            seq: 77,
            time: "2026-11-24T04:35:02Z".into(),
            summary: "at seq 77".into(),
            ..v1::ChannelVerification::default()
        }
    }

    #[test]
    fn a_difference_cannot_be_overlooked() {
        let answer = v1::VerifyResponse {
            ok: false,
            channels: vec![
                row(v1::Equality::Equal, "00112233445566778899aabbccddeeff"),
                row(v1::Equality::Different, "ff112233445566778899aabbccddeeff"),
            ],
            findings: vec![v1::Finding {
                channel: "master".into(),
                record: "item 0198".into(),
                message: "its hash is not that of its body".into(),
            }],
            records_checked: 20_000,
            repairs: vec![v1::CopyRepair {
                channel: "master".into(),
                summary: "repaired 1 record of the master lists".into(),
                ..v1::CopyRepair::default()
            }],
        };
        let expected = "\
channel     with site   result      here  there  digest                   summary
────────────────────────────────────────────────────────────────────────────────────
HOSP stock  2 Hospital  equal      1,204  1,204  0011223344               at seq 77
HOSP stock  2 Hospital  DIFFERENT  1,204  1,204  0011223344 ≠ ff11223344  at seq 77

20,000 stored records were decoded, hashed and compared with the readable tables.

channel  record     finding
─────────────────────────────────────────────────────
master   item 0198  its hash is not that of its body

channel  last repair
───────────────────────────────────────────────
master   repaired 1 record of the master lists

NOT EQUAL: see the rows and findings above; `verify --repair` puts right what can be.";
        assert_eq!(VerifyView::from(answer).for_people(None), expected);
    }
}
