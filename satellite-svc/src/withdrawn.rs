//! Removing what was withdrawn from this site, where the primary decided so. A step, and whether there is one, is the
//! store's.

use std::time::Duration;

use supplysync_model::Fault;
use supplysync_store::Store;
use tokio_util::sync::CancellationToken;

/// Records of one step.
const STEP: usize = 2_500;
/// Between steps, so that others get the feed's lock.
const PAUSE: Duration = Duration::from_millis(50);
/// A copy stops being followed without a word: it is looked again this often.
const LOOK: Duration = Duration::from_secs(10);

/// Takes steps while there are any, until told to stop.
pub async fn watch(store: Store, stop: CancellationToken) -> Result<(), Fault> {
    loop {
        let wait = match store.removal_step(STEP).await {
            Ok(true) => PAUSE,
            Ok(false) => LOOK,
            Err(fault) => {
                tracing::warn!(reason = fault.reason().0, ?fault, "can't remove a withdrawn copy");
                LOOK
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}
