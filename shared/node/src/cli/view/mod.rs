//! Answers as they are shown: one file per noun, each a serde structure with stable field names (the JSON)
//! and a table (for people). What the server said is turned into these here; nothing is computed that it did not say.

mod import;
mod ledger;
mod report;
mod site;
mod stock;
mod trace;
mod verify;

pub use import::{ImportView, RowError};
pub use ledger::{LedgerRow, LedgerView};
pub use report::{Freshness, StockOnHandRow, StockOnHandView};
pub use site::{SiteRow, SiteView, SitesView};
pub use stock::{StockLineRow, StockView};
pub use trace::TraceView;
pub use verify::{Finding, VerifyRow, VerifyView};
