//! The store operations that a machine asks for, each ending in the input that the machine waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use supplysync_model::{Fault, FaultCode, SyncId};
use supplysync_store::Store;
use supplysync_sync_core::{
    ApplyRequest, Cursor, Direction, Effect, Input, LineageVerdict, OpId, PageRequest,
};
use tokio::time::Instant;

use crate::metrics::session as metered;
use crate::recovery;

/// On whose behalf.
#[derive(Clone)]
pub(super) struct Operations {
    pub(super) store: Store,
    /// The site at the other end.
    pub(super) peer: SyncId,
    /// The session's number, for the lease; `None` on a satellite.
    pub(super) session: Option<u64>,
    /// The number of the grant, once the lease is the session's.
    pub(super) grant: Arc<AtomicU64>,
}

/// What of an effect the store must do; the rest is for the driver.
pub(super) enum Work {
    OpenPeer(supplysync_sync_core::Hello),
    CheckLineage(
        Option<supplysync_model::Checkpoint>,
        Vec<(supplysync_model::Channel, Cursor)>,
    ),
    MeetLife {
        life: supplysync_sync_core::PrimaryLife,
        pushed: Vec<(supplysync_model::Channel, Cursor)>,
        stands: Option<Vec<(supplysync_model::Channel, Cursor)>>,
    },
    Adopt(supplysync_model::Incarnation, Option<supplysync_model::Seq>),
    GrantLease(
        supplysync_model::Incarnation,
        Option<supplysync_model::Checkpoint>,
    ),
    Read(PageRequest),
    Apply(ApplyRequest),
    RecordAck(supplysync_sync_core::Ack),
    Forget(Vec<supplysync_model::Channel>),
    ReadReports(Vec<supplysync_model::ReportSubject>),
    RecordReport(supplysync_model::SiteReport),
}

/// The work in an effect if it is one for the store, else the effect.
#[expect(
    clippy::result_large_err,
    reason = "the other half of the effects, not an error"
)]
pub(super) fn work_of<M>(effect: Effect<M>) -> Result<(OpId, Work), Effect<M>> {
    Ok(match effect {
        Effect::OpenPeer(op, hello) => (op, Work::OpenPeer(hello)),
        Effect::CheckLineage(op, checkpoint, pushed) => (op, Work::CheckLineage(checkpoint, pushed)),
        Effect::MeetLife {
            op,
            life,
            pushed,
            stands,
        } => (op, Work::MeetLife { life, pushed, stands }),
        Effect::AdoptIncarnation(op, incarnation, resume) => (op, Work::Adopt(incarnation, resume)),
        Effect::GrantLease(op, incarnation, begins) => (op, Work::GrantLease(incarnation, begins)),
        Effect::ReadPage(op, request) => (op, Work::Read(request)),
        Effect::Apply(op, request) => (op, Work::Apply(request)),
        Effect::RecordAck(op, ack) => (op, Work::RecordAck(ack)),
        Effect::Forget(op, channels) => (op, Work::Forget(channels)),
        Effect::ReadReports(op, noted) => (op, Work::ReadReports(noted)),
        Effect::RecordReport(op, report) => (op, Work::RecordReport(report)),
        other => return Err(other),
    })
}

impl Operations {
    /// Does it. A fault becomes [`Input::Failed`] and is logged here with its source, which the machine never sees.
    pub(super) async fn perform<M>(self, op: OpId, work: Work) -> Input<M> {
        let (name, begun) = (work.name(), Instant::now());
        let attempt = self.attempt(op, work).await;
        metered::worked(name, begun.elapsed());
        attempt.unwrap_or_else(|fault| {
            match fault.code() {
                FaultCode::Internal | FaultCode::DataLoss => {
                    tracing::error!(
                        operation = name,
                        reason = fault.reason().0,
                        ?fault,
                        "the session's work failed"
                    );
                }
                _ => tracing::warn!(
                    operation = name,
                    reason = fault.reason().0,
                    ?fault,
                    "the session's work failed"
                ),
            }
            Input::Failed(op, fault)
        })
    }

    async fn attempt<M>(self, op: OpId, work: Work) -> Result<Input<M>, Fault> {
        let store = &self.store;
        Ok(match work {
            Work::OpenPeer(hello) => Input::PeerOpened(op, Box::new(store.open_peer(&hello).await?)),
            Work::CheckLineage(held, pushed) => {
                let verdict = store.check_lineage(held).await?;
                if verdict == LineageVerdict::Known {
                    store.note_unanswered(&pushed).await?;
                }
                Input::LineageChecked(op, verdict)
            }
            Work::MeetLife { life, pushed, stands } => {
                let push = store.meet_life(life, pushed, stands).await?;
                Input::LifeMet { op, push }
            }
            Work::Adopt(incarnation, None) => {
                store.adopt_incarnation(incarnation).await?;
                Input::IncarnationAdopted(op, None)
            }
            Work::Adopt(incarnation, Some(resume_after)) => {
                let begins = store.begin_life(incarnation, resume_after).await?;
                Input::IncarnationAdopted(op, Some(begins))
            }
            Work::GrantLease(incarnation, begins) => {
                let session = self
                    .session
                    .ok_or_else(|| Fault::internal("a satellite's session asked for a lease"))?;
                let grant = store.grant_lease(self.peer, session, incarnation, begins).await?;
                self.grant.store(grant, Ordering::Release);
                Input::LeaseGranted(op)
            }
            Work::Read(request) => Input::PageRead(op, store.read_page(request).await?),
            Work::Apply(request) => Input::Applied(op, store.apply(request).await?),
            Work::RecordAck(ack) => {
                store.record_ack(self.peer, self.session, &ack).await?;
                Input::AckRecorded(op)
            }
            Work::Forget(channels) => {
                store.forget_channels(channels).await?;
                Input::Forgotten(op)
            }
            Work::ReadReports(noted) => {
                // Whatever may have been the last of a recovery is followed by this.
                recovery::settle(store).await?;
                Input::ReportsRead(op, store.read_reports(noted).await?)
            }
            Work::RecordReport(report) => {
                let noted = store.record_report(self.peer, self.session, report).await?;
                Input::ReportRecorded(op, noted)
            }
        })
    }
}

impl Work {
    fn name(&self) -> &'static str {
        match self {
            Work::OpenPeer(_) => "open peer",
            Work::CheckLineage(..) => "check lineage",
            Work::MeetLife { .. } => "meet the primary's life",
            Work::Adopt(..) => "adopt incarnation",
            Work::GrantLease(..) => "grant lease",
            Work::Read(request) => match request.direction {
                Direction::Push => "read for push",
                Direction::Pull => "read for pull",
            },
            Work::Apply(_) => "apply",
            Work::RecordAck(_) => "record ack",
            Work::Forget(_) => "forget channels",
            Work::ReadReports(_) => "read reports",
            Work::RecordReport(_) => "record report",
        }
    }
}
