//! The IO shell around the session machines of `sync-core`. No protocol decisions here: a machine says what, we do it.

mod control;
mod driver;
mod introduction;
mod journal;
mod link;
mod operation;
mod role;
mod start;
#[cfg(test)]
mod tests;
mod timers;
mod trail;
pub mod wire;

pub use control::SyncControl;
pub use introduction::{introduce, introduced};
pub use link::{Link, SEND_BUFFER};
pub use start::{COMPRESSION_METADATA, Guest, Host, Outcome, SessionContext, run_primary, run_satellite};
pub use wire::Packing;
