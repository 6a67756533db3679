//! The dialler: an address and a certificate make a tonic channel; what fails is said in words for a person.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use supplysync_model::{Clock, Fault, SyncId};
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::Channel;
use tower::Service;

use crate::certificate::Validity;
use crate::join_token::FINGERPRINT_BYTES;
use crate::material::{self, TlsMaterial};
use crate::{http2, server, tls_fault};

/// How long connecting may take, TLS included; satellite links need some seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A server to dial, and the certificate to show it.
#[derive(Clone)]
pub struct Endpoint {
    url: String,
    /// The site whose server it must be; else the name that is dialled says which.
    site: Option<SyncId>,
    connector: Connector,
}

impl Endpoint {
    /// A server at `https://HOST:PORT`.
    pub fn new(url: &str, material: &TlsMaterial) -> Result<Endpoint, Fault> {
        Endpoint::with(url, None, Tls::new(material, None)?)
    }

    /// The server of one site at `https://HOST:PORT`: it must prove that it is this one, by whatever name it is dialled.
    pub fn of_site(url: &str, site: SyncId, material: &TlsMaterial) -> Result<Endpoint, Fault> {
        Endpoint::with(url, Some(site), Tls::new(material, Some(site))?)
    }

    fn with(url: &str, site: Option<SyncId>, tls: Tls) -> Result<Endpoint, Fault> {
        let target = Target::parse(url)?;
        let tls = Arc::new(ArcSwap::from_pointee(tls));
        let url = format!("https://{}", target.authority);
        Ok(Endpoint {
            url,
            site,
            connector: Connector {
                target: Arc::new(target),
                tls,
            },
        })
    }

    /// The enrolment port of a network that this machine has not joined: it must be the primary's, of the authority with
    /// this fingerprint (SHA-256).
    pub fn pinned(
        url: &str,
        authority: [u8; FINGERPRINT_BYTES],
        clock: Arc<dyn Clock>,
    ) -> Result<Endpoint, Fault> {
        let tls = Tls {
            config: material::pinned_config(authority, clock)?,
            material: None,
        };
        Endpoint::with(url, None, tls)
    }

    /// The address, `https://HOST:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, new connections of this endpoint and its clones show this certificate.
    pub fn replace(&self, material: &TlsMaterial) -> Result<(), Fault> {
        let tls = Tls::new(material, self.site)?;
        self.connector.tls.store(Arc::new(tls));
        Ok(())
    }

    /// Connects, and waits until the server has accepted our certificate. The channel reconnects by itself when used again.
    /// Refusals are told apart: `PEER_UNREACHABLE`, `CERTIFICATE_UNUSABLE` (theirs), `CERTIFICATE_REQUIRED` (ours), `CLOCK_WRONG`.
    pub async fn connect(&self) -> Result<Channel, Fault> {
        let invalid = |error| invalid_url(&self.url).with_source(error);
        let uri = format!("http://{}", self.connector.target.authority);
        let endpoint = tonic::transport::Endpoint::from_shared(uri)
            .map_err(|error| invalid_url(&self.url).with_source(error))?
            .origin(self.url.parse().map_err(invalid)?);
        let connected = http2::endpoint(endpoint)
            .connect_with_connector(self.connector.clone())
            .await;
        connected.map_err(|error| match fault_in(&error) {
            Some(fault) => fault.with_source(error),
            None => tls_fault::unreachable(&self.url, "it does not speak HTTP/2").with_source(error),
        })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url).finish()
    }
}

/// The fault of a connection somewhere below `error` (a `tonic::Status` or transport error), if that is the cause.
pub fn fault_in(error: &(dyn StdError + 'static)) -> Option<Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return Some(Fault::new(fault.code(), fault.reason(), fault.message()));
        }
        next = error.source();
    }
    None
}

/// Where to connect to, and which name the server must prove.
struct Target {
    authority: String,
    host: String,
    port: u16,
    name: ServerName<'static>,
}

impl Target {
    fn parse(url: &str) -> Result<Target, Fault> {
        let uri: Uri = url.parse().map_err(|error| invalid_url(url).with_source(error))?;
        let https = uri.scheme_str() == Some("https");
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let (Some(authority), true, true) = (uri.authority(), https, bare) else {
            return Err(invalid_url(url));
        };
        let port = authority.port_u16().ok_or_else(|| invalid_url(url))?;
        if authority.as_str().contains('@') {
            return Err(invalid_url(url));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|error| invalid_url(url).with_source(error))?;
        Ok(Target {
            authority: authority.as_str().to_owned(),
            host,
            port,
            name,
        })
    }
}

fn invalid_url(url: &str) -> Fault {
    Fault::field(
        "url",
        format!("{url:?} is not an address of a server; write https://HOST:PORT"),
    )
}

struct Tls {
    config: Arc<ClientConfig>,
    /// Ours; none before this machine has joined.
    material: Option<TlsMaterial>,
}

impl Tls {
    fn new(material: &TlsMaterial, site: Option<SyncId>) -> Result<Tls, Fault> {
        Ok(Tls {
            config: match site {
                Some(site) => material.client_config_for(site)?,
                None => material.client_config()?,
            },
            material: Some(material.clone()),
        })
    }
}

#[derive(Clone)]
struct Connector {
    target: Arc<Target>,
    tls: Arc<ArcSwap<Tls>>,
}

impl Connector {
    async fn connect(self) -> Result<TlsStream<TcpStream>, Fault> {
        let server = &self.target.authority;
        let attempt = tokio::time::timeout(CONNECT_TIMEOUT, self.attempt());
        attempt.await.unwrap_or_else(|_| {
            let seconds = CONNECT_TIMEOUT.as_secs();
            Err(tls_fault::unreachable(
                server,
                &format!("no answer within {seconds} s; check the network and the address"),
            ))
        })
    }

    async fn attempt(&self) -> Result<TlsStream<TcpStream>, Fault> {
        let (target, tls) = (&self.target, self.tls.load_full());
        let own = tls.material.as_ref().map(TlsMaterial::validity);
        let failed = |error| failure(&target.authority, error, own);
        let addresses: Vec<_> = tokio::net::lookup_host((target.host.as_str(), target.port))
            .await
            .map_err(|error| {
                tls_fault::unreachable(
                    &target.authority,
                    "its name can't be resolved; check the name and the network",
                )
                .with_source(error)
            })?
            .collect();
        let tcp = TcpStream::connect(addresses.as_slice()).await.map_err(failed)?;
        server::tune(&tcp).map_err(failed)?;
        let connector = TlsConnector::from(Arc::clone(&tls.config));
        let mut stream = connector
            .connect(target.name.clone(), tcp)
            .await
            .map_err(failed)?;
        // In TLS 1.3 a server judges our certificate after our part of the handshake: its first bytes, or its
        // refusal, tell which. HTTP/2 servers speak first, so one of the two comes.
        let first = stream.fill_buf().await.map_err(failed)?;
        if first.is_empty() {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(stream)
    }
}

fn failure(server: &str, error: io::Error, own: Option<Validity>) -> Fault {
    if let Some(tls) = tls_fault::tls_error_in(&error) {
        return tls_fault::server_refused(server, tls, own).with_source(error);
    }
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens there; is the server running, and is the port right?"
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            "it closed the connection; its log says why"
        }
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "there is no network to it for now"
        }
        io::ErrorKind::TimedOut => "no answer; check the network and the address",
        _ => "the connection failed; the log says why",
    };
    tls_fault::unreachable(server, why).with_source(error)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect().await.map(TokioIo::new) })
    }
}
