//! Real connections over loopback: a network of certificates, a server and calls to it. The tests are in the modules.

mod calls;
mod enrolment;
mod handshakes;
mod material;

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
