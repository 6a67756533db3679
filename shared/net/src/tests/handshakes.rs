//! Handshakes as the listener sees them: whom it refuses, and in which words.

use super::*;

/// Both ends of one handshake: what the server's log would say, if it refuses.
async fn handshake(server: &TlsMaterial, client: Arc<ClientConfig>) -> Result<PeerIdentity, Fault> {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = server.server_config().unwrap();
    let accepting = async {
        let (stream, peer) = listener.accept().await.unwrap();
        server::verify(config, stream, peer).await
    };
    let dialling = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
        // In TLS 1.3 this may succeed although the server refuses.
        tokio_rustls::TlsConnector::from(client)
            .connect(name, stream)
            .await
    };
    let (accepted, _dialled) = tokio::join!(accepting, dialling);
    accepted.map(|connection: server::Connection| connection.peer().identity.clone())
}

fn bare_client(
    network: &Network,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for root in pem_file::read_certificates(&network.path("authority.crt")).unwrap() {
        roots.add(root).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

#[tokio::test]
async fn the_listener_says_whom_it_refuses_and_why() {
    let (ours, theirs, clock) = (Network::new("ours"), Network::new("theirs"), Hands::at(NOW));
    let primary = ours.site(1, &clock);
    let config = |material: &TlsMaterial| material.client_config().unwrap();

    let identity = handshake(&primary, config(&ours.site(7, &clock))).await.unwrap();
    assert_eq!(identity, PeerIdentity::Site(sync_id(7)));

    let fault = handshake(&primary, config(&theirs.site_trusting(7, &clock, &ours)))
        .await
        .unwrap_err();
    assert_eq!(fault.reason(), Reason::CERTIFICATE_REQUIRED);
    assert!(fault.message().contains("unknown authority"), "{fault}");

    let satellite = ours.site(7, &clock);
    let later = Hands::at(NOW);
    let primary_later = ours.site(1, &later);
    later.0.store(NOW + 366 * DAY, Ordering::SeqCst);
    let fault = handshake(&primary_later, config(&satellite)).await.unwrap_err();
    assert!(fault.message().contains("its certificate expired at"), "{fault}");
    later.0.store(NOW - DAY, Ordering::SeqCst);
    let fault = handshake(&primary_later, config(&satellite)).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::CLOCK_WRONG);
    assert!(fault.message().contains("check this machine's clock"), "{fault}");
}

#[tokio::test]
async fn no_certificate_and_old_tls_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    // Bare clients judge by the system's clock, which file times tell too.
    let made = std::fs::metadata(folder.path()).unwrap().modified().unwrap();
    let now = made.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let authority = Authority::create("now", Timestamp(now), &RANDOM).unwrap();
    authority.write(folder.path()).unwrap();
    let network = Network { folder, authority };
    let issued = network
        .authority
        .issue_site(SyncId::PRIMARY, &["localhost".into()], Timestamp(now), &RANDOM)
        .unwrap();
    let (certificate, key) = network.write("primary", &issued);
    let primary =
        TlsMaterial::load(&certificate, &key, &network.path("authority.crt"), Hands::at(now)).unwrap();

    let fault = handshake(&primary, bare_client(&network, &[&rustls::version::TLS13]))
        .await
        .unwrap_err();
    assert_eq!(fault.reason(), Reason::CERTIFICATE_REQUIRED);
    assert_eq!(fault.message(), "it showed no certificate");

    let fault = handshake(&primary, bare_client(&network, &[&rustls::version::TLS12]))
        .await
        .unwrap_err();
    assert!(fault.message().contains("does not speak TLS 1.3"), "{fault}");
}
