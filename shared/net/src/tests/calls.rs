//! Calls through a real server: who gets through, who is refused, and what the dialler says.

use super::*;

#[tokio::test]
async fn a_site_gets_through_and_is_known() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let server = Server::bind(loopback(), &network.site(1, &clock)).await.unwrap();
    let endpoint = endpoint(&server, &network.site(7, &clock)).await;
    with_server(server, async {
        let answer = call(&endpoint, "/test.Sync/Sync").await.unwrap();
        assert_eq!(
            (
                answer.status.as_str(),
                answer.peer.as_str(),
                answer.address.as_str()
            ),
            ("0", "site 7", "127.0.0.1")
        );
        for path in ["/test.Report/Read", "/test.Unknown/Call", "/test.Sync/Other"] {
            assert_eq!(
                call(&endpoint, path).await.unwrap().status,
                "7",
                "{path}: permission denied"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_operator_may_do_what_the_role_allows() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let server = Server::bind(loopback(), &network.site(1, &clock)).await.unwrap();
    let viewer = endpoint(&server, &network.operator(Role::Viewer, &clock)).await;
    with_server(server, async {
        let answer = call(&viewer, "/test.Report/Read").await.unwrap();
        assert_eq!(
            (answer.status.as_str(), answer.peer.as_str()),
            ("0", "clara (viewer)")
        );
        for path in ["/test.Admin/Reset", "/test.Sync/Sync", "/test.Unknown/Call"] {
            assert_eq!(
                call(&viewer, path).await.unwrap().status,
                "7",
                "{path}: permission denied"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn certificates_swap_while_the_server_runs() {
    let (old, new, clock) = (Network::new("old"), Network::new("new"), Hands::at(NOW));
    let server = Server::bind(loopback(), &old.site(1, &clock)).await.unwrap();
    let (old_peer, new_peer) = (
        endpoint(&server, &old.site(7, &clock)).await,
        endpoint(&server, &new.site(7, &clock)).await,
    );
    let tls = server.tls();
    with_server(server, async {
        assert!(old_peer.connect().await.is_ok());
        assert!(new_peer.connect().await.is_err());
        tls.replace(&new.site(1, &clock)).unwrap();
        assert!(old_peer.connect().await.is_err());
        assert!(new_peer.connect().await.is_ok());
        old_peer.replace(&new.site(7, &clock)).unwrap();
        assert!(old_peer.connect().await.is_ok());
    })
    .await;
}

/// What the dialler says about a server that it can't agree with.
async fn refusal(server: &TlsMaterial, client: &TlsMaterial, host: &str) -> Fault {
    let server = Server::bind(loopback(), server).await.unwrap();
    let endpoint = Endpoint::new(&format!("https://{host}:{}", server.local_addr().port()), client).unwrap();
    with_server(server, async { endpoint.connect().await.unwrap_err() }).await
}

#[tokio::test]
async fn the_dialler_says_what_is_wrong() {
    let (ours, theirs, clock) = (Network::new("ours"), Network::new("theirs"), Hands::at(NOW));
    let primary = ours.site(1, &clock);

    let fault = refusal(&theirs.site(1, &clock), &ours.site(7, &clock), "localhost").await;
    assert_eq!(fault.reason(), Reason::CERTIFICATE_UNUSABLE);
    assert!(fault.message().contains("another authority"), "{fault}");

    let fault = refusal(&primary, &theirs.site_trusting(7, &clock, &ours), "localhost").await;
    assert_eq!(fault.reason(), Reason::CERTIFICATE_REQUIRED);
    assert!(fault.message().contains("does not know the authority"), "{fault}");

    let fault = refusal(&primary, &ours.site(7, &clock), "127.0.0.1").await;
    assert_eq!(fault.reason(), Reason::CERTIFICATE_UNUSABLE);
    assert!(
        fault.message().contains("127.0.0.1") && fault.message().contains("localhost"),
        "{fault}"
    );

    let fault = refusal(
        &ours.operator(Role::Admin, &clock),
        &ours.site(7, &clock),
        "localhost",
    )
    .await;
    assert_eq!(
        fault.reason(),
        Reason::CERTIFICATE_UNUSABLE,
        "an operator's certificate is no server's: {fault}"
    );
}

#[tokio::test]
async fn a_wrong_clock_is_named() {
    let network = Network::new("a");
    let (right, wrong) = (Hands::at(NOW), Hands::at(NOW));
    let (primary, satellite) = (network.site(1, &right), network.site(7, &wrong));

    wrong.0.store(NOW - 30 * DAY, Ordering::SeqCst);
    let fault = refusal(&primary, &satellite, "localhost").await;
    assert_eq!(fault.reason(), Reason::CLOCK_WRONG);
    assert!(fault.message().contains("check this machine's clock"), "{fault}");

    wrong.0.store(NOW + 400 * DAY, Ordering::SeqCst);
    assert_eq!(
        refusal(&primary, &satellite, "localhost").await.reason(),
        Reason::CLOCK_WRONG
    );

    wrong.0.store(NOW, Ordering::SeqCst);
    for moment in [NOW - 30 * DAY, NOW + 400 * DAY] {
        right.0.store(moment, Ordering::SeqCst);
        let fault = refusal(&primary, &satellite, "localhost").await;
        assert_eq!(fault.reason(), Reason::CLOCK_WRONG);
        assert!(fault.message().contains("one of the two clocks"), "{fault}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_unreachable() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let satellite = network.site(7, &clock);
    let closed = TcpListener::bind(loopback()).await.unwrap().local_addr().unwrap();
    let endpoint = Endpoint::new(&format!("https://localhost:{}", closed.port()), &satellite).unwrap();
    let fault = endpoint.connect().await.unwrap_err();
    assert_eq!(
        (fault.reason(), fault.retryable()),
        (Reason::PEER_UNREACHABLE, true)
    );
    assert!(fault.message().contains("nothing listens there"), "{fault}");

    let endpoint = Endpoint::new("https://name.invalid:8443", &satellite).unwrap();
    let fault = endpoint.connect().await.unwrap_err();
    assert_eq!(fault.reason(), Reason::PEER_UNREACHABLE);
    assert!(fault.message().contains("can't be resolved"), "{fault}");
}

#[tokio::test]
async fn later_calls_tell_the_cause_too() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let server = Server::bind(loopback(), &network.site(1, &clock)).await.unwrap();
    let endpoint = endpoint(&server, &network.site(7, &clock)).await;
    let stop = CancellationToken::new();
    let serving = http2::server().serve_with_incoming_shutdown(
        tower::service_fn(who),
        server.incoming(),
        stop.clone().cancelled_owned(),
    );
    let connecting = async {
        let channel = endpoint.connect().await;
        stop.cancel();
        channel
    };
    let (served, channel) = tokio::join!(serving, connecting);
    served.unwrap();
    let mut channel = channel.unwrap();
    // The first calls may find the old connection closing; then the channel dials again.
    let fault = loop {
        let request = Request::post("/test.Sync/Sync").body(Body::empty()).unwrap();
        let error = match channel.ready().await {
            Ok(ready) => ready.call(request).await.unwrap_err(),
            Err(error) => error,
        };
        if let Some(fault) = fault_in(&error) {
            break fault;
        }
    };
    assert_eq!(fault.reason(), Reason::PEER_UNREACHABLE);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let material = network.site(1, &clock);
    let first = Server::bind(loopback(), &material).await.unwrap();
    let Err(fault) = Server::bind(first.local_addr(), &material).await else {
        panic!("bound twice");
    };
    assert_eq!(fault.reason(), Reason::ADDRESS_UNAVAILABLE);
    assert!(
        fault.message().contains(&first.local_addr().to_string()),
        "{fault}"
    );
}

#[tokio::test]
async fn a_certain_site_is_known_by_its_certificate_whatever_it_is_called() {
    let (ours, theirs, clock) = (Network::new("ours"), Network::new("theirs"), Hands::at(NOW));
    let primary = ours.site(1, &clock);
    let server = Server::bind(loopback(), &ours.site(7, &clock)).await.unwrap();
    let posing = theirs.site_trusting(7, &clock, &ours);
    let posing = Server::bind(loopback(), &posing).await.unwrap();
    // No name of its certificate.
    let url = |server: &Server| format!("https://127.0.0.1:{}", server.local_addr().port());
    let (seventh, eighth) = (sync_id(7), sync_id(8));
    let dial = |url: &str, site, own: &TlsMaterial| Endpoint::of_site(url, site, own).unwrap();
    let revocations = crate::Revocations::default();
    let refusing = primary.clone().refusing(revocations.clone());
    let (url, elsewhere) = (url(&server), url(&posing));
    let impostor = dial(&elsewhere, seventh, &primary);
    let found = with_server(posing, call(&impostor, "/test.Sync/Sync")).await;
    let fault = found.map(|answer| answer.peer).unwrap_err();
    assert!(fault.message().contains("another authority"), "{fault}");
    with_server(server, async {
        let endpoint = dial(&url, seventh, &refusing);
        assert_eq!(call(&endpoint, "/test.Sync/Sync").await.unwrap().peer, "site 1");
        let another = dial(&url, eighth, &primary);
        for time in 0..2 {
            let fault = another.connect().await.map(drop).unwrap_err();
            assert_eq!(fault.reason(), Reason::CERTIFICATE_UNUSABLE, "{time}");
            assert!(
                fault.message().contains("not the site that was dialled"),
                "{fault}"
            );
            // A certificate that is replaced changes nothing of that.
            another.replace(&primary).unwrap();
        }
        revocations.replace([("site/7".to_owned(), Timestamp(NOW))].into());
        let fault = endpoint.connect().await.map(drop).unwrap_err();
        assert!(fault.message().contains("was revoked"), "{fault}");
    })
    .await;
}
