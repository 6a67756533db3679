//! Long work on the database in bounded steps, so that others get the feed's lock in between. What a step is, and whether
//! there is one to take, is the store's.

use std::sync::Arc;
use std::time::Duration;

use supplysync_model::Fault;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Records of one step.
pub const STEP: usize = 2_500;
/// Between steps.
pub const PAUSE: Duration = Duration::from_millis(10);
/// What makes a step due may come without a word: it is looked for again this often.
const LOOK: Duration = Duration::from_secs(10);

/// Takes steps while there are any (the step says whether there may be more), and looks again when told, until stopped.
/// A step that fails is logged as `work`, and tried again at the next look.
pub async fn in_steps(
    work: &'static str,
    step: impl AsyncFn() -> Result<bool, Fault>,
    told: Arc<Notify>,
    stop: CancellationToken,
) -> Result<(), Fault> {
    loop {
        let wait = match step().await {
            Ok(true) => PAUSE,
            Ok(false) => LOOK,
            Err(fault) => {
                tracing::warn!(
                    work,
                    reason = fault.reason().0,
                    ?fault,
                    "a step of long work failed"
                );
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
