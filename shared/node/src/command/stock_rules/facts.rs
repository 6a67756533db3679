//! What the database says of everything that a transaction refers to, read in the transaction that writes.

use std::collections::BTreeMap;

use supplysync_model::{Date, Item, ItemId, Name, NameId, StockLine, StockLineId, Store};
use supplysync_store::query::Versioned;

/// A master record, and whether it is retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<T> {
    /// The record.
    pub value: T,
    /// Deleted on the primary, still readable.
    pub retired: bool,
}

impl<T> From<Versioned<T>> for Known<T> {
    fn from(found: Versioned<T>) -> Known<T> {
        Known {
            value: found.value,
            retired: found.retired,
        }
    }
}

/// The facts that the rules decide on. What is missing from a map does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Today, to tell expired stock.
    pub today: Date,
    /// The transaction's store.
    pub store: Known<Store>,
    /// Items that lines name.
    pub items: BTreeMap<ItemId, Known<Item>>,
    /// The other party.
    pub names: BTreeMap<NameId, Known<Name>>,
    /// Stock lines of this store: those that lines name and, for receipts, those that could take them.
    pub stock: BTreeMap<StockLineId, StockLine>,
}
