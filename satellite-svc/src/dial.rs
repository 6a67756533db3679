//! The dial loop: connects to the primary when it is time, runs the session, and says in the status how it stands.
//! When it is time is decided in `plan` and `rhythm`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::{FutureExt, StreamExt};
use secrecy::SecretString;
use supplysync_api::fault::from_status;
use supplysync_api::v1;
use supplysync_api::v1::sync_service_client::SyncServiceClient;
use supplysync_model::{Fault, Random, SyncId, Timestamp};
use supplysync_net::Endpoint;
use supplysync_net::client::fault_in;
use supplysync_net::http2::MAX_MESSAGE_BYTES;
use supplysync_node::certificates::Certificates;
use supplysync_node::password_file::read_password;
use supplysync_node::session::{
    COMPRESSION_METADATA, Host, Link, Outcome, Packing, SEND_BUFFER, SessionContext, introduce, introduced,
    run_satellite,
};
use supplysync_node::status::{PeerStatus, SyncState};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::follow::Partner;
use crate::plan::{Last, PAUSED_INTERVAL};
use crate::preferences::SatellitePreferences;
use crate::rhythm::Rhythm;

/// The local preference with the time of the last try, kept while paused: a laptop that is switched off every evening
/// asks once a day all the same. Milliseconds, as text.
const ASKED_AT: &str = "sync.asked_at";
const PAUSED: &str =
    "synchronisation is paused (interval 0): `sync-now` asks at once, another interval ends the pause";

type Incoming = v1::PrimaryMessage;
type Outgoing = v1::SatelliteMessage;

/// Whom to dial, and as whom.
pub struct Primary {
    /// Where it is, with our certificate; another when the address changes. Shared with who replaces the certificate.
    pub endpoint: Arc<ArcSwap<Endpoint>>,
    /// The user name that all sites share.
    pub user_name: String,
    /// Our certificate.
    pub certificates: Certificates,
    /// The file with the password; read at each try, so that a correction needs no restart.
    pub password_file: PathBuf,
    /// Whether batches are compressed, both ways.
    pub packing: Packing,
}

impl Primary {
    fn url(&self) -> String {
        self.endpoint.load().url().to_owned()
    }
}

/// The dial loop.
pub struct Dialler {
    /// What sessions share.
    pub sessions: SessionContext,
    /// Whom to dial.
    pub primary: Primary,
    /// When.
    pub rhythm: watch::Receiver<Rhythm>,
    /// With whom, as it is decided now.
    pub partner: watch::Receiver<Partner>,
    /// Keeps the user name and password that the primary hands out.
    pub book: Arc<SatellitePreferences>,
    /// For waits that differ.
    pub random: Arc<dyn Random>,
    /// Cancelled when the program stops.
    pub stop: CancellationToken,
}

impl Dialler {
    /// Dials until the program stops.
    pub async fn run(mut self) -> Result<(), Fault> {
        let mut requests = self.sessions.control.requests();
        let mut last = Last::Never;
        let mut since = self.asked_before().await;
        loop {
            let rhythm = *self.rhythm.borrow_and_update();
            let wait = last
                .wait(rhythm, self.random.u64())
                .saturating_sub(since.elapsed());
            self.show_plan(rhythm, wait);
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
                Ok(()) = requests.changed() => {}
                // The wait is made anew from what holds now.
                Ok(()) = self.rhythm.changed() => continue,
                // Another address or user name is tried at once.
                Ok(()) = self.partner.changed() => {}
            }
            self.meet_partner();
            requests.mark_unchanged();
            last = self.attempt(last, rhythm).await;
            since = Since::now();
            if rhythm.paused() {
                self.note_asked().await;
            }
        }
    }

    /// Takes up the address and user name that hold now. An address that can't be used was refused when it was set.
    fn meet_partner(&mut self) {
        let partner = self.partner.borrow_and_update().clone();
        self.primary.user_name = partner.user_name;
        if partner.primary_url == self.primary.url() {
            return;
        }
        let certificates = &self.primary.certificates;
        let met = Endpoint::new(&partner.primary_url, &certificates.present()).and_then(|endpoint| {
            self.primary.endpoint.store(Arc::new(endpoint.clone()));
            // The certificate may have been replaced before the endpoint was found by who does it.
            endpoint.replace(&certificates.present())
        });
        match met {
            Ok(()) => {}
            Err(fault) => tracing::error!(
                reason = fault.reason().0,
                ?fault,
                "the primary's address is unusable"
            ),
        }
    }

    async fn attempt(&mut self, last: Last, rhythm: Rhythm) -> Last {
        let now = self.sessions.clock.now();
        let address = self.primary.url();
        self.line(|line| {
            line.state = SyncState::Connecting;
            line.address = address;
            line.last_attempt = Some(now);
            line.next_attempt = None;
        });
        let stop = self.stop.clone();
        let connected = tokio::select! {
            () = stop.cancelled() => return last,
            connected = self.connect() => connected,
        };
        match connected {
            Ok(link) => {
                let outcome = self.session(rhythm, link).await;
                last.of_session(&outcome.reason, outcome.ready, outcome.lasted)
            }
            Err(fault) => {
                let retryable = fault.retryable();
                self.log(&fault);
                self.line(|line| {
                    line.state = match retryable {
                        true => SyncState::Waiting,
                        false => SyncState::Refused,
                    };
                    line.reason = fault.message().to_owned();
                });
                last.of_fault(retryable)
            }
        }
    }

    /// Connects. A site that shows an old user name or password is handed the new ones, and comes again with those.
    async fn connect(&mut self) -> Result<Link<Incoming, Outgoing>, Fault> {
        let (link, handed) = self.call().await?;
        let Some((user_name, password)) = handed else {
            return Ok(link);
        };
        if let Err(fault) = self.book.adopt(user_name.clone(), password).await {
            let reason = fault.reason().0;
            tracing::warn!(
                reason,
                ?fault,
                "can't keep the new user name and password: {fault}"
            );
            return Ok(link);
        }
        self.primary.user_name = user_name;
        drop(link);
        self.call().await.map(|(link, _)| link)
    }

    async fn call(&self) -> Result<(Link<Incoming, Outgoing>, Option<(String, SecretString)>), Fault> {
        let (outgoing, frames) = mpsc::channel::<Box<Outgoing>>(SEND_BUFFER);
        let frames = ReceiverStream::new(frames).map(|frame| *frame);
        let mut request = tonic::Request::new(frames);
        let password = read_password(&self.primary.password_file)?;
        self.introduce(request.metadata_mut(), &password);
        let endpoint = Endpoint::clone(&self.primary.endpoint.load());
        let channel = endpoint.connect().await?;
        let mut client = SyncServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let response = client.sync(request).await.map_err(|status| fault_of(&status))?;
        let handed = introduced(response.metadata());
        let frames = response.into_inner();
        let link = Link {
            incoming: frames
                .map(|frame| frame.map_err(|status| fault_of(&status)))
                .boxed(),
            outgoing,
        };
        Ok((link, handed))
    }

    fn introduce(&self, metadata: &mut MetadataMap, password: &SecretString) {
        introduce(metadata, &self.primary.user_name, password);
        if self.primary.packing == Packing::Compressed {
            metadata.insert(COMPRESSION_METADATA, MetadataValue::from_static("zstd"));
        }
    }

    /// Runs the session; another rhythm ends it in order, so that the next one begins under that.
    async fn session(&mut self, rhythm: Rhythm, link: Link<Incoming, Outgoing>) -> Outcome {
        let stop = self.stop.child_token();
        let host = Host {
            address: self.primary.url(),
            mode: rhythm.mode(),
            packing: self.primary.packing,
            stop: stop.clone(),
        };
        let mut session = std::pin::pin!(run_satellite(self.sessions.clone(), host, link));
        loop {
            tokio::select! {
                outcome = &mut session => return outcome,
                Ok(()) = self.rhythm.changed(), if !stop.is_cancelled() => {
                    if self.rhythm.borrow().mode() != rhythm.mode() {
                        stop.cancel();
                    }
                }
                Ok(()) = self.partner.changed(), if !stop.is_cancelled() => {
                    self.partner.mark_changed();
                    stop.cancel();
                }
            }
        }
    }

    fn show_plan(&self, rhythm: Rhythm, wait: Duration) {
        let now = self.sessions.clock.now();
        let next = i64::try_from(wait.as_millis()).map_or(now, |wait| Timestamp(now.0.saturating_add(wait)));
        self.line(|line| {
            line.next_attempt = Some(next);
            let told = matches!(line.state, SyncState::Refused | SyncState::Frozen);
            if rhythm.paused() && !told {
                line.state = SyncState::Paused;
                line.reason = PAUSED.to_owned();
            } else if line.state == SyncState::Paused {
                line.state = SyncState::Waiting;
                line.reason = String::new();
            }
        });
    }

    /// Once for each new reason: a clinic may be without internet for days.
    fn log(&self, fault: &Fault) {
        let reason = fault.reason().0;
        let told = self.sessions.control.board().current();
        if told
            .get(&SyncId::PRIMARY)
            .is_some_and(|line| line.reason == fault.message())
        {
            tracing::debug!(reason, ?fault, "still no session with the primary: {fault}");
        } else {
            tracing::warn!(reason, ?fault, "no session with the primary: {fault}");
        }
    }

    fn line(&self, change: impl FnOnce(&mut PeerStatus)) {
        self.sessions.control.board().update(SyncId::PRIMARY, change);
    }

    /// Since when a pause has lasted: from the last try that was noted, else from now.
    async fn asked_before(&self) -> Since {
        let read = self
            .sessions
            .store
            .read("last asked", |tx| tx.preference(ASKED_AT).boxed());
        let read = read.await.unwrap_or_else(|fault| {
            tracing::warn!(
                reason = fault.reason().0,
                ?fault,
                "can't read when we last asked the primary"
            );
            None
        });
        let text = read.and_then(|bytes| String::from_utf8(bytes).ok());
        let asked = text.and_then(|text| text.parse().ok()).map(Timestamp);
        let paused = self.rhythm.borrow().paused();
        match asked {
            Some(asked) if paused => {
                let ago = Duration::from_millis(self.sessions.clock.now().millis_since(asked));
                Since::ago(ago.min(PAUSED_INTERVAL))
            }
            _ => {
                if paused {
                    self.note_asked().await;
                }
                Since::now()
            }
        }
    }

    /// A site that can't note it goes on: at worst it asks once more than it had to.
    async fn note_asked(&self) {
        let now = self.sessions.clock.now().0.to_string();
        let write = self.sessions.store.write("note when we asked", move |tx| {
            tx.set_preference(ASKED_AT, now.clone().into_bytes()).boxed()
        });
        if let Err(fault) = write.await {
            tracing::warn!(
                reason = fault.reason().0,
                ?fault,
                "can't note when we asked the primary"
            );
        }
    }
}

/// A moment in the past, and how long ago it was before this program could measure.
#[derive(Debug, Clone, Copy)]
struct Since {
    at: Instant,
    before: Duration,
}

impl Since {
    fn now() -> Since {
        Since::ago(Duration::ZERO)
    }

    fn ago(before: Duration) -> Since {
        Since {
            at: Instant::now(),
            before,
        }
    }

    fn elapsed(self) -> Duration {
        self.before + self.at.elapsed()
    }
}

/// A connection's own fault if that is the cause, else the server's refusal in its words.
fn fault_of(status: &tonic::Status) -> Fault {
    fault_in(status).unwrap_or_else(|| Fault::from(from_status(status)))
}
