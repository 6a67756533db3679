//! Stock lines of a store, as `stock list` shows them.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, or_dash};

/// The stock lines of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockView {
    /// The store's code.
    pub store: String,
    /// Whether people see the ids too, which take much room; JSON always has them.
    #[serde(skip)]
    pub ids: bool,
    /// Its stock lines.
    pub lines: Vec<StockLineRow>,
}

/// One stock line. Quantities and prices are decimal texts; a price is per pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockLineRow {
    /// The stock line's id.
    pub id: String,
    /// The item's code.
    pub item_code: String,
    /// The item's name.
    pub item_name: String,
    /// The batch; empty when unknown.
    pub batch: String,
    /// The expiry date, ISO 8601; empty when there is none.
    pub expiry: String,
    /// Units in a pack.
    pub pack_size: String,
    /// Packs there are.
    pub packs_total: String,
    /// Packs not reserved by unconfirmed issues.
    pub packs_available: String,
    /// What a pack cost.
    pub cost_price: String,
    /// What a pack is sold for.
    pub sell_price: String,
    /// The supplier's name; empty when unknown.
    pub supplier: String,
    /// Where in the store it is.
    pub location: String,
    /// Whether it must not be issued.
    pub on_hold: bool,
    /// Whether the item is retired.
    pub item_retired: bool,
}

impl From<v1::StockLine> for StockLineRow {
    fn from(line: v1::StockLine) -> StockLineRow {
        StockLineRow {
            id: line.id,
            item_code: line.item_code,
            item_name: line.item_name,
            batch: line.batch,
            expiry: line.expiry_date,
            pack_size: line.pack_size,
            packs_total: line.packs_total,
            packs_available: line.packs_available,
            cost_price: line.cost_price,
            sell_price: line.sell_price,
            supplier: line.supplier_name,
            location: line.location_code,
            on_hold: line.on_hold,
            item_retired: line.item_retired,
        }
    }
}

impl Answer for StockView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut columns = vec![
            "item", "name", "batch", "expiry", ">pack", ">packs", ">free", ">cost", "location", "remarks",
        ];
        columns.extend(self.ids.then_some("id"));
        let mut grid = Grid::new(&columns, width);
        for line in &self.lines {
            let mut cells = vec![
                line.item_code.clone(),
                line.item_name.clone(),
                or_dash(&line.batch),
                or_dash(&line.expiry),
                line.pack_size.clone(),
                line.packs_total.clone(),
                line.packs_available.clone(),
                line.cost_price.clone(),
                or_dash(&line.location),
                or_dash(&line.remarks()),
            ];
            cells.extend(self.ids.then(|| line.id.clone()));
            grid.row(cells);
        }
        grid.or(&format!("no stock in store {}", self.store))
    }
}

impl StockLineRow {
    fn remarks(&self) -> String {
        let mut remarks = Vec::new();
        if self.on_hold {
            remarks.push("on hold");
        }
        if self.item_retired {
            remarks.push("item retired");
        }
        remarks.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_is_a_table_with_remarks() {
        let line = StockLineRow {
            id: "0198f2a0-0000-7000-8000-000000000001".into(),
            item_code: "AMOX250".into(),
            item_name: "Amoxicillin capsule".into(),
            batch: "B-77".into(),
            expiry: "2027-05-31".into(),
            pack_size: "100".into(),
            packs_total: "40".into(),
            packs_available: "38.5".into(),
            cost_price: "1.25".into(),
            sell_price: "1.5".into(),
            supplier: String::new(),
            location: String::new(),
            on_hold: true,
            item_retired: true,
        };
        let view = StockView {
            store: "HOSP".into(),
            ids: true,
            lines: vec![line],
        };
        assert_eq!(
            view.for_people(None).lines().last().unwrap(),
            "AMOX250  Amoxicillin capsule  B-77   2027-05-31   100     40  38.5  1.25  -         \
             on hold, item retired  0198f2a0-0000-7000-8000-000000000001"
        );
        let empty = StockView {
            lines: Vec::new(),
            ..view
        };
        assert_eq!(empty.for_people(None), "no stock in store HOSP");
    }
}
