//! `WatchSyncStatus`: the status now, and again when it differs, at most a few times a second.

use std::time::Duration;

use futures::stream::unfold;
use supplysync_api::v1;
use supplysync_model::Seq;
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::Status;

use super::Diagnostics;
use crate::service::request::refuse;
use crate::status::SyncStatus;

/// The least time between two answers.
const PAUSE: Duration = Duration::from_millis(300);
/// How long at most until acknowledgements show, which move neither the board nor the head.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

struct Watcher {
    service: Diagnostics,
    board: watch::Receiver<std::sync::Arc<SyncStatus>>,
    heads: watch::Receiver<Seq>,
    last: Option<v1::SyncStatus>,
    over: bool,
}

pub(super) fn statuses(
    service: Diagnostics,
) -> impl Stream<Item = Result<v1::WatchSyncStatusResponse, Status>> + Send {
    let watcher = Watcher {
        board: service.control.board().watch(),
        heads: service.store.heads(),
        service,
        last: None,
        over: false,
    };
    unfold(watcher, |mut watcher| async move {
        if watcher.over {
            return None;
        }
        match watcher.next().await? {
            Ok(status) => {
                let response = v1::WatchSyncStatusResponse { status: Some(status) };
                Some((Ok(response), watcher))
            }
            Err(status) => {
                watcher.over = true;
                Some((Err(status), watcher))
            }
        }
    })
}

impl Watcher {
    /// The next status that differs from the last; `None` when the service stops.
    async fn next(&mut self) -> Option<Result<v1::SyncStatus, Status>> {
        let stop = self.service.stop.clone();
        loop {
            if self.last.is_some() {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = tokio::time::sleep(PAUSE) => {}
                }
                tokio::select! {
                    () = stop.cancelled() => return None,
                    Ok(()) = self.board.changed() => {}
                    Ok(()) = self.heads.changed() => {}
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
            self.board.mark_unchanged();
            self.heads.mark_unchanged();
            let status = match self.service.status().await {
                Ok(status) => status,
                Err(fault) => return Some(Err(refuse("WatchSyncStatus", &fault))),
            };
            let untimed = v1::SyncStatus {
                time: String::new(),
                ..status.clone()
            };
            if self.last.as_ref() != Some(&untimed) {
                self.last = Some(untimed);
                return Some(Ok(status));
            }
        }
    }
}
