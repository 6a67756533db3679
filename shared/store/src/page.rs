//! Reading the feed: pages of several channels from one snapshot, in rank order.

use supplysync_model::Fault;
use supplysync_sync_core::{Page, PageRequest};

use crate::Store;

impl Store {
    /// Reads one page: channels in rank order, going on to the next only when those before are caught up in this
    /// snapshot.
    pub async fn read_page(&self, request: PageRequest) -> Result<Page, Fault> {
        let _ = request;
        Err(Fault::internal("read_page: landing next"))
    }
}
