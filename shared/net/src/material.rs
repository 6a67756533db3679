//! A site's certificate, key and authority as rustls configurations: TLS 1.3, both ends verified, no resumption.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{Resumption, WantsClientCert};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use supplysync_model::{Clock, Fault, FaultCode, Reason, SyncId, Timestamp};

use crate::certificate::{self, Description, Validity};
use crate::client_check::ClientCheck;
use crate::identity::PeerIdentity;
use crate::join_token::FINGERPRINT_BYTES;
use crate::pem_file;
use crate::pinned::PinnedAuthority;
use crate::revocation::Revocations;
use crate::site_check::SiteCheck;

/// How long an expired certificate may still be renewed, and do nothing else: a clinic may be offline for weeks.
pub const RENEWAL_GRACE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The only protocol that we speak inside TLS.
const ALPN: &[u8] = b"h2";

/// What proves who we are, and whose proofs we accept.
#[derive(Clone)]
pub struct TlsMaterial {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    roots: Arc<RootCertStore>,
    authorities: Vec<CertificateDer<'static>>,
    identity: PeerIdentity,
    leaf: Description,
    clock: Arc<dyn Clock>,
    revocations: Revocations,
}

impl TlsMaterial {
    /// Reads the three PEM files. Files that are missing, unreadable or don't belong together are
    /// `CERTIFICATE_UNUSABLE`; so is a certificate that has expired. One that is not valid yet is `CLOCK_WRONG`.
    pub fn load(
        certificate: &Path,
        key: &Path,
        authority: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<TlsMaterial, Fault> {
        let material = TlsMaterial::load_even_expired(certificate, key, authority, clock)?;
        match material.validity() {
            Validity::Expired => Err(material.expired(certificate)),
            _ => Ok(material),
        }
    }

    /// The same, and one that has expired is read too: it may still be renewed, and its site's users still served.
    pub fn load_even_expired(
        certificate: &Path,
        key: &Path,
        authority: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<TlsMaterial, Fault> {
        let chain = pem_file::read_certificates(certificate)?;
        let leaf = certificate::describe_file(certificate)?;
        let identity = leaf.identity.clone().ok_or_else(|| {
            pem_file::unusable(
                certificate,
                "names neither a site nor an operator of this network",
            )
        })?;
        let mut roots = RootCertStore::empty();
        let authorities = pem_file::read_certificates(authority)?;
        for root in &authorities {
            roots.add(root.clone()).map_err(|error| {
                pem_file::unusable(authority, "is not an authority's certificate").with_source(error)
            })?;
        }
        let key_der = Arc::new(pem_file::read_key(key)?);
        let material = TlsMaterial {
            chain,
            key: key_der,
            roots: Arc::new(roots),
            authorities,
            identity,
            leaf,
            clock,
            revocations: Revocations::default(),
        };
        material.check_pair(certificate, key)?;
        material.check_begun(certificate)?;
        Ok(material)
    }

    /// The same, and listeners refuse what is revoked.
    #[must_use]
    pub fn refusing(self, revocations: Revocations) -> TlsMaterial {
        TlsMaterial { revocations, ..self }
    }

    /// The same, and listeners refuse what those of `other` refuse.
    #[must_use]
    pub fn refusing_as(self, other: &TlsMaterial) -> TlsMaterial {
        self.refusing(other.revocations.clone())
    }

    /// Whether certificate and authorities are the same.
    pub fn same_as(&self, other: &TlsMaterial) -> bool {
        self.chain == other.chain && self.authorities == other.authorities && self.key == other.key
    }

    /// Whom our certificate names.
    pub fn identity(&self) -> &PeerIdentity {
        &self.identity
    }

    /// What our certificate says.
    pub fn description(&self) -> &Description {
        &self.leaf
    }

    /// When the first of the authorities that we trust ends.
    pub fn authorities_end(&self) -> Option<Timestamp> {
        let described = self.authorities.iter().map(|der| certificate::describe(der));
        described.flatten().map(|authority| authority.not_after).min()
    }

    /// The clock by which certificates are judged.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Whether our own certificate is valid by our clock.
    pub fn validity(&self) -> Validity {
        self.leaf.validity(self.clock.now())
    }

    /// For a listener: clients must show a certificate of our authority.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Fault> {
        self.listener(true, Duration::ZERO, self.chain.clone())
    }

    /// For the enrolment port: a client may come without a certificate, or with one that expired not long ago. The
    /// authorities are sent along, as who joins has none yet and knows its own by the fingerprint.
    pub fn enrolment_config(&self) -> Result<Arc<ServerConfig>, Fault> {
        let mut chain = self.chain.clone();
        chain.extend(self.authorities.iter().cloned());
        self.listener(false, RENEWAL_GRACE, chain)
    }

    fn listener(
        &self,
        mandatory: bool,
        grace: Duration,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<ServerConfig>, Fault> {
        let provider = provider();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&provider))
                .build()
                .map_err(Fault::internal)?;
        let verifier = Arc::new(ClientCheck {
            chain: verifier,
            revocations: self.revocations.clone(),
            mandatory,
            grace,
        });
        let mut config = ServerConfig::builder_with_details(provider, self.time())
            .with_protocol_versions(&[&TLS13])
            .map_err(Fault::internal)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, self.key.clone_key())
            .map_err(|error| certificate_unusable("this server's certificate").with_source(error))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A resumed session would carry a certificate over without checking it again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// For a dialler: the server must show a certificate of our authority for the name that was dialled.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, Fault> {
        let builder = ClientConfig::builder_with_details(provider(), self.time())
            .with_protocol_versions(&[&TLS13])
            .map_err(Fault::internal)?
            .with_root_certificates(Arc::clone(&self.roots));
        self.dialler(builder)
    }

    /// The same for the server of one site, by whatever name it was dialled.
    pub(crate) fn client_config_for(&self, site: SyncId) -> Result<Arc<ClientConfig>, Fault> {
        let check = SiteCheck {
            site,
            roots: Arc::clone(&self.roots),
            revocations: self.revocations.clone(),
            provider: provider(),
        };
        let builder = ClientConfig::builder_with_details(provider(), self.time())
            .with_protocol_versions(&[&TLS13])
            .map_err(Fault::internal)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check));
        self.dialler(builder)
    }

    fn dialler(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<Arc<ClientConfig>, Fault> {
        let mut config = builder
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(|error| certificate_unusable("this machine's certificate").with_source(error))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    fn time(&self) -> Arc<dyn TimeProvider> {
        Arc::new(ClockTime(Arc::clone(&self.clock)))
    }

    fn check_pair(&self, certificate: &Path, key: &Path) -> Result<(), Fault> {
        self.client_config().map(drop).map_err(|error| {
            let why = format!(
                "is not the key of {}; they must come from one `certs issue`",
                certificate.display()
            );
            pem_file::unusable(key, &why).with_source(error)
        })
    }

    fn expired(&self, path: &Path) -> Fault {
        let why = format!(
            "expired at {}, and this machine's clock says {}; correct the clock if it is wrong, else issue a new certificate",
            self.leaf.not_after,
            self.clock.now()
        );
        pem_file::unusable(path, &why)
    }

    fn check_begun(&self, path: &Path) -> Result<(), Fault> {
        let now = self.clock.now();
        match self.leaf.validity(now) {
            Validity::Valid | Validity::Expired => Ok(()),
            Validity::NotYet => Err(Fault::new(
                FaultCode::FailedPrecondition,
                Reason::CLOCK_WRONG,
                format!(
                    "{} is valid from {}, but this machine's clock says {now}; check this machine's clock",
                    path.display(),
                    self.leaf.not_before
                ),
            )),
        }
    }
}

/// Whom it names; never the key.
impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// For a dialler that has no certificate yet: the server must be the primary, of the authority with this fingerprint.
pub(crate) fn pinned_config(
    fingerprint: [u8; FINGERPRINT_BYTES],
    clock: Arc<dyn Clock>,
) -> Result<Arc<ClientConfig>, Fault> {
    let verifier = PinnedAuthority {
        fingerprint,
        provider: provider(),
    };
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(ClockTime(clock)))
        .with_protocol_versions(&[&TLS13])
        .map_err(Fault::internal)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificate_unusable(what: &str) -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::CERTIFICATE_UNUSABLE,
        format!("{what} or its key can't be used; issue a new pair with `certs issue`"),
    )
}

/// Our clock, for rustls.
struct ClockTime(Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.now().0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}
