//! What other primaries on the same database do that concerns the sessions which are open here: one that has lost its lease
//! to another ends at once, and all look again when somebody asks for it there. Changes come by the feed's head. And what
//! they are told: which sites have a session here.

use supplysync_model::Fault;
use supplysync_node::session::SyncControl;
use supplysync_node::status::{StatusBoard, SyncState};
use supplysync_store::{Notice, Store};
use tokio_util::sync::CancellationToken;

use crate::sessions::Sessions;

/// Follows them until the program stops.
pub async fn follow(
    store: Store,
    open: Sessions,
    control: SyncControl,
    stop: CancellationToken,
) -> Result<(), Fault> {
    let mut notices = store.notices();
    loop {
        let notice = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            notice = notices.next() => notice,
        };
        match notice {
            Notice::Lease(site) => {
                let Some(session) = open.holder(site) else {
                    continue;
                };
                match store.lease_holder(site).await {
                    Ok(Some(holder)) if holder == session => {}
                    Ok(_) => open.lost_lease(site, session),
                    // The session looks by itself again and again.
                    Err(fault) => {
                        tracing::warn!(reason = fault.reason().0, ?fault, "can't read who has a lease");
                    }
                }
            }
            // Each session that looks again sees whether it has its lease, too.
            Notice::Look | Notice::Anything => control.sync_now(),
            Notice::Credentials | Notice::Revocations => {}
        }
    }
}

/// Says which sites have a session here, until the program stops.
pub async fn say_who_is_here(store: Store, board: StatusBoard, stop: CancellationToken) -> Result<(), Fault> {
    let mut lines = board.watch();
    loop {
        let connected = lines.borrow_and_update().clone();
        let connected = connected
            .values()
            .filter(|line| line.state == SyncState::Connected);
        store.set_present(connected.map(|line| line.peer).collect());
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = lines.changed() => {}
        }
    }
}
