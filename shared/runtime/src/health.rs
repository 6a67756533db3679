//! `/livez`, `/readyz` and `/metrics` over plain HTTP, for supervisors: counts and Sync IDs, nothing of what is kept, and on
//! loopback unless configured otherwise.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use supplysync_model::Fault;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Metrics;

/// What `/metrics` answers with: Prometheus' text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The conditions under which a program is ready. Clones are the same set.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Option<String>>>>);

/// One condition of readiness; unmet when it is made.
#[derive(Debug, Clone)]
pub struct Condition {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// A new condition, unmet for now.
    pub fn condition(&self, name: &'static str) -> Condition {
        let condition = Condition {
            name,
            readiness: self.clone(),
        };
        condition.unmet("not yet");
        condition
    }

    /// The conditions that are not met, each with why.
    pub fn unmet(&self) -> Vec<(&'static str, String)> {
        let conditions = self.lock();
        let unmet = conditions
            .iter()
            .filter_map(|(name, why)| Some((*name, why.clone()?)));
        unmet.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    /// It holds.
    pub fn met(&self) {
        self.readiness.lock().insert(self.name, None);
    }

    /// It does not, because of `why`.
    pub fn unmet(&self, why: impl Into<String>) {
        self.readiness.lock().insert(self.name, Some(why.into()));
    }
}

/// The bound health port.
pub struct Health {
    listener: TcpListener,
    address: SocketAddr,
}

impl Health {
    /// Binds `address` (port 0: any free one). `ADDRESS_UNAVAILABLE` when that can't be.
    pub async fn bind(address: SocketAddr) -> Result<Health, Fault> {
        let unavailable = |error| Fault::address_unavailable(address, error);
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Health { listener, address })
    }

    /// The address that was bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`; not ready from then on.
    pub async fn serve(
        self,
        readiness: Readiness,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Result<(), Fault> {
        let measured = async move || ([(CONTENT_TYPE, EXPOSITION)], metrics.text().await).into_response();
        let routes = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(measured))
            .with_state((readiness, stop.clone()));
        let served = axum::serve(self.listener, routes).with_graceful_shutdown(stop.cancelled_owned());
        served.await.map_err(Fault::internal)
    }
}

async fn ready(State((readiness, stop)): State<(Readiness, CancellationToken)>) -> (StatusCode, String) {
    let mut unmet = readiness.unmet();
    if stop.is_cancelled() {
        unmet.push(("running", "stopping".to_owned()));
    }
    if unmet.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines: Vec<_> = unmet
        .iter()
        .map(|(name, why)| format!("{name}: {why}\n"))
        .collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines.concat())
}

#[cfg(test)]
mod tests {
    use supplysync_model::Reason;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn readiness_says_what_is_missing() {
        let health = Health::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = health.local_addr();
        let (readiness, stop) = (Readiness::default(), CancellationToken::new());
        let database = readiness.condition("database");
        let port = readiness.condition("port");
        let asking = async {
            assert!(ask(address, "/livez").await.starts_with("HTTP/1.1 200"));
            let measured = ask(address, "/metrics").await;
            assert!(
                measured.starts_with("HTTP/1.1 200") && measured.contains("text/plain; version=0.0.4"),
                "{measured}"
            );
            let unready = ask(address, "/readyz").await;
            assert!(
                unready.starts_with("HTTP/1.1 503") && unready.contains("database: not yet\nport: not yet\n"),
                "{unready}"
            );
            database.met();
            port.met();
            assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
            database.unmet("the disk is full");
            assert!(
                ask(address, "/readyz")
                    .await
                    .contains("\r\n\r\ndatabase: the disk is full\n")
            );
            stop.cancel();
        };
        let (served, ()) = tokio::join!(health.serve(readiness, Metrics::apart(), stop.clone()), asking);
        served.unwrap();
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = Health::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let Err(fault) = Health::bind(first.local_addr()).await else {
            panic!("bound twice");
        };
        assert_eq!(fault.reason(), Reason::ADDRESS_UNAVAILABLE);
        assert!(
            fault.message().contains(&first.local_addr().to_string()),
            "{fault}"
        );
        assert!(fault.message().contains("another program uses it"), "{fault}");
    }
}
