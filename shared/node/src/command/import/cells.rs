//! Cells as values: what can't be read is noted with its line and column, and a stand-in keeps the check going.

use std::fmt::Display;

use supplysync_model::{Amount, FieldViolation, ItemType, NameRole, StoreMode, VenCategory};

use super::table::{Row, RowErrors};

/// Reads the cells of one row.
pub(super) struct Cells<'a> {
    row: &'a Row,
    errors: &'a mut RowErrors,
}

impl<'a> Cells<'a> {
    pub(super) fn new(row: &'a Row, errors: &'a mut RowErrors) -> Cells<'a> {
        Cells { row, errors }
    }

    pub(super) fn text(&self, column: &str) -> String {
        self.row.cell(column).to_owned()
    }

    /// `true` or `false`; blank means `blank`.
    pub(super) fn flag(&mut self, column: &str, blank: bool) -> bool {
        match self.row.cell(column) {
            "" => blank,
            "true" => true,
            "false" => false,
            other => {
                self.wrong(column, format!("{other:?} is neither true nor false"));
                blank
            }
        }
    }

    /// A decimal; blank means `blank`.
    pub(super) fn amount(&mut self, column: &str, blank: Amount) -> Amount {
        match self.row.cell(column) {
            "" => blank,
            text => match text.parse() {
                Ok(amount) => amount,
                Err(error) => {
                    self.wrong(column, format!("{text:?} {}", reads(error)));
                    blank
                }
            },
        }
    }

    /// A whole number from 0; blank means 0.
    pub(super) fn number(&mut self, column: &str) -> u32 {
        match self.row.cell(column) {
            "" => 0,
            text => text.parse().unwrap_or_else(|_| {
                self.wrong(
                    column,
                    format!("{text:?} is not a whole number from 0 to {}", u32::MAX),
                );
                0
            }),
        }
    }

    pub(super) fn item_type(&mut self, column: &str) -> ItemType {
        match self.row.cell(column) {
            "" | "stock" => ItemType::Stock,
            "service" => ItemType::Service,
            "non_stock" => ItemType::NonStock,
            other => {
                self.wrong(
                    column,
                    format!("{other:?} is not a type: stock, service or non_stock"),
                );
                ItemType::Stock
            }
        }
    }

    pub(super) fn ven_category(&mut self, column: &str) -> Option<VenCategory> {
        match self.row.cell(column) {
            "" => None,
            "vital" => Some(VenCategory::Vital),
            "essential" => Some(VenCategory::Essential),
            "necessary" => Some(VenCategory::Necessary),
            other => {
                self.wrong(
                    column,
                    format!("{other:?} is not a VEN category: vital, essential, necessary or blank"),
                );
                None
            }
        }
    }

    pub(super) fn roles(&mut self, column: &str) -> Vec<NameRole> {
        let mut roles = Vec::new();
        for word in self
            .row
            .cell(column)
            .split(';')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            match word {
                "customer" => roles.push(NameRole::Customer),
                "supplier" => roles.push(NameRole::Supplier),
                "manufacturer" => roles.push(NameRole::Manufacturer),
                "donor" => roles.push(NameRole::Donor),
                other => self.wrong(
                    column,
                    format!(
                        "{other:?} is not a role: customer, supplier, manufacturer or donor, separated by ;"
                    ),
                ),
            }
        }
        roles.sort();
        roles.dedup();
        roles
    }

    pub(super) fn store_mode(&mut self, column: &str) -> StoreMode {
        match self.row.cell(column) {
            "" | "store" => StoreMode::Store,
            "dispensary" => StoreMode::Dispensary,
            other => {
                self.wrong(column, format!("{other:?} is not a mode: store or dispensary"));
                StoreMode::Store
            }
        }
    }

    pub(super) fn wrong(&mut self, column: &str, message: impl Display) {
        self.errors.add(self.row.line, column, message);
    }

    /// What the rules of the record say; their field names are column names.
    pub(super) fn violations(&mut self, violations: Vec<FieldViolation>) {
        for violation in violations {
            self.wrong(&violation.field, violation.description);
        }
    }
}

fn reads(error: supplysync_model::AmountError) -> String {
    match error {
        supplysync_model::AmountError::NotADecimal => format!("is {error}"),
        _ => error.to_string(),
    }
}
