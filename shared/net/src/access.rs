//! The one layer that says who may call what. What the table does not list is refused, whoever asks.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use supplysync_model::{Fault, FaultCode, Reason};
use tonic::transport::server::TcpConnectInfo;
use tower::{Layer, Service};

use crate::identity::{PeerIdentity, Role};
use crate::revocation::Revocations;
use crate::server::{PeerInfo, Visitor};

/// A sort of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A site's server, any.
    Site,
    /// The primary's server, and no other site's.
    Primary,
    /// An operator with this role or a higher one.
    Operator(Role),
    /// Whoever comes to the enrolment port, with a certificate or without; on no other port.
    Visitor,
}

impl Caller {
    fn admits(self, identity: &PeerIdentity) -> bool {
        match (self, identity) {
            (Caller::Site, PeerIdentity::Site(_)) => true,
            (Caller::Primary, PeerIdentity::Site(site)) => site.is_primary(),
            (Caller::Operator(lowest), PeerIdentity::Operator { role, .. }) => *role >= lowest,
            _ => false,
        }
    }
}

/// Who may call which method. Starts empty: nobody may call anything.
#[derive(Debug, Clone, Default)]
pub struct AccessTable {
    rules: HashMap<String, Vec<Caller>>,
}

impl AccessTable {
    /// Nobody may call anything.
    pub fn new() -> AccessTable {
        AccessTable::default()
    }

    /// Lets `callers` call `path`, as in `/supplysync.v1.SyncService/Sync`, besides those let before.
    #[must_use]
    pub fn allow(mut self, path: &str, callers: &[Caller]) -> AccessTable {
        self.rules.entry(path.to_owned()).or_default().extend(callers);
        self
    }

    /// Whether the table says anything about `path`.
    pub fn lists(&self, path: &str) -> bool {
        self.rules.contains_key(path)
    }

    /// Whether a visitor of the enrolment port may call `path`.
    pub fn check_visitor(&self, path: &str) -> Result<(), Fault> {
        let callers = self.rules.get(path).map(Vec::as_slice).unwrap_or_default();
        if callers.contains(&Caller::Visitor) {
            return Ok(());
        }
        Err(Fault::new(
            FaultCode::PermissionDenied,
            Reason::ROLE_NOT_ALLOWED,
            format!("{path} may not be called on the enrolment port"),
        )
        .with_metadata("method", path))
    }

    /// `ROLE_NOT_ALLOWED` unless the table lets this caller in. An unknown path answers as a forbidden one does.
    pub fn check(&self, path: &str, identity: &PeerIdentity) -> Result<(), Fault> {
        let callers = self.rules.get(path).map(Vec::as_slice).unwrap_or_default();
        if callers.iter().any(|caller| caller.admits(identity)) {
            return Ok(());
        }
        let needed = match callers.iter().find_map(|caller| match caller {
            Caller::Operator(role) => Some(role),
            Caller::Site | Caller::Primary | Caller::Visitor => None,
        }) {
            Some(role) => format!("it takes an operator's certificate with the role {role} or higher"),
            None => "no operator may call it".to_owned(),
        };
        Err(Fault::new(
            FaultCode::PermissionDenied,
            Reason::ROLE_NOT_ALLOWED,
            format!("{identity} may not call {path}: {needed}"),
        )
        .with_metadata("method", path))
    }
}

/// Puts an [`AccessTable`] in front of every service. Requests that pass carry [`PeerIdentity`], [`PeerInfo`] and
/// [`TcpConnectInfo`] (for `Request::remote_addr`) as extensions.
pub struct AccessLayer<R> {
    table: Arc<AccessTable>,
    revocations: Revocations,
    refuse: fn(Fault) -> http::Response<R>,
}

impl<R> AccessLayer<R> {
    /// `refuse` turns a fault into the answer of the protocol.
    pub fn new(table: AccessTable, refuse: fn(Fault) -> http::Response<R>) -> AccessLayer<R> {
        AccessLayer {
            table: Arc::new(table),
            revocations: Revocations::default(),
            refuse,
        }
    }

    /// Refuses calls on connections that were open before their certificate was revoked, too.
    #[must_use]
    pub fn refusing(self, revocations: Revocations) -> AccessLayer<R> {
        AccessLayer { revocations, ..self }
    }
}

impl<R> Clone for AccessLayer<R> {
    fn clone(&self) -> Self {
        AccessLayer {
            table: Arc::clone(&self.table),
            revocations: self.revocations.clone(),
            refuse: self.refuse,
        }
    }
}

impl<S, R> Layer<S> for AccessLayer<R> {
    type Service = Access<S, R>;

    fn layer(&self, inner: S) -> Access<S, R> {
        Access {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind an [`AccessLayer`].
pub struct Access<S, R> {
    inner: S,
    layer: AccessLayer<R>,
}

impl<S: Clone, R> Clone for Access<S, R> {
    fn clone(&self) -> Self {
        Access {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S, B, R> Service<http::Request<B>> for Access<S, R>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Send + 'static,
{
    type Response = http::Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        match admit(&self.layer.table, &self.layer.revocations, &mut request) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(fault) => {
                let refusal = (self.layer.refuse)(fault);
                Box::pin(std::future::ready(Ok(refusal)))
            }
        }
    }
}

fn admit<B>(
    table: &AccessTable,
    revocations: &Revocations,
    request: &mut http::Request<B>,
) -> Result<(), Fault> {
    let path = request.uri().path().to_owned();
    if request.extensions().get::<Visitor>().is_some() {
        return table.check_visitor(&path);
    }
    let Some(peer) = request.extensions().get::<PeerInfo>().cloned() else {
        tracing::warn!(path, "call refused: no verified peer");
        return Err(Fault::new(
            FaultCode::Unauthenticated,
            Reason::CERTIFICATE_REQUIRED,
            "a certificate of this network is required",
        ));
    };
    let admitted = revocations.check(&peer.identity, peer.issued_at);
    if let Err(fault) = admitted.and_then(|()| table.check(&path, &peer.identity)) {
        tracing::warn!(path, peer = %peer.identity, address = %peer.address, reason = fault.reason().0, "call refused");
        return Err(fault);
    }
    let extensions = request.extensions_mut();
    extensions.insert(TcpConnectInfo {
        local_addr: Some(peer.local),
        remote_addr: Some(peer.address),
    });
    extensions.insert(peer.identity);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use supplysync_model::SyncId;

    #[test]
    fn what_is_not_listed_is_denied() {
        let admin = PeerIdentity::operator(Role::Admin, "root").unwrap();
        let table = AccessTable::new().allow("/a/B", &[Caller::Operator(Role::Editor)]);
        for path in ["/a/C", "/a/b", "/a/B/", "//a/B", "", "/"] {
            let refused = table.check(path, &admin).unwrap_err();
            assert_eq!(refused.reason(), Reason::ROLE_NOT_ALLOWED, "{path}");
        }
        assert!(table.check("/a/B", &admin).is_ok());
    }

    #[test]
    fn roles_grow_and_sites_are_apart() {
        let table = AccessTable::new()
            .allow("/edit", &[Caller::Operator(Role::Editor)])
            .allow("/sync", &[Caller::Site])
            .allow("/wake", &[Caller::Operator(Role::Editor), Caller::Primary]);
        let operator = |role| PeerIdentity::operator(role, "x").unwrap();
        let site = PeerIdentity::Site(SyncId::PRIMARY);
        assert!(table.check("/edit", &operator(Role::Viewer)).is_err());
        assert!(table.check("/edit", &operator(Role::Editor)).is_ok());
        assert!(table.check("/edit", &operator(Role::Admin)).is_ok());
        assert!(table.check("/edit", &site).is_err());
        assert!(table.check("/sync", &site).is_ok());
        assert!(table.check("/sync", &operator(Role::Admin)).is_err());
        let satellite = PeerIdentity::Site(SyncId::new(2).unwrap());
        assert!(table.check("/sync", &satellite).is_ok());
        assert!(table.check("/wake", &site).is_ok());
        assert!(table.check("/wake", &satellite).is_err());
        assert!(table.check("/wake", &operator(Role::Editor)).is_ok());
    }
}
