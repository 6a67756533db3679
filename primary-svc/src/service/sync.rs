//! `SyncService`: who calls is checked here (certificate, user name, password); all else is the session's.

use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt;
use secrecy::SecretString;
use supplysync_api::fault::from_status;
use supplysync_api::v1;
use supplysync_api::v1::sync_service_server::SyncService;
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
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

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

    async fn admit(&self, request: &Request<Streaming<v1::SatelliteMessage>>) -> Result<Admitted, Fault> {
        let extensions = request.extensions();
        let peer = extensions.get::<PeerInfo>().ok_or_else(identity_refused)?;
        let PeerIdentity::Site(site) = peer.identity else {
            return Err(identity_refused());
        };
        let address = peer.address.to_string();
        if site.is_primary() {
            return Err(identity_refused());
        }
        let metadata = request.metadata();
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
        incoming: Streaming<v1::SatelliteMessage>,
    ) -> Result<mpsc::Receiver<v1::PrimaryMessage>, Fault> {
        // 40 bits: short in logs, and unlikely enough to come twice to a site.
        let session = (self.program.random.u64() >> 24).max(1);
        let place = self.open.enter(admitted.site, session)?;
        let (outgoing, frames) = mpsc::channel(SEND_BUFFER);
        let link = Link {
            incoming: incoming
                .map(|frame| frame.map_err(|status| Fault::from(from_status(&status))))
                .boxed(),
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

#[tonic::async_trait]
impl SyncService for SyncHandler {
    type SyncStream = Pin<Box<dyn Stream<Item = Result<v1::PrimaryMessage, Status>> + Send>>;

    async fn sync(
        &self,
        request: Request<Streaming<v1::SatelliteMessage>>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let admitted = self
            .admit(&request)
            .await
            .map_err(|fault| refuse("Sync", &fault))?;
        let begun = self.begin(admitted, request.into_inner());
        let frames = begun.map_err(|fault| refuse("Sync", &fault))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(frames).map(Ok))))
    }
}
