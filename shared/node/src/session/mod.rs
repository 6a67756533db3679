//! The IO shell around the session machines of `sync-core`. No protocol decisions here: a machine says what, we do it.

mod control;

pub use control::SyncControl;
