//! The ledger: per store and receiver, whether every record of the owner is accounted for.

use serde::Serialize;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, thousands};

/// All lines of the ledger that the server has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerView {
    /// Whether every line adds up.
    pub adds_up: bool,
    /// One line for each store and receiver.
    pub rows: Vec<LedgerRow>,
}

/// One store at one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// The store's code, or `master data`.
    pub store: String,
    /// The owner's Sync ID.
    pub owner: String,
    /// The receiver's Sync ID.
    pub receiver: String,
    /// Live records that the owner has.
    pub owner_records: u64,
    /// Records that the receiver holds.
    pub held: u64,
    /// Of those, applied but not yet readable there.
    pub parked: u64,
    /// Records whose latest version the receiver put aside.
    pub quarantined: u64,
    /// Records whose latest version is not there yet.
    pub pending: u64,
    /// Whether nothing is pending and `owner_records = held + quarantined`, or something is still pending.
    pub adds_up: bool,
}

impl Answer for LedgerView {
    fn for_people(&self, width: Option<u16>) -> String {
        let columns = [
            "store",
            ">owner",
            ">receiver",
            ">owner has",
            ">held",
            ">of which parked",
            ">quarantined",
            ">pending",
            "adds up",
        ];
        let mut grid = Grid::new(&columns, width);
        for row in &self.rows {
            grid.row([
                row.store.clone(),
                row.owner.clone(),
                row.receiver.clone(),
                thousands(row.owner_records),
                thousands(row.held),
                thousands(row.parked),
                thousands(row.quarantined),
                thousands(row.pending),
                row.verdict().to_owned(),
            ]);
        }
        let rows = grid.or("nothing is kept in step here yet");
        if self.adds_up {
            rows
        } else {
            format!("{rows}\n\nThe ledger does not add up: see the lines marked NO, and `verify`.")
        }
    }
}

impl LedgerRow {
    fn verdict(&self) -> &'static str {
        match (self.adds_up, self.pending) {
            (true, 0) => "yes",
            (true, _) => "on its way",
            (false, _) => "NO",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(held: u64, pending: u64, adds_up: bool) -> LedgerRow {
        LedgerRow {
            store: "HOSP".into(),
            owner: "2".into(),
            receiver: "1".into(),
            owner_records: 1_204,
            held,
            parked: 0,
            quarantined: 1,
            pending,
            adds_up,
        }
    }

    #[test]
    fn the_ledger_says_what_does_not_add_up() {
        let view = LedgerView {
            adds_up: false,
            rows: vec![row(1_203, 0, true), row(900, 304, true), row(1_200, 0, false)],
        };
        assert_eq!(
            view.for_people(None),
            "store  owner  receiver  owner has   held  of which parked  quarantined  pending  adds up\n\
             ────────────────────────────────────────────────────────────────────────────────────────────\n\
             HOSP       2         1      1,204  1,203                0            1        0  yes\n\
             HOSP       2         1      1,204    900                0            1      304  on its way\n\
             HOSP       2         1      1,204  1,200                0            1        0  NO\n\n\
             The ledger does not add up: see the lines marked NO, and `verify`."
        );
    }
}
