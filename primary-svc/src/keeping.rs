//! Taking away and bringing back the rows of stores that the primary stops keeping or keeps again. What is kept is decided
//! in `command::copies`; a step is the store's.

use std::sync::Arc;
use std::time::Duration;

use supplysync_model::Fault;
use supplysync_store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Records of one step.
const STEP: usize = 2_500;
/// Between steps, so that others get the feed's lock.
const PAUSE: Duration = Duration::from_millis(10);
/// Another replica may have been told: it is looked again this often.
const LOOK: Duration = Duration::from_secs(10);

/// Takes steps while there are any, until told to stop.
pub async fn run(store: Store, told: Arc<Notify>, stop: CancellationToken) -> Result<(), Fault> {
    loop {
        let wait = match store.keeping_step(STEP).await {
            Ok(true) => PAUSE,
            Ok(false) => LOOK,
            Err(fault) => {
                tracing::warn!(reason = fault.reason().0, ?fault, "can't keep a store, or stop");
                LOOK
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = told.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
