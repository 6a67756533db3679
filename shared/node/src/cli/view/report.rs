//! Stock on hand by item and store, with how fresh each store's copy is.

use serde::Serialize;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, moment, or_dash};

/// The report and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockOnHandView {
    /// One row for each item in each store.
    pub rows: Vec<StockOnHandRow>,
    /// How fresh each store's data is here.
    pub stores: Vec<Freshness>,
}

/// What one store has of one item. Quantities are decimal texts, in units (packs × pack size).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockOnHandRow {
    /// The item's code.
    pub item_code: String,
    /// The item's name.
    pub item_name: String,
    /// The unit's name.
    pub unit: String,
    /// The store's code.
    pub store: String,
    /// Units there are.
    pub units_total: String,
    /// Units not reserved by unconfirmed issues.
    pub units_available: String,
    /// The earliest expiry date, ISO 8601; empty when there is none.
    pub earliest_expiry: String,
    /// Whether the item is retired.
    pub item_retired: bool,
}

/// How fresh a store's data is at the site that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// The store's code.
    pub store: String,
    /// The store's name.
    pub name: String,
    /// The Sync ID of the site where it is active; empty when it is active nowhere yet.
    pub active_at: String,
    /// What the server says of its data: owned here, proven equal, behind, or not kept here.
    pub state: String,
    /// The moment as of which this site's data is known to be the owner's, RFC 3339; empty when it never was.
    pub as_of: String,
    /// Changes known to be missing here.
    pub pending: u64,
}

impl Answer for StockOnHandView {
    fn for_people(&self, width: Option<u16>) -> String {
        let columns = [
            "item",
            "name",
            "unit",
            "store",
            ">total",
            ">available",
            "first expiry",
        ];
        let mut grid = Grid::new(&columns, width);
        for row in &self.rows {
            let retired = if row.item_retired { " (retired)" } else { "" };
            grid.row([
                row.item_code.clone(),
                format!("{}{retired}", row.item_name),
                or_dash(&row.unit),
                row.store.clone(),
                row.units_total.clone(),
                row.units_available.clone(),
                or_dash(&row.earliest_expiry),
            ]);
        }
        let rows = grid.or("no stock anywhere");
        format!("{rows}\n\n{}", self.freshness(width))
    }
}

impl StockOnHandView {
    fn freshness(&self, width: Option<u16>) -> String {
        let columns = [
            "store",
            "name",
            "active at site",
            "data here",
            "as of",
            ">missing",
        ];
        let mut grid = Grid::new(&columns, width);
        for store in &self.stores {
            grid.row([
                store.store.clone(),
                store.name.clone(),
                or_dash(&store.active_at),
                store.state.clone(),
                moment(&store.as_of),
                store.pending.to_string(),
            ]);
        }
        grid.or("no stores")
    }
}
