//! Someone without a certificate at a server's door: what the server says before it lets anybody in.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use supplysync_net::certificate::{self, Description};

use crate::Outcome;

/// How the server at `address` turns away a caller who trusts its authority and shows no certificate. An error if it
/// lets the caller in.
pub async fn knock_without_certificate(address: SocketAddr, authority: &Path) -> Outcome<String> {
    let (connector, stream, name) = at_the_door(address, authority).await?;
    // In TLS 1.3 the refusal comes after the client's part of the handshake, with the first read.
    let refused = match connector.connect(name, stream).await {
        Ok(mut stream) => {
            let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
            stream.read_u8().await.err()
        }
        Err(error) => Some(error),
    };
    match refused {
        Some(error) => Ok(error.to_string()),
        None => Err("the server let in a caller without a certificate".into()),
    }
}

/// The certificate that the server at `address` shows to whoever comes.
pub async fn shown_certificate(address: SocketAddr, authority: &Path) -> Outcome<Description> {
    let (connector, stream, name) = at_the_door(address, authority).await?;
    let stream = connector.connect(name, stream).await?;
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    Ok(certificate::describe(shown.ok_or("no certificate was shown")?)?)
}

async fn at_the_door(
    address: SocketAddr,
    authority: &Path,
) -> Outcome<(TlsConnector, TcpStream, ServerName<'static>)> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    Ok((TlsConnector::from(Arc::new(config)), stream, name))
}
