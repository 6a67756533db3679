//! Waking satellites that are not connected, as `SyncNow` on a primary asks for: what became of each, and what a primary
//! must provide. How it does is in that program.

use futures::future::BoxFuture;
use supplysync_model::{Fault, SyncId};

/// A satellite that was to be woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woken {
    /// Which.
    pub site: SyncId,
    /// Its name on record.
    pub name: String,
    /// Whether it has heard.
    pub reached: bool,
    /// How, or why not, in words.
    pub words: String,
}

/// Who wakes them.
pub trait Wake: Send + Sync {
    /// Wakes one satellite, or every one that is registered. That one can't be reached is no fault.
    fn wake(&self, only: Option<SyncId>) -> BoxFuture<'_, Result<Vec<Woken>, Fault>>;
}
