//! Starting a session on either end: what it is given, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use supplysync_api::v1;
use supplysync_model::limits::PROTOCOL_VERSION;
use supplysync_model::{Clock, SyncId};
use supplysync_runtime::Traces;
use supplysync_store::Store;
use supplysync_sync_core::{CloseReason, Direction, Mode, Refused, SessionLimits, primary, satellite};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::SyncControl;
use super::driver::Driver;
use super::journal::Journal;
use super::link::Link;
use super::operation::Operations;
use super::wire::Packing;

/// Metadata of the call: `zstd` asks the primary to compress what it sends, as the satellite knows its own link.
pub const COMPRESSION_METADATA: &str = "x-supplysync-compression";

/// What every session of a process shares. Cheap to clone.
#[derive(Clone)]
pub struct SessionContext {
    /// The site's database.
    pub store: Store,
    /// Requests and status.
    pub control: SyncControl,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Bounds of sessions.
    pub limits: SessionLimits,
    /// Where steps of record versions are told.
    pub traces: Traces,
    /// This program's version.
    pub software_version: &'static str,
}

/// A satellite that calls.
pub struct Guest {
    /// The Sync ID of its certificate.
    pub site: SyncId,
    /// The number of this session.
    pub session: u64,
    /// Where it calls from.
    pub address: String,
    /// How to send to it.
    pub packing: Packing,
    /// Cancelled when a newer session speaks for the site.
    pub fence: CancellationToken,
    /// Cancelled when the session is to end in order.
    pub stop: CancellationToken,
    /// Run once the site's lease is this session's, with the number of the grant: it rises with each, and hooks of two
    /// sessions may run in either order.
    pub on_lease: Box<dyn FnOnce(u64) + Send>,
}

/// The primary, as dialled.
pub struct Host {
    /// Where it is.
    pub address: String,
    /// Whether the session stays open.
    pub mode: Mode,
    /// How to send to it.
    pub packing: Packing,
    /// Cancelled when the session is to end in order.
    pub stop: CancellationToken,
}

/// What became of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub reason: CloseReason,
    /// Whether the handshake came through.
    pub ready: bool,
    /// How long it lasted.
    pub lasted: Duration,
}

/// Runs the primary's end of a session.
pub async fn run_primary(
    context: SessionContext,
    guest: Guest,
    link: Link<v1::SatelliteMessage, v1::PrimaryMessage>,
) -> Outcome {
    let span = tracing::info_span!("session", peer = guest.site.get(), session = guest.session);
    let machine = primary::Session::new(primary::Setup {
        certified: guest.site,
        session: guest.session,
        software_version: context.software_version.to_owned(),
        limits: context.limits,
    });
    let session = async move {
        let driver = Driver {
            journal: Journal::begin(
                context.control.board().clone(),
                guest.site,
                guest.address,
                Some(guest.session),
                Direction::Pull,
                context.traces.clone(),
                &*context.clock,
            ),
            machine,
            operations: Operations {
                store: context.store.clone(),
                peer: guest.site,
                session: Some(guest.session),
                grant: Arc::default(),
            },
            context,
            packing: guest.packing,
            fence: guest.fence,
            stop: guest.stop,
            on_lease: Some(guest.on_lease),
        };
        driver.run(link, None, Vec::new()).await
    };
    // On the heap: an idle session is small, and its caller's task stays small too.
    Box::pin(session.instrument(span)).await
}

/// Runs the satellite's end of a session.
pub async fn run_satellite(
    context: SessionContext,
    host: Host,
    link: Link<v1::PrimaryMessage, v1::SatelliteMessage>,
) -> Outcome {
    let span = tracing::info_span!("session", peer = SyncId::PRIMARY.get());
    let session = async move {
        let mut journal = Journal::begin(
            context.control.board().clone(),
            SyncId::PRIMARY,
            host.address,
            None,
            Direction::Push,
            context.traces.clone(),
            &*context.clock,
        );
        let state = match context.store.hello_state().await {
            Ok(state) => state,
            Err(fault) => {
                tracing::error!(
                    reason = fault.reason().0,
                    ?fault,
                    "can't read what to say in the Hello"
                );
                let reason = CloseReason::Failed(Refused::from(&fault));
                journal.end(&reason, Duration::ZERO);
                return Outcome {
                    reason,
                    ready: false,
                    lasted: Duration::ZERO,
                };
            }
        };
        let push = state.push.clone();
        let hello = state.hello(PROTOCOL_VERSION, context.software_version);
        let driver = Driver {
            machine: satellite::Session::new(satellite::Setup {
                mode: host.mode,
                limits: context.limits,
            }),
            operations: Operations {
                store: context.store.clone(),
                peer: SyncId::PRIMARY,
                session: None,
                grant: Arc::default(),
            },
            journal,
            context,
            packing: host.packing,
            fence: CancellationToken::new(),
            stop: host.stop,
            on_lease: None,
        };
        driver.run(link, Some(hello), push).await
    };
    Box::pin(session.instrument(span)).await
}
