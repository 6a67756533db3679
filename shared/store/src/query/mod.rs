//! Queries on the typed tables and the record store's books, offered alike by read and write transactions
//! (`impl Queries`). Nothing here writes; every list comes in pages or is bounded by the number of sites or channels.

mod audit;
mod backlog;
mod channels;
mod cursors;
mod freshness;
mod ledger;
mod master;
mod master_list;
mod movements;
mod operators;
pub(crate) mod page;
mod progress;
mod quarantine;
mod sites;
mod standing;
mod stock;
mod stock_report;
mod trace;
mod transactions;
mod whereabouts;

use sea_orm::{QueryResult, TryGetable};
use supplysync_model::Fault;

use crate::Etag;
use crate::fault::database;

pub use audit::AuditFilter;
pub use backlog::{Backlog, Backlogs, COUNTED};
pub use channels::ChannelInfo;
pub use cursors::Compared;
pub(crate) use cursors::CursorRow;
pub use freshness::{Freshness, StoreFreshness};
pub(crate) use ledger::Aside;
pub use ledger::{LedgerRow, Side};
pub use master_list::MasterFilter;
pub use movements::Reckoned;
pub use page::{PageOf, PageQuery};
pub use progress::{ChannelProgress, Proof};
pub use quarantine::Quarantined;
pub use standing::{Standing, StandingState};
pub use stock::StockLineFilter;
pub use stock_report::{OnHandFilter, OnHandRow};
pub use trace::Trace;
pub use transactions::TransactionFilter;
pub use whereabouts::Whereabouts;

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

pub(crate) fn column<T: TryGetable>(row: &QueryResult, index: usize) -> Result<T, Fault> {
    row.try_get_by_index(index).map_err(database)
}
