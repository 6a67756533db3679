//! The listener: TLS handshakes outside tonic, so that certificates swap without a restart and identities are read once.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::{Stream, StreamExt};
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use socket2::{SockRef, TcpKeepalive};
use supplysync_model::{Fault, Reason, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::certificate::{self, Description};
use crate::identity::PeerIdentity;
use crate::material::TlsMaterial;
use crate::tls_fault;

/// How long a client may take to prove who it is.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Handshakes at one time; more wait in the system's backlog.
const MAX_HANDSHAKES: usize = 256;
/// Rest after the system refuses to accept (no file handles, say), so that the log is not flooded.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// TCP probes after this much silence.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// What a sort of listener asks of its callers, and knows of each.
pub trait Peer: Clone + Send + Sync + Unpin + Sized + 'static {
    /// What the listener shows, and whom it lets in.
    fn config(material: &TlsMaterial) -> Result<Arc<ServerConfig>, Fault>;

    /// Reads who has come. The certificate, if one was shown, has been verified.
    fn read(ends: Ends, certificate: Option<&CertificateDer<'_>>) -> Result<Self, Fault>;
}

/// The two addresses of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Theirs.
    pub address: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
}

/// A bound listener with its TLS configuration.
pub struct Server<P = PeerInfo> {
    listener: TcpListener,
    address: SocketAddr,
    config: TlsHandle,
    peers: PhantomData<fn() -> P>,
}

/// Replaces a listener's certificate and authority while it runs; connections that are open stay.
#[derive(Clone)]
pub struct TlsHandle {
    config: Arc<ArcSwap<ServerConfig>>,
    make: fn(&TlsMaterial) -> Result<Arc<ServerConfig>, Fault>,
}

impl TlsHandle {
    /// From now on, handshakes use this.
    pub fn replace(&self, material: &TlsMaterial) -> Result<(), Fault> {
        self.config.store((self.make)(material)?);
        Ok(())
    }
}

impl Server {
    /// Binds `address` (port 0: any free one) for callers with a certificate. `ADDRESS_UNAVAILABLE` when that can't be.
    pub async fn bind(address: SocketAddr, material: &TlsMaterial) -> Result<Server, Fault> {
        Server::bind_for(address, material).await
    }
}

impl<P: Peer> Server<P> {
    /// The same for another sort of callers.
    pub async fn bind_for(address: SocketAddr, material: &TlsMaterial) -> Result<Server<P>, Fault> {
        let config = TlsHandle {
            config: Arc::new(ArcSwap::new(P::config(material)?)),
            make: P::config,
        };
        let unavailable = |error| Fault::address_unavailable(address, error);
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Server {
            listener,
            address,
            config,
            peers: PhantomData,
        })
    }

    /// The address that was bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The handle by which the certificate is replaced later.
    pub fn tls(&self) -> TlsHandle {
        self.config.clone()
    }

    /// Verified connections, for `serve_with_incoming_shutdown`. Those that fail are logged and left out.
    pub fn incoming(self) -> impl Stream<Item = Result<Connection<P>, Infallible>> + Send {
        let config = self.config.config;
        let accepted = futures::stream::unfold(self.listener, |listener| async {
            let accepted = accept(&listener).await;
            Some((accepted, listener))
        });
        accepted
            .map(move |(stream, address)| handshake(config.load_full(), stream, address))
            .buffer_unordered(MAX_HANDSHAKES)
            .filter_map(|connection| std::future::ready(connection.map(Ok)))
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "can't accept connections for now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn handshake<P: Peer>(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    address: SocketAddr,
) -> Option<Connection<P>> {
    let attempt = tokio::time::timeout(HANDSHAKE_TIMEOUT, verify(config, stream, address));
    let fault = match attempt.await {
        Ok(Ok(connection)) => return Some(connection),
        Ok(Err(fault)) => fault,
        Err(_) => tls_fault::unreachable("the client", "it did not finish the TLS handshake in time"),
    };
    if fault.reason() == Reason::CLOCK_WRONG {
        tracing::error!(%address, reason = fault.reason().0, "connection refused: {fault}");
    } else {
        tracing::warn!(%address, reason = fault.reason().0, "connection refused: {fault}");
    }
    None
}

pub(crate) async fn verify<P: Peer>(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<Connection<P>, Fault> {
    let local = tune(&stream)
        .and_then(|()| stream.local_addr())
        .map_err(Fault::internal)?;
    let accepted = TlsAcceptor::from(config).accept(stream).await;
    let tls = accepted.map_err(|error| tls_fault::client_refused(&error).with_source(error))?;
    let (_, session) = tls.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let peer = P::read(Ends { address, local }, leaf)?;
    Ok(Connection {
        tls: Box::new(tls),
        peer,
    })
}

/// What both ends ask of a TCP connection: no delay, and probes when it is silent.
pub(crate) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(TCP_KEEPALIVE)
        .with_interval(TCP_KEEPALIVE / 4);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Who is at the other end of a connection; a request extension of every call on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Their address.
    pub address: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
    /// Whom their verified certificate names.
    pub identity: PeerIdentity,
    /// When that certificate was issued.
    pub issued_at: Timestamp,
}

impl Peer for PeerInfo {
    fn config(material: &TlsMaterial) -> Result<Arc<ServerConfig>, Fault> {
        material.server_config()
    }

    fn read(ends: Ends, certificate: Option<&CertificateDer<'_>>) -> Result<PeerInfo, Fault> {
        // rustls lets nobody through without one; were that to change, this still would not.
        let leaf =
            certificate.ok_or_else(|| tls_fault::client_refused(&io::ErrorKind::UnexpectedEof.into()))?;
        Ok(PeerInfo {
            address: ends.address,
            local: ends.local,
            identity: PeerIdentity::of_certificate(leaf)?,
            issued_at: certificate::describe(leaf)?.issued_at(),
        })
    }
}

/// Who has come to the enrolment port, where nobody needs a certificate; a request extension of every call there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The two addresses.
    pub ends: Ends,
    /// The certificate that was shown: ours, and expired within the grace at the most.
    pub certificate: Option<Shown>,
}

/// A verified certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whom it names.
    pub identity: PeerIdentity,
    /// What it says.
    pub description: Description,
    /// The bytes of its public key.
    pub public_key: Vec<u8>,
}

impl Peer for Visitor {
    fn config(material: &TlsMaterial) -> Result<Arc<ServerConfig>, Fault> {
        material.enrolment_config()
    }

    fn read(ends: Ends, certificate: Option<&CertificateDer<'_>>) -> Result<Visitor, Fault> {
        let certificate = match certificate {
            Some(leaf) => Some(Shown {
                identity: PeerIdentity::of_certificate(leaf)?,
                description: certificate::describe(leaf)?,
                public_key: certificate::public_key_of(leaf)?,
            }),
            None => None,
        };
        Ok(Visitor { ends, certificate })
    }
}

/// A connection whose peer is known.
pub struct Connection<P = PeerInfo> {
    /// In a box: those who serve it hold it in more than one place at a time, each as large as all of this.
    tls: Box<TlsStream<TcpStream>>,
    peer: P,
}

impl<P> Connection<P> {
    /// Who is at the other end.
    pub fn peer(&self) -> &P {
        &self.peer
    }
}

impl<P: Peer> Connected for Connection<P> {
    type ConnectInfo = P;

    fn connect_info(&self) -> P {
        self.peer.clone()
    }
}

impl<P: Unpin> AsyncRead for Connection<P> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_read(cx, buffer)
    }
}

impl<P: Unpin> AsyncWrite for Connection<P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}
