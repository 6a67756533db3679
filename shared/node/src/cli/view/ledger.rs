//! The ledger: per store and receiver, whether every record of the owner is accounted for.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, thousands};

/// All lines of the ledger that the server has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerView {
    /// Whether every line with nothing pending adds up.
    pub ok: bool,
    /// One line for each store and receiver.
    pub rows: Vec<LedgerRow>,
}

/// One store at one receiver. Whenever nothing is pending, `owner_records = held + quarantined`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// The store's code.
    pub store: String,
    /// The store's name.
    pub store_name: String,
    /// Sync ID of the site where it is active.
    pub owner: u32,
    /// That site's name.
    pub owner_name: String,
    /// Sync ID of the site that keeps a copy.
    pub receiver: u32,
    /// That site's name.
    pub receiver_name: String,
    /// Sync ID of the end that counted.
    pub counted_by: u32,
    /// Live records that the owner has, as far as this end knows.
    pub owner_records: u64,
    /// Records that the receiver holds.
    pub held: u64,
    /// Of those, applied but not yet readable there.
    pub parked: u64,
    /// Records whose latest version the receiver put aside.
    pub quarantined: u64,
    /// Records whose latest version is not there yet.
    pub pending: u64,
    /// Whether it adds up, or something is still pending.
    pub balanced: bool,
}

impl From<v1::GetLedgerResponse> for LedgerView {
    fn from(answer: v1::GetLedgerResponse) -> LedgerView {
        LedgerView {
            ok: answer.ok,
            rows: answer.rows.into_iter().map(LedgerRow::from).collect(),
        }
    }
}

impl From<v1::LedgerRow> for LedgerRow {
    fn from(row: v1::LedgerRow) -> LedgerRow {
        LedgerRow {
            store: row.store_code,
            store_name: row.store_name,
            owner: row.owner,
            owner_name: row.owner_name,
            receiver: row.receiver,
            receiver_name: row.receiver_name,
            counted_by: row.counted_by,
            owner_records: row.owner_records,
            held: row.held,
            parked: row.parked,
            quarantined: row.quarantined,
            pending: row.pending,
            balanced: row.balanced,
        }
    }
}

impl Answer for LedgerView {
    fn for_people(&self, width: Option<u16>) -> String {
        let columns = [
            "store",
            "owner",
            "receiver",
            ">owner has",
            ">held",
            ">parked",
            ">put aside",
            ">pending",
            "adds up",
        ];
        let mut grid = Grid::new(&columns, width);
        for row in &self.rows {
            grid.row([
                row.store.clone(),
                format!("{} {}", row.owner, row.owner_name),
                format!("{} {}", row.receiver, row.receiver_name),
                thousands(row.owner_records),
                thousands(row.held),
                thousands(row.parked),
                thousands(row.quarantined),
                thousands(row.pending),
                row.verdict().to_owned(),
            ]);
        }
        let rows = grid.or("no copies of stores are kept or sent here");
        if self.ok {
            rows
        } else {
            format!("{rows}\n\nThe ledger does not add up: see the lines marked NO, and `verify`.")
        }
    }
}

impl LedgerRow {
    fn verdict(&self) -> &'static str {
        match (self.balanced, self.pending) {
            (true, 0) => "yes",
            (true, _) => "on its way",
            (false, _) => "NO",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(held: u64, pending: u64, balanced: bool) -> v1::LedgerRow {
        v1::LedgerRow {
            store_code: "HOSP".into(),
            owner: 2,
            owner_name: "Hospital".into(),
            receiver: 1,
            receiver_name: "Primary".into(),
            owner_records: 1_204,
            held,
            quarantined: 1,
            pending,
            balanced,
            ..v1::LedgerRow::default()
        }
    }

    #[test]
    fn the_ledger_says_what_does_not_add_up() {
        let answer = v1::GetLedgerResponse {
            ok: false,
            rows: vec![row(1_203, 0, true), row(900, 304, true), row(1_200, 0, false)],
        };
        let expected = "\
store  owner       receiver   owner has   held  parked  put aside  pending  adds up
───────────────────────────────────────────────────────────────────────────────────────
HOSP   2 Hospital  1 Primary      1,204  1,203       0          1        0  yes
HOSP   2 Hospital  1 Primary      1,204    900       0          1      304  on its way
HOSP   2 Hospital  1 Primary      1,204  1,200       0          1        0  NO

The ledger does not add up: see the lines marked NO, and `verify`.";
        assert_eq!(LedgerView::from(answer).for_people(None), expected);
    }
}
