//! `DiagnosticsService`: how synchronisation stands, and the proof that nothing is missing.

mod audit;
mod books;
mod called;
mod repair;
mod standing;
mod status;
mod trace;
mod verify;
mod watch;

use std::pin::Pin;
use std::sync::Arc;

use supplysync_api::fields::{one, sync_id};
use supplysync_api::v1;
use supplysync_api::v1::diagnostics_service_server::DiagnosticsService;
use supplysync_model::Fault;
use supplysync_store::{Notice, Store as RecordStore};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::request::{answer, caller};
use crate::command::rebuild::{in_words, rebuild_projections};
use crate::session::SyncControl;
use crate::wake::Wake;

/// The handler.
#[derive(Clone)]
pub struct Diagnostics {
    store: RecordStore,
    control: SyncControl,
    stop: CancellationToken,
    wake: Option<Arc<dyn Wake>>,
}

impl Diagnostics {
    /// On a store and its sessions; `stop` ends the streams when the service stops. A primary wakes satellites.
    pub fn new(
        store: RecordStore,
        control: SyncControl,
        stop: CancellationToken,
        wake: Option<Arc<dyn Wake>>,
    ) -> Diagnostics {
        Diagnostics {
            store,
            control,
            stop,
            wake,
        }
    }

    async fn synchronise(&self, request: v1::SyncNowRequest) -> Result<v1::SyncNowResponse, Fault> {
        let only = match request.sync_id {
            0 => None,
            number => Some(one("sync_id", sync_id(number))?),
        };
        let Some(wake) = &self.wake else {
            if only.is_some() {
                return Err(Fault::field(
                    "sync_id",
                    "only the primary wakes other sites: ask there",
                ));
            }
            self.control.sync_now();
            return Ok(v1::SyncNowResponse {
                message: "a session with the primary is under way or starts now: GetSyncStatus shows it"
                    .to_owned(),
                sites: Vec::new(),
            });
        };
        self.control.sync_now();
        // Sessions may be open on other servers of the same database.
        self.store.notify(Notice::Look).await?;
        let woken = wake.wake(only).await?;
        let sites = woken.into_iter().map(|woken| v1::WokenSite {
            sync_id: woken.site.get().into(),
            name: woken.name,
            reached: woken.reached,
            message: woken.words,
        });
        Ok(v1::SyncNowResponse {
            message:
                "the sessions that are open look again; a satellite that was not reached dials by itself"
                    .to_owned(),
            sites: sites.collect(),
        })
    }
}

#[tonic::async_trait]
impl DiagnosticsService for Diagnostics {
    async fn get_sync_status(
        &self,
        _: Request<v1::GetSyncStatusRequest>,
    ) -> Result<Response<v1::GetSyncStatusResponse>, Status> {
        let status = self.status().await;
        let response = |status| v1::GetSyncStatusResponse { status: Some(status) };
        answer("GetSyncStatus", status.map(response))
    }

    type WatchSyncStatusStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchSyncStatusResponse, Status>> + Send>>;

    async fn watch_sync_status(
        &self,
        _: Request<v1::WatchSyncStatusRequest>,
    ) -> Result<Response<Self::WatchSyncStatusStream>, Status> {
        Ok(Response::new(Box::pin(watch::statuses(self.clone()))))
    }

    async fn sync_now(
        &self,
        request: Request<v1::SyncNowRequest>,
    ) -> Result<Response<v1::SyncNowResponse>, Status> {
        answer("SyncNow", self.synchronise(request.into_inner()).await)
    }

    async fn list_channels(
        &self,
        _: Request<v1::ListChannelsRequest>,
    ) -> Result<Response<v1::ListChannelsResponse>, Status> {
        let read = self.store.read("list channels", |tx| {
            Box::pin(async move { books::channels(tx).await })
        });
        answer("ListChannels", read.await)
    }

    async fn list_quarantine(
        &self,
        request: Request<v1::ListQuarantineRequest>,
    ) -> Result<Response<v1::ListQuarantineResponse>, Status> {
        let request = request.into_inner();
        let read = self.store.read("list quarantine", |tx| {
            Box::pin(async move { books::list_quarantine(tx, request).await })
        });
        answer("ListQuarantine", read.await)
    }

    async fn resolve_quarantine(
        &self,
        request: Request<v1::ResolveQuarantineRequest>,
    ) -> Result<Response<v1::ResolveQuarantineResponse>, Status> {
        let caller = caller(&request);
        let resolved = books::resolve(&self.store, request.into_inner(), caller).await;
        answer("ResolveQuarantine", resolved)
    }

    async fn verify(
        &self,
        request: Request<v1::VerifyRequest>,
    ) -> Result<Response<v1::VerifyResponse>, Status> {
        let deep = request.into_inner().deep;
        answer("Verify", verify::verify(&self.store, deep).await)
    }

    async fn repair(
        &self,
        request: Request<v1::RepairRequest>,
    ) -> Result<Response<v1::RepairResponse>, Status> {
        let caller = caller(&request);
        answer("Repair", repair::repair(&self.store, &self.control, caller).await)
    }

    async fn rebuild_projections(
        &self,
        request: Request<v1::RebuildProjectionsRequest>,
    ) -> Result<Response<v1::RebuildProjectionsResponse>, Status> {
        let rebuilt = rebuild_projections(&self.store, caller(&request)).await;
        let response = |done| v1::RebuildProjectionsResponse {
            message: in_words(&done),
            records: done.records,
            strays: done.strays,
            unparked: done.unparked,
        };
        answer("RebuildProjections", rebuilt.map(response))
    }

    async fn get_ledger(
        &self,
        request: Request<v1::GetLedgerRequest>,
    ) -> Result<Response<v1::GetLedgerResponse>, Status> {
        let request = request.into_inner();
        let totals = self.totals();
        let read = self.store.read("ledger", |tx| {
            Box::pin(async move { books::ledger(tx, request, &totals).await })
        });
        answer("GetLedger", read.await)
    }

    async fn trace_record(
        &self,
        request: Request<v1::TraceRecordRequest>,
    ) -> Result<Response<v1::TraceRecordResponse>, Status> {
        let request = request.into_inner();
        let read = self.store.read("trace", |tx| {
            Box::pin(async move { trace::trace(tx, &request).await })
        });
        answer("TraceRecord", read.await)
    }

    async fn list_audit_log(
        &self,
        request: Request<v1::ListAuditLogRequest>,
    ) -> Result<Response<v1::ListAuditLogResponse>, Status> {
        let request = request.into_inner();
        let read = self.store.read("list audit log", |tx| {
            Box::pin(async move { audit::audit_log(tx, request).await })
        });
        answer("ListAuditLog", read.await)
    }
}
