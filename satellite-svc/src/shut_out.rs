//! Operators who are shut out, as this satellite has heard from the primary in its feed: read at the start and whenever
//! something has come. Shutting out is the primary's.

use std::collections::HashMap;
use std::time::Duration;

use futures::FutureExt;
use supplysync_model::{Fault, Timestamp};
use supplysync_net::Revocations;
use supplysync_store::Store;
use tokio_util::sync::CancellationToken;

/// The feed may move often: it is looked at again at most this often.
const PAUSE: Duration = Duration::from_millis(500);

/// Reads who is shut out, and what keeps that up to date; the second is a task of its own.
pub async fn follow(
    store: Store,
    revocations: Revocations,
    stop: CancellationToken,
) -> Result<impl Future<Output = Result<(), Fault>> + Send + 'static, Fault> {
    let mut heads = store.heads();
    revocations.replace(revoked(&store).await?);
    Ok(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
            }
            match revoked(&store).await {
                Ok(now) if now == *revocations.all() => {}
                Ok(now) => {
                    tracing::warn!(operators = now.len(), "the primary has shut an operator out");
                    revocations.replace(now);
                }
                Err(fault) => {
                    tracing::warn!(reason = fault.reason().0, ?fault, "can't read who is shut out");
                    heads.mark_changed();
                }
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    })
}

async fn revoked(store: &Store) -> Result<HashMap<String, Timestamp>, Fault> {
    let read = store.read("revoked operators", |tx| {
        async move { tx.revoked_operators().await }.boxed()
    });
    let operators = read.await?.into_iter();
    Ok(operators
        .map(|operator| (format!("operator/{}", operator.name), operator.revoked_at))
        .collect())
}
