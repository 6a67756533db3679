//! Queries on the typed tables and the record store's books, offered alike by read and write transactions
//! (`impl Queries`). Nothing here writes; every list comes in pages or is bounded by the number of sites or channels.

mod master;
mod master_list;
mod page;
mod sites;
mod stock;
mod transactions;

use sea_orm::{QueryResult, TryGetable};
use supplysync_model::Fault;

use crate::Etag;
use crate::fault::database;

pub use master_list::MasterFilter;
pub use page::{PageOf, PageQuery};
pub use stock::StockLineFilter;
pub use transactions::TransactionFilter;

/// A value with the version that an update of it must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Its version.
    pub etag: Etag,
    /// Whether it is retired (master data only): it stays readable and takes nothing new.
    pub retired: bool,
}

fn column<T: TryGetable>(row: &QueryResult, index: usize) -> Result<T, Fault> {
    row.try_get_by_index(index).map_err(database)
}
