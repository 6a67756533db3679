//! Real connections over loopback: who gets through, who is refused, and in which words.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use http::{Request, Response};
use rustls::{ClientConfig, RootCertStore};
use supplysync_model::{Clock, Fault, FaultCode, Random, Reason, SyncId, Timestamp};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use crate::access::{AccessLayer, AccessTable, Caller};
use crate::authority::{Authority, Issued};
use crate::certificate::{self, Validity};
use crate::client::{Endpoint, fault_in};
use crate::http2;
use crate::identity::{PeerIdentity, Role};
use crate::material::TlsMaterial;
use crate::pem_file::{self, Overwrite};
use crate::server::{self, Server};

const NOW: i64 = 1_795_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A clock that tests set.
struct Hands(AtomicI64);

impl Hands {
    fn at(moment: i64) -> Arc<Hands> {
        Arc::new(Hands(AtomicI64::new(moment)))
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Counting(AtomicU8);

impl Random for Counting {
    fn bytes16(&self) -> [u8; 16] {
        [self.0.fetch_add(1, Ordering::SeqCst); 16]
    }
}

static RANDOM: Counting = Counting(AtomicU8::new(1));

/// A network: an authority in its folder, and certificates issued from it.
struct Network {
    folder: TempDir,
    authority: Authority,
}

impl Network {
    fn new(name: &str) -> Network {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create(name, Timestamp(NOW), &RANDOM).unwrap();
        authority.write(folder.path()).unwrap();
        Network { folder, authority }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, issued: &Issued) -> (PathBuf, PathBuf) {
        let (certificate, key) = (
            self.path(&format!("{name}.crt")),
            self.path(&format!("{name}.key")),
        );
        issued.write(&certificate, &key, Overwrite::Replace).unwrap();
        (certificate, key)
    }

    fn site(&self, id: u16, clock: &Arc<Hands>) -> TlsMaterial {
        self.site_trusting(id, clock, self)
    }

    /// A site of this network that trusts the authority of another.
    fn site_trusting(&self, id: u16, clock: &Arc<Hands>, trusted: &Network) -> TlsMaterial {
        let issued = self
            .authority
            .issue_site(sync_id(id), &["localhost".into()], Timestamp(NOW), &RANDOM)
            .unwrap();
        let (certificate, key) = self.write(&format!("site{id}"), &issued);
        TlsMaterial::load(&certificate, &key, &trusted.path("authority.crt"), clock.clone()).unwrap()
    }

    fn operator(&self, role: Role, clock: &Arc<Hands>) -> TlsMaterial {
        let identity = PeerIdentity::operator(role, "clara").unwrap();
        let issued = self
            .authority
            .issue_operator(&identity, Timestamp(NOW), &RANDOM)
            .unwrap();
        let (certificate, key) = self.write("clara", &issued);
        TlsMaterial::load(&certificate, &key, &self.path("authority.crt"), clock.clone()).unwrap()
    }
}

fn sync_id(id: u16) -> SyncId {
    id.to_string().parse().unwrap()
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn refuse(fault: Fault) -> Response<Body> {
    let code = match fault.code() {
        FaultCode::PermissionDenied => tonic::Code::PermissionDenied,
        _ => tonic::Code::Unauthenticated,
    };
    tonic::Status::new(code, fault.message()).into_http()
}

/// Answers every call with whom the layer says is calling.
async fn who(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let identity = request.extensions().get::<PeerIdentity>().unwrap().to_string();
    let address =
        tonic::Request::from_parts(Default::default(), request.extensions().clone(), ()).remote_addr();
    let mut response = tonic::Status::ok("").into_http();
    response.headers_mut().insert("x-peer", identity.parse().unwrap());
    response
        .headers_mut()
        .insert("x-address", address.unwrap().ip().to_string().parse().unwrap());
    Ok(response)
}

/// Serves while `test` runs.
async fn with_server<T>(server: Server, test: impl Future<Output = T>) -> T {
    let table = AccessTable::new()
        .allow("/test.Sync/Sync", &[Caller::Site])
        .allow("/test.Admin/Reset", &[Caller::Operator(Role::Admin)])
        .allow("/test.Report/Read", &[Caller::Operator(Role::Viewer)]);
    let serving = http2::server()
        .layer(AccessLayer::new(table, refuse))
        .serve_with_incoming(tower::service_fn(who), server.incoming());
    tokio::select! {
        ended = serving => panic!("the server ended: {ended:?}"),
        result = test => result,
    }
}

struct Answer {
    status: String,
    peer: String,
    address: String,
}

async fn call(endpoint: &Endpoint, path: &str) -> Result<Answer, Fault> {
    let mut channel = endpoint.connect().await?;
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .body(Body::empty())
        .unwrap();
    let response = channel.ready().await.unwrap().call(request).await.unwrap();
    let header = |name| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    };
    Ok(Answer {
        status: header("grpc-status"),
        peer: header("x-peer"),
        address: header("x-address"),
    })
}

async fn endpoint(server: &Server, material: &TlsMaterial) -> Endpoint {
    Endpoint::new(
        &format!("https://localhost:{}", server.local_addr().port()),
        material,
    )
    .unwrap()
}

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
    accepted.map(|connection| connection.peer().identity.clone())
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

#[test]
fn certificates_that_can_not_serve_are_refused_when_they_are_read() {
    let network = Network::new("a");
    let issue = |id: u16| {
        network
            .authority
            .issue_site(sync_id(id), &["localhost".into()], Timestamp(NOW), &RANDOM)
            .unwrap()
    };
    let (certificate, key) = network.write("one", &issue(1));
    let (_, other_key) = network.write("two", &issue(2));
    let load = |certificate: &PathBuf, key: &PathBuf, moment: i64| {
        TlsMaterial::load(
            certificate,
            key,
            &network.path("authority.crt"),
            Hands::at(moment),
        )
        .map(drop)
    };
    assert!(load(&certificate, &key, NOW).is_ok());

    let mismatch = load(&certificate, &other_key, NOW).unwrap_err();
    assert!(
        mismatch.message().contains("two.key is not the key of"),
        "{mismatch}"
    );
    let expired = load(&certificate, &key, NOW + 366 * DAY).unwrap_err();
    assert_eq!(expired.reason(), Reason::CERTIFICATE_UNUSABLE);
    let early = load(&certificate, &key, NOW - DAY).unwrap_err();
    assert_eq!(early.reason(), Reason::CLOCK_WRONG);
    assert!(early.message().contains("check this machine's clock"), "{early}");
    let authority = load(
        &network.path("authority.crt"),
        &network.path("authority.key"),
        NOW,
    )
    .unwrap_err();
    assert!(authority.message().contains("names neither"), "{authority}");
}

#[test]
fn an_authority_reads_back_and_guards_its_key() {
    use std::os::unix::fs::PermissionsExt;
    let network = Network::new("health");
    let mode = std::fs::metadata(network.path("authority.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        network.authority.write(network.folder.path()).is_err(),
        "an authority is not replaced"
    );

    let loaded = Authority::load(network.folder.path()).unwrap();
    assert_eq!(loaded.certificate(), network.authority.certificate());
    let issued = loaded.issue_site(
        sync_id(3),
        &["clinic.example".into(), "10.0.0.3".into(), "::1".into()],
        Timestamp(NOW),
        &RANDOM,
    );
    let described = issued.unwrap().describe().unwrap();
    assert_eq!(described.identity, Some(PeerIdentity::Site(sync_id(3))));
    assert_eq!(
        described.names,
        ["clinic.example", "10.0.0.3", "::1", "supplysync://site/3"]
    );
    assert_eq!(described.validity(Timestamp(NOW)), Validity::Valid);
    assert_eq!(described.validity(Timestamp(NOW + 366 * DAY)), Validity::Expired);
    assert_eq!(described.validity(Timestamp(NOW - DAY)), Validity::NotYet);
    assert_eq!(described.fingerprint.len(), 32 * 3 - 1);
    let own = certificate::describe_file(&network.path("authority.crt")).unwrap();
    assert!(own.is_authority && own.identity.is_none());
    assert_eq!(described.issuer, own.subject);

    let other = Network::new("other");
    std::fs::copy(other.path("authority.key"), network.path("authority.key")).unwrap();
    let Err(fault) = Authority::load(network.folder.path()) else {
        panic!("a foreign key was accepted");
    };
    assert!(fault.message().contains("is not the key of"), "{fault}");
}

#[test]
fn wrong_host_names_are_reported_together() {
    let network = Network::new("a");
    let names = [
        "ok.example".to_owned(),
        "not a name".to_owned(),
        "https://x".to_owned(),
    ];
    let fault = network
        .authority
        .issue_site(sync_id(2), &names, Timestamp(NOW), &RANDOM)
        .unwrap_err();
    let fields: Vec<_> = fault
        .violations()
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["hostnames[1]", "hostnames[2]"]);
    assert!(
        network
            .authority
            .issue_site(sync_id(2), &[], Timestamp(NOW), &RANDOM)
            .is_err()
    );
}

#[test]
fn only_addresses_of_servers_can_be_dialled() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let material = network.site(7, &clock);
    for bad in [
        "http://h:1",
        "https://h",
        "h:1",
        "https://h:1/path",
        "https://u@h:1",
        "https://h:99999",
        "",
    ] {
        assert!(Endpoint::new(bad, &material).is_err(), "{bad}");
    }
    for good in ["https://h:1", "https://10.0.0.1:8443/", "https://[::1]:8443"] {
        assert!(Endpoint::new(good, &material).is_ok(), "{good}");
    }
}

#[test]
fn debug_shows_no_key() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let shown = format!("{:?}", network.site(7, &clock));
    assert!(shown.contains("Site") && shown.len() < 100, "{shown}");
}
