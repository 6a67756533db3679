//! Going on by itself: a store that is being moved away waits here for a while, and no longer, before this site has said
//! that it has stopped. After that it waits for the primary, and the status shows for how long.

use std::time::Duration;

use supplysync_model::{Fault, Timestamp};
use supplysync_store::Store;
use tokio_util::sync::CancellationToken;

/// How often to look.
const LOOK: Duration = Duration::from_secs(30);

/// Looks now and then, until told to stop. Ends early only by a defect: a failing database is tried again.
pub async fn watch(
    store: Store,
    patience: Duration,
    clock: std::sync::Arc<dyn supplysync_model::Clock>,
    stop: CancellationToken,
) -> Result<(), Fault> {
    let patience = i64::try_from(patience.as_millis()).map_err(Fault::internal)?;
    loop {
        let before = Timestamp(clock.now().0.saturating_sub(patience));
        match store.abort_moves_noticed_before(before).await {
            Ok(aborted) => {
                for store in aborted {
                    tracing::warn!(%store, "the move of a store was aborted: nobody heard this site for too long, so it goes on writing");
                }
            }
            Err(fault) => {
                tracing::warn!(
                    reason = fault.reason().0,
                    ?fault,
                    "can't look after moves under way"
                );
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
