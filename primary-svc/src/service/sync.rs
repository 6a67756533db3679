//! `SyncService`: who calls is checked here (certificate, user name, password); all else is the session's.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as Wake, Poll};

use futures::StreamExt;
use futures::future::BoxFuture;
use supplysync_api::v1;
use supplysync_api::v1::sync_service_server;
use supplysync_model::{Fault, SyncId, Timestamp};
use supplysync_net::credential::{Standing, identity_refused};
use supplysync_net::http2::MAX_MESSAGE_BYTES;
use supplysync_net::streaming;
use supplysync_net::{CredentialVerifier, PeerIdentity, PeerInfo, Revocations};
use supplysync_node::service::request::refuse;
use supplysync_node::session::wire::check_lists;
use supplysync_node::session::{
    COMPRESSION_METADATA, Guest, Link, Packing, SEND_BUFFER, SessionContext, introduce, introduced,
    run_primary,
};
use supplysync_node::status::SyncState;
use supplysync_runtime::{Context, OnEnd};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tower::Service;

use crate::delivery::{Delivery, Handed};
use crate::sessions::Sessions;

/// The only method.
const PATH: &str = "/supplysync.v1.SyncService/Sync";

/// The handler. Not the generated one, because that keeps buffers for idle streams: see `net::streaming`.
#[derive(Clone)]
pub struct SyncHandler(Arc<Inner>);

struct Inner {
    sessions: SessionContext,
    verifier: Arc<CredentialVerifier>,
    program: Context,
    /// Those who use the database.
    users: TaskTracker,
    shared: Shared,
}

/// What says which sessions may be, for this handler and for who shuts a site out.
pub struct Shared {
    /// The open sessions.
    pub open: Sessions,
    /// Whose certificates are refused.
    pub revocations: Revocations,
    /// What a site is handed that shows an old user name or password.
    pub delivery: Delivery,
}

/// A site that is who it says.
struct Admitted {
    site: SyncId,
    issued_at: Timestamp,
    address: String,
    packing: Packing,
    handed: Option<Handed>,
}

impl SyncHandler {
    /// With what sessions share, the check of credentials, and where their tasks run.
    pub fn new(
        sessions: SessionContext,
        verifier: Arc<CredentialVerifier>,
        program: Context,
        users: TaskTracker,
        shared: Shared,
    ) -> SyncHandler {
        SyncHandler(Arc::new(Inner {
            sessions,
            verifier,
            program,
            users,
            shared,
        }))
    }
}

impl Inner {
    async fn sync(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Fault> {
        let (head, body) = request.into_parts();
        let metadata = MetadataMap::from_headers(head.headers);
        let peer = head.extensions.get::<PeerInfo>();
        let mut admitted = self.admit(peer, &metadata).await?;
        let handed = admitted.handed.take();
        let frames = self.begin(admitted, body)?;
        let mut answer = streaming::answer(ReceiverStream::new(frames));
        if let Some(handed) = handed {
            let mut headers = MetadataMap::from_headers(std::mem::take(answer.headers_mut()));
            introduce(&mut headers, &handed.user_name, &handed.password);
            *answer.headers_mut() = headers.into_headers();
        }
        Ok(answer)
    }

    async fn admit(&self, peer: Option<&PeerInfo>, metadata: &MetadataMap) -> Result<Admitted, Fault> {
        let peer = peer.ok_or_else(identity_refused)?;
        let PeerIdentity::Site(site) = peer.identity else {
            return Err(identity_refused());
        };
        let address = peer.address.to_string();
        if site.is_primary() {
            return Err(identity_refused());
        }
        // No credential is as wrong as any other.
        let (user_name, password) = introduced(metadata).unwrap_or_default();
        let verified = self.verifier.verify(site, &address, &user_name, password).await;
        let standing = verified.inspect_err(|fault| self.note_refusal(site, &address, fault))?;
        let handed = match standing {
            Standing::Previous => self.shared.delivery.handed(),
            Standing::Present => {
                self.shared.delivery.shown(site).await?;
                None
            }
        };
        let packing = match metadata.get(COMPRESSION_METADATA) {
            Some(wish) if wish == "zstd" => Packing::Compressed,
            _ => Packing::Plain,
        };
        Ok(Admitted {
            site,
            issued_at: peer.issued_at,
            address,
            packing,
            handed,
        })
    }

    /// The administrator sees who was turned away, and from where.
    fn note_refusal(&self, site: SyncId, address: &str, fault: &Fault) {
        tracing::warn!(
            peer = site.get(),
            address,
            reason = fault.reason().0,
            "session refused"
        );
        let now = self.sessions.clock.now();
        self.sessions.control.board().update(site, |line| {
            if line.state != SyncState::Connected {
                line.state = SyncState::Refused;
                line.address = address.to_owned();
                line.last_attempt = Some(now);
                line.reason = fault.message().to_owned();
            }
        });
    }

    fn begin(
        &self,
        admitted: Admitted,
        body: Body,
    ) -> Result<mpsc::Receiver<Box<v1::PrimaryMessage>>, Fault> {
        // 40 bits: short in logs, and unlikely enough to come twice to a site.
        let session = (self.program.random.u64() >> 24).max(1);
        let place = self
            .shared
            .open
            .enter(admitted.site, session, &self.program.stop)?;
        // After it has its place: who shuts a site out first says so and then ends what has a place.
        let identity = PeerIdentity::Site(admitted.site);
        self.shared.revocations.check(&identity, admitted.issued_at)?;
        let (outgoing, frames) = mpsc::channel(SEND_BUFFER);
        let link = Link {
            incoming: streaming::messages(body, MAX_MESSAGE_BYTES, |frame| Ok(check_lists(frame)?)).boxed(),
            outgoing,
        };
        let guest = Guest {
            site: admitted.site,
            session,
            address: admitted.address,
            packing: admitted.packing,
            fence: place.fence.clone(),
            stop: place.stop.clone(),
            on_lease: place.on_lease(),
        };
        let running = Box::pin(run_primary(self.sessions.clone(), guest, link));
        let task = self.users.track_future(async move {
            running.await;
            drop(place);
            Ok(())
        });
        self.program.tasks.spawn("sync session", OnEnd::Optional, task);
        Ok(frames)
    }
}

impl NamedService for SyncHandler {
    const NAME: &'static str = sync_service_server::SERVICE_NAME;
}

impl Service<http::Request<Body>> for SyncHandler {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Wake<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            if request.uri().path() != PATH {
                return Ok(Status::unimplemented("there is no such method").into_http());
            }
            let answered = inner.sync(request).await;
            Ok(answered.unwrap_or_else(|fault| refuse("Sync", &fault).into_http()))
        })
    }
}
