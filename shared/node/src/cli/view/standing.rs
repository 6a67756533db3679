//! How each store's copies stand against their owner.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::table::{Grid, moment, thousands};

/// One site's copy of one store, or of the master lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandingRow {
    /// The store's code; empty for the master lists.
    pub store_code: String,
    /// The store's name.
    pub store_name: String,
    /// The Sync ID of the owner.
    pub owner: u32,
    /// Its name.
    pub owner_name: String,
    /// The Sync ID of the site whose copy it is.
    pub holder: u32,
    /// Its name.
    pub holder_name: String,
    /// identical, different, repairing, loading, behind, explained or not_compared.
    pub state: &'static str,
    /// The owner's seq at which it was identical; the sender's at which it differed; else 0.
    pub seq: u64,
    /// When, RFC 3339; empty for never.
    pub time: String,
    /// The same in words.
    pub summary: String,
}

impl From<v1::StoreStanding> for StandingRow {
    fn from(standing: v1::StoreStanding) -> StandingRow {
        StandingRow {
            state: match standing.state() {
                v1::StandingState::Identical => "identical",
                v1::StandingState::Different => "different",
                v1::StandingState::Repairing => "repairing",
                v1::StandingState::Loading => "loading",
                v1::StandingState::Behind => "behind",
                v1::StandingState::Explained => "explained",
                v1::StandingState::NotCompared => "not_compared",
                v1::StandingState::Unspecified => "unknown",
            },
            store_code: standing.store_code,
            store_name: standing.store_name,
            owner: standing.owner,
            owner_name: standing.owner_name,
            holder: standing.holder,
            holder_name: standing.holder_name,
            seq: standing.seq,
            time: standing.time,
            summary: standing.summary,
        }
    }
}

impl StandingRow {
    fn in_words(&self) -> String {
        match self.state {
            "identical" => {
                let (seq, time) = (thousands(self.seq), moment(&self.time));
                format!("identical to its owner at seq {seq}, {time}")
            }
            "different" => format!("DIFFERENT: {}", self.summary),
            _ => self.summary.clone(),
        }
    }
}

/// All of them; empty when there is none.
pub(super) fn table(rows: &[StandingRow], width: Option<u16>) -> String {
    let mut grid = Grid::new(&["store", "owner", "copy at", ""], width);
    for row in rows {
        let what = match row.store_code.is_empty() {
            true => &row.store_name,
            false => &row.store_code,
        };
        grid.row([
            what.clone(),
            format!("{} {}", row.owner, row.owner_name),
            format!("{} {}", row.holder, row.holder_name),
            row.in_words(),
        ]);
    }
    grid.or("")
}
