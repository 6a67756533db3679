//! The certificate authority of a network: made once on the primary, it issues site and operator certificates.
//! Reading a certificate back for people is in `certificate`.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use supplysync_model::{Fault, Random, Reason, SyncId, Timestamp};
use time::OffsetDateTime;

use crate::certificate::{self, Description};
use crate::identity::PeerIdentity;
use crate::pem_file::{self, Overwrite};
use crate::signing_request::SigningRequest;

/// The file of the authority's certificate, within its folder.
pub const AUTHORITY_CERTIFICATE: &str = "authority.crt";
/// The file of the authority's key, within its folder.
pub const AUTHORITY_KEY: &str = "authority.key";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an authority is valid.
pub const AUTHORITY_LIFE: Duration = Duration::from_secs(DAY.as_secs() * 3_652);
/// How long a site's or operator's certificate is valid.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(DAY.as_secs() * 365);
/// Validity begins this much before issue, for clocks that are a little slow. Fixed: the time of issue is read back by it.
pub(crate) const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// A certificate with its key, just issued.
#[derive(Debug)]
pub struct Issued {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its private key, PKCS#8 PEM.
    pub key: SecretString,
}

impl Issued {
    /// Writes both: the key 0600, each whole or not at all, the key first.
    pub fn write(&self, certificate: &Path, key: &Path, overwrite: Overwrite) -> Result<(), Fault> {
        if overwrite == Overwrite::Refuse && certificate.exists() {
            // Before the key is written, or the pair would not match.
            return pem_file::write_certificate(certificate, &self.certificate, overwrite);
        }
        pem_file::write_key(key, self.key.expose_secret(), overwrite)?;
        pem_file::write_certificate(certificate, &self.certificate, overwrite)
    }

    /// What the certificate says.
    pub fn describe(&self) -> Result<Description, Fault> {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(Fault::internal)?;
        certificate::describe(&der)
    }
}

/// A certificate authority with its key.
pub struct Authority {
    /// Its own certificate.
    certificate: String,
    /// Every authority that the network trusts: its own, and while one takes over from another, both.
    trusted: Vec<CertificateDer<'static>>,
    issuer: Issuer<'static, KeyPair>,
    life: Duration,
}

impl Authority {
    /// Makes a new authority, valid for ten years, in memory; [`Authority::write`] keeps it.
    pub fn create(network: &str, now: Timestamp, random: &dyn Random) -> Result<Authority, Fault> {
        let key = KeyPair::generate().map_err(Fault::internal)?;
        let mut params = params(network, now, AUTHORITY_LIFE, random)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(Fault::internal)?;
        Ok(Authority {
            certificate: certificate.pem(),
            trusted: vec![certificate.der().clone()],
            issuer: Issuer::new(params, key),
            life: CERTIFICATE_LIFE,
        })
    }

    /// Keeps the authority in `folder` as `authority.crt` and `authority.key`; refuses to replace one.
    pub fn write(&self, folder: &Path) -> Result<(), Fault> {
        let issued = Issued {
            certificate: self.certificate.clone(),
            key: SecretString::from(self.issuer.key().serialize_pem()),
        };
        issued.write(
            &folder.join(AUTHORITY_CERTIFICATE),
            &folder.join(AUTHORITY_KEY),
            Overwrite::Refuse,
        )
    }

    /// Reads the authority in `folder`, and checks that key and certificate belong together.
    pub fn load(folder: &Path) -> Result<Authority, Fault> {
        let (certificate_path, key_path) = (folder.join(AUTHORITY_CERTIFICATE), folder.join(AUTHORITY_KEY));
        let certificates = pem_file::read_certificates(&certificate_path)?;
        let key_der = pem_file::read_key(&key_path)?;
        let key = KeyPair::try_from(&key_der).map_err(|error| {
            pem_file::unusable(&key_path, "is not a key that this version can use").with_source(error)
        })?;
        let mut own = None;
        for certificate in &certificates {
            if certificate::public_key_of(certificate)? == key.public_key_raw() {
                own = Some(certificate);
            }
        }
        let certificate = own.ok_or_else(|| {
            pem_file::unusable(
                &key_path,
                "is not the key of authority.crt; restore the pair from a backup",
            )
        })?;
        let issuer = Issuer::from_ca_cert_der(certificate, key).map_err(|error| {
            pem_file::unusable(&certificate_path, "is not an authority's certificate").with_source(error)
        })?;
        Ok(Authority {
            certificate: pem_file::certificate_pem(certificate),
            issuer,
            trusted: certificates,
            life: CERTIFICATE_LIFE,
        })
    }

    /// The same, and what it issues is valid for as long as this.
    #[must_use]
    pub fn lasting(self, life: Duration) -> Authority {
        Authority { life, ..self }
    }

    /// The authority's certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The certificates of all authorities that the network trusts, PEM; what every site must have.
    pub fn trusted(&self) -> String {
        self.trusted.iter().map(pem_file::certificate_pem).collect()
    }

    /// What its own certificate says.
    pub fn describe(&self) -> Result<Description, Fault> {
        certificate::describe(&self.der()?)
    }

    /// SHA-256 of its own certificate.
    pub fn fingerprint(&self) -> Result<[u8; 32], Fault> {
        certificate::fingerprint(&self.der()?)
    }

    fn der(&self) -> Result<CertificateDer<'static>, Fault> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(Fault::internal)
    }

    /// Issues a site's certificate, for its server and its client: one year, names as DNS or IP entries.
    /// Wrong host names are reported all at once.
    pub fn issue_site(
        &self,
        site: SyncId,
        hostnames: &[String],
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Issued, Fault> {
        let names = host_names(hostnames)?;
        self.issue(&PeerIdentity::Site(site), names, now, random)
    }

    /// Issues a site's certificate (PEM) for a key that stays where it is. Nothing but the key is taken from the request.
    pub fn certify_site(
        &self,
        site: SyncId,
        hostnames: &[String],
        request: &SigningRequest,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<String, Fault> {
        let names = host_names(hostnames)?;
        let params = self.params(&PeerIdentity::Site(site), names, now, random)?;
        let certificate = params.signed_by(&request.0, &self.issuer);
        Ok(certificate.map_err(Fault::internal)?.pem())
    }

    /// Issues an operator's certificate: one year, client only. `identity` must be an operator.
    pub fn issue_operator(
        &self,
        identity: &PeerIdentity,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Issued, Fault> {
        match identity {
            PeerIdentity::Operator { .. } => self.issue(identity, Vec::new(), now, random),
            PeerIdentity::Site(_) => Err(Fault::field(
                "identity",
                "a site's certificate is issued with its host names",
            )),
        }
    }

    fn issue(
        &self,
        identity: &PeerIdentity,
        names: Vec<SanType>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Issued, Fault> {
        let params = self.params(identity, names, now, random)?;
        let key = KeyPair::generate().map_err(Fault::internal)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(Fault::internal)?
            .pem();
        Ok(Issued {
            certificate,
            key: SecretString::from(key.serialize_pem()),
        })
    }

    fn params(
        &self,
        identity: &PeerIdentity,
        names: Vec<SanType>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<CertificateParams, Fault> {
        let mut params = params(&identity.to_string(), now, self.life, random)?;
        let uri = identity.uri().try_into().map_err(Fault::internal)?;
        params.subject_alt_names = names;
        params.subject_alt_names.push(SanType::URI(uri));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if matches!(identity, PeerIdentity::Site(_)) {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        Ok(params)
    }
}

fn params(
    common_name: &str,
    now: Timestamp,
    life: Duration,
    random: &dyn Random,
) -> Result<CertificateParams, Fault> {
    let issued = OffsetDateTime::from(now.utc());
    let mut params = CertificateParams::default();
    params.not_before = issued - BACKDATE;
    params.not_after = issued + life;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Supplysync");
    params.distinguished_name.push(DnType::CommonName, common_name);
    // A serial number is positive and has no leading zero.
    let [first, rest @ ..] = random.bytes16();
    let serial: Vec<u8> = std::iter::once(first & 0x3f | 0x40).chain(rest).collect();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

fn host_names(hostnames: &[String]) -> Result<Vec<SanType>, Fault> {
    let mut names = Vec::new();
    let mut violations = Vec::new();
    for (index, hostname) in hostnames.iter().enumerate() {
        match host_name(hostname) {
            Some(name) => names.push(name),
            None => violations.push(supplysync_model::FieldViolation {
                field: format!("hostnames[{index}]"),
                description: format!(
                    "{hostname:?} is neither a host name (as in primary.example.org) nor an IP address"
                ),
            }),
        }
    }
    if names.is_empty() && violations.is_empty() {
        return Err(Fault::field(
            "hostnames",
            "at least one is needed: how others call this server",
        ));
    }
    if violations.is_empty() {
        Ok(names)
    } else {
        Err(Fault::invalid(violations))
    }
}

fn host_name(text: &str) -> Option<SanType> {
    if let Ok(address) = IpAddr::from_str(text) {
        return Some(SanType::IpAddress(address));
    }
    // The same rule as the one by which clients compare.
    let name = rustls_pki_types::DnsName::try_from(text).ok()?;
    let name = name.as_ref().to_ascii_lowercase();
    Some(SanType::DnsName(name.try_into().ok()?))
}

/// Whether a fault says that there is no authority in the folder (and not that a broken one is).
pub fn is_absent(fault: &Fault) -> bool {
    let not_found = |source: &std::io::Error| source.kind() == std::io::ErrorKind::NotFound;
    fault.reason() == Reason::CERTIFICATE_UNUSABLE
        && std::error::Error::source(fault)
            .and_then(|source| source.downcast_ref())
            .is_some_and(not_found)
}
