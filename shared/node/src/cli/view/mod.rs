//! Answers as they are shown: one file per noun, each a serde structure with stable field names (the JSON)
//! and a table (for people). What the server said is turned into these here; nothing is computed that it did not say.

mod access;
mod audit;
mod body;
mod channel;
mod import;
mod ledger;
mod preference;
mod quarantine;
mod repair;
mod report;
mod site;
mod standing;
mod status;
mod stock;
mod store_move;
mod trace;
mod verify;

pub use access::{AccessRow, AccessView};
pub use audit::{AuditLine, AuditView};
pub use channel::Proof;
pub use import::{ImportView, RowError};
pub use ledger::{LedgerRow, LedgerView};
pub use preference::{LockView, PartnerRow, PreferencesView};
pub use quarantine::{DecidedView, QuarantineView, QuarantinedChange, QuarantinedView};
pub use repair::{CopyRow, RepairView, RepairedRow};
pub use report::{Freshness, StockOnHandRow, StockOnHandView};
pub use site::{RemovedSiteView, SiteRow, SiteView, SitesView};
pub use standing::StandingRow;
pub use status::{ChannelRow, PeerRow, StatusView, Verification};
pub use stock::{StockLineRow, StockView};
pub use store_move::{MoveRow, MoveView, MovesView};
pub use trace::{Place, TraceView, TracedRecord};
pub use verify::{Finding, VerifyRow, VerifyView};
