//! Answering what the primary puts to this site, as it comes. How is in `node`.

use std::time::Duration;

use supplysync_model::Fault;
use supplysync_node::command::proposals::answer_all;
use supplysync_store::Store;
use tokio_util::sync::CancellationToken;

/// The feed may move often: it is looked at again at most this often.
const PAUSE: Duration = Duration::from_millis(500);
/// What had to wait is looked at again this often.
const LOOK: Duration = Duration::from_secs(30);

/// Looks whenever the feed moved and now and then, until told to stop.
pub async fn watch(store: Store, stop: CancellationToken) -> Result<(), Fault> {
    let mut heads = store.heads();
    loop {
        if let Err(fault) = answer_all(&store).await {
            tracing::warn!(reason = fault.reason().0, ?fault, "can't answer proposals");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK) => {}
            changed = heads.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}
