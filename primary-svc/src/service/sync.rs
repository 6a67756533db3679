//! `SyncService`: who calls is checked here (certificate, user name, password); all else is the session's.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;

use futures::StreamExt;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderValue};
use secrecy::SecretString;
use supplysync_api::v1;
use supplysync_api::v1::sync_service_server::SERVICE_NAME;
use supplysync_model::{Fault, SyncId};
use supplysync_net::credential::identity_refused;
use supplysync_net::{CredentialVerifier, PeerIdentity, PeerInfo};
use supplysync_node::service::request::refuse;
use supplysync_node::session::{
    COMPRESSION_METADATA, Guest, Link, PASSWORD_METADATA, Packing, SEND_BUFFER, SessionContext,
    USER_NAME_METADATA, run_primary,
};
use supplysync_node::status::SyncState;
use supplysync_runtime::{Context, OnEnd};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;

use super::framing::{Incoming, Outgoing, messages};
use crate::sessions::Sessions;

/// The handler.
pub struct SyncHandler {
    sessions: SessionContext,
    verifier: Arc<CredentialVerifier>,
    program: Context,
    /// Those who use the database.
    users: TaskTracker,
    open: Sessions,
}

/// A site that is who it says.
struct Admitted {
    site: SyncId,
    address: String,
    packing: Packing,
}

impl SyncHandler {
    /// With what sessions share, the check of credentials, and where their tasks run.
    pub fn new(
        sessions: SessionContext,
        verifier: Arc<CredentialVerifier>,
        program: Context,
        users: TaskTracker,
    ) -> SyncHandler {
        SyncHandler {
            sessions,
            verifier,
            program,
            users,
            open: Sessions::default(),
        }
    }

    async fn admit(&self, extensions: &Extensions, metadata: &MetadataMap) -> Result<Admitted, Fault> {
        let peer = extensions.get::<PeerInfo>().ok_or_else(identity_refused)?;
        let PeerIdentity::Site(site) = peer.identity else {
            return Err(identity_refused());
        };
        let address = peer.address.to_string();
        if site.is_primary() {
            return Err(identity_refused());
        }
        let user_name = binary(metadata, USER_NAME_METADATA);
        let password = SecretString::from(binary(metadata, PASSWORD_METADATA));
        let verified = self.verifier.verify(site, &address, &user_name, password).await;
        if let Err(fault) = verified {
            self.note_refusal(site, &address, &fault);
            return Err(fault);
        }
        let packing = match metadata.get(COMPRESSION_METADATA) {
            Some(wish) if wish == "zstd" => Packing::Compressed,
            _ => Packing::Plain,
        };
        Ok(Admitted {
            site,
            address,
            packing,
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
        incoming: Incoming,
    ) -> Result<mpsc::Receiver<Box<v1::PrimaryMessage>>, Fault> {
        // 40 bits: short in logs, and unlikely enough to come twice to a site.
        let session = (self.program.random.u64() >> 24).max(1);
        let place = self.open.enter(admitted.site, session)?;
        let (outgoing, frames) = mpsc::channel(SEND_BUFFER);
        let link = Link {
            incoming: messages(incoming).boxed(),
            outgoing,
        };
        let guest = Guest {
            site: admitted.site,
            session,
            address: admitted.address,
            packing: admitted.packing,
            fence: place.fence.clone(),
            stop: self.program.stop.clone(),
            on_lease: place.on_lease(),
        };
        let running = run_primary(self.sessions.clone(), guest, link);
        let task = self.users.track_future(async move {
            running.await;
            drop(place);
            Ok(())
        });
        self.program.tasks.spawn("sync session", OnEnd::Optional, task);
        Ok(frames)
    }
}

/// A binary value of the metadata as text; empty when there is none, which no credential is.
fn binary(metadata: &MetadataMap, key: &str) -> String {
    let bytes = metadata.get_bin(key).and_then(|value| value.to_bytes().ok());
    bytes
        .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
        .unwrap_or_default()
}

impl SyncHandler {
    async fn sync(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Fault> {
        let (parts, body) = request.into_parts();
        let metadata = MetadataMap::from_headers(parts.headers);
        let admitted = self.admit(&parts.extensions, &metadata).await?;
        let frames = self.begin(admitted, Incoming::new(body))?;
        let mut response = http::Response::new(Outgoing::body(frames));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        Ok(response)
    }
}

/// The service as the router calls it; it does its own framing, see `framing`.
#[derive(Clone)]
pub struct SyncCalls(Arc<SyncHandler>);

impl SyncCalls {
    /// Of this handler.
    pub fn new(handler: SyncHandler) -> SyncCalls {
        SyncCalls(Arc::new(handler))
    }
}

impl NamedService for SyncCalls {
    const NAME: &'static str = SERVICE_NAME;
}

impl tower::Service<http::Request<Body>> for SyncCalls {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let handler = self.0.clone();
        Box::pin(async move {
            let method = request.uri().path().rsplit('/').next();
            if method != Some("Sync") {
                return Ok(Status::unimplemented("").into_http());
            }
            let answered = handler.sync(request).await;
            Ok(answered.unwrap_or_else(|fault| refuse("Sync", &fault).into_http()))
        })
    }
}
