//! Stock on hand by item and store, with how fresh each store's copy is.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, or_dash};

/// The report and what it rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StockOnHandView {
    /// When it was read, RFC 3339.
    pub time: String,
    /// One row for each item in each store.
    pub rows: Vec<StockOnHandRow>,
    /// How fresh each store's data is here.
    pub stores: Vec<Freshness>,
}

/// What one store has of one item. Amounts are decimal texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockOnHandRow {
    /// The item's code.
    pub item_code: String,
    /// The item's name.
    pub item_name: String,
    /// Whether the item is retired.
    pub item_retired: bool,
    /// The store's code.
    pub store: String,
    /// Packs of any size.
    pub packs: String,
    /// Packs times pack size.
    pub units: String,
    /// Packs times cost price.
    pub value: String,
    /// The earliest expiry date, ISO 8601; empty when nothing expires.
    pub earliest_expiry: String,
}

/// How far what is shown of a store can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// The store's code.
    pub store: String,
    /// The store's name.
    pub name: String,
    /// active_here, proven, unproven, loading, different, dated, not_kept or not_assigned.
    pub state: &'static str,
    /// Sync ID of the site where it is active; 0 for none.
    pub active_site: u32,
    /// That site's name.
    pub active_site_name: String,
    /// The source's seq at which equality was proven; 0 for never.
    pub proven_seq: u64,
    /// When that was, RFC 3339; empty for never.
    pub proven_time: String,
    /// Seconds since then; 0 where the store is active.
    pub age_seconds: u64,
    /// The same in words.
    pub summary: String,
}

impl From<v1::StockOnHandRow> for StockOnHandRow {
    fn from(row: v1::StockOnHandRow) -> StockOnHandRow {
        StockOnHandRow {
            item_code: row.item_code,
            item_name: row.item_name,
            item_retired: row.item_retired,
            store: row.store_code,
            packs: row.packs,
            units: row.units,
            value: row.value,
            earliest_expiry: row.earliest_expiry,
        }
    }
}

impl From<v1::StoreFreshness> for Freshness {
    fn from(store: v1::StoreFreshness) -> Freshness {
        Freshness {
            state: match store.state() {
                v1::CopyState::ActiveHere => "active_here",
                v1::CopyState::Proven => "proven",
                v1::CopyState::Unproven => "unproven",
                v1::CopyState::Loading => "loading",
                v1::CopyState::Different => "different",
                v1::CopyState::NotKept => "not_kept",
                v1::CopyState::NotAssigned => "not_assigned",
                v1::CopyState::Dated => "dated",
                v1::CopyState::Unspecified => "unknown",
            },
            store: store.store_code,
            name: store.store_name,
            active_site: store.active_site,
            active_site_name: store.active_site_name,
            proven_seq: store.proven_seq,
            proven_time: store.proven_time,
            age_seconds: store.age_seconds,
            summary: store.summary,
        }
    }
}

impl Answer for StockOnHandView {
    fn for_people(&self, width: Option<u16>) -> String {
        let columns = [
            "item",
            "name",
            "store",
            ">packs",
            ">units",
            ">value",
            "first expiry",
        ];
        let mut grid = Grid::new(&columns, width);
        for row in &self.rows {
            let retired = if row.item_retired { " (retired)" } else { "" };
            grid.row([
                row.item_code.clone(),
                format!("{}{retired}", row.item_name),
                row.store.clone(),
                row.packs.clone(),
                row.units.clone(),
                row.value.clone(),
                or_dash(&row.earliest_expiry),
            ]);
        }
        let rows = grid.or("no stock in the stores that are kept here");
        format!("{rows}\n\n{}", self.freshness(width))
    }
}

impl StockOnHandView {
    fn freshness(&self, width: Option<u16>) -> String {
        let columns = ["store", "name", "active at", "data here", "how fresh"];
        let mut grid = Grid::new(&columns, width);
        for store in &self.stores {
            let site = match store.active_site {
                0 => "-".to_owned(),
                site => format!("{site} {}", store.active_site_name),
            };
            let state = match store.state {
                "different" => "DIFFERENT".to_owned(),
                state => state.replace('_', " "),
            };
            grid.row([
                store.store.clone(),
                store.name.clone(),
                site,
                state,
                or_dash(&store.summary),
            ]);
        }
        grid.or("no stores")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_not_called_zero() {
        let row = v1::StockOnHandRow {
            item_code: "AMOX250".into(),
            item_name: "Amoxicillin capsule".into(),
            item_retired: true,
            store_code: "HOSP".into(),
            packs: "38.5".into(),
            units: "3850".into(),
            value: "48.125".into(),
            ..v1::StockOnHandRow::default()
        };
        let clinic = v1::StoreFreshness {
            store_code: "CLINIC".into(),
            store_name: "Clinic".into(),
            state: v1::CopyState::NotKept.into(),
            active_site: 3,
            active_site_name: "District".into(),
            ..v1::StoreFreshness::default()
        };
        let view = StockOnHandView {
            time: String::new(),
            rows: vec![row.into()],
            stores: vec![clinic.into()],
        };
        let expected = "\
item     name                           store  packs  units   value  first expiry
──────────────────────────────────────────────────────────────────────────────────
AMOX250  Amoxicillin capsule (retired)  HOSP    38.5   3850  48.125  -

store   name    active at   data here  how fresh
─────────────────────────────────────────────────
CLINIC  Clinic  3 District  not kept   -";
        assert_eq!(view.for_people(None), expected);
    }
}
