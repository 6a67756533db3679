//! Reading certificates for people (`certs show`): identity, names, validity, fingerprint. Issuing is in `authority`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use supplysync_model::{Fault, FaultCode, Reason, Timestamp};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::authority::BACKDATE;
use crate::identity::PeerIdentity;
use crate::pem_file;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Whom it names; none in an authority's.
    pub identity: Option<PeerIdentity>,
    /// Its subject, as in `O=Supplysync, CN=site 7`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Whether it may issue others.
    pub is_authority: bool,
    /// DNS names, IP addresses and URIs of its subject.
    pub names: Vec<String>,
    /// The first moment of its validity.
    pub not_before: Timestamp,
    /// The last moment of its validity.
    pub not_after: Timestamp,
    /// Its serial number, in hexadecimal pairs.
    pub serial: String,
    /// SHA-256 of its DER form, in hexadecimal pairs, as other tools show it.
    pub fingerprint: String,
}

/// Where a moment lies in a certificate's validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It has not begun.
    NotYet,
    /// It holds.
    Valid,
    /// It is over.
    Expired,
}

impl Description {
    /// When it was issued: its validity begins a little earlier, for clocks that are slow.
    pub fn issued_at(&self) -> Timestamp {
        Timestamp(self.not_before.0.saturating_add(millis(BACKDATE)))
    }

    /// When it is to be renewed: at two thirds of its life, or of `longest` where that is shorter.
    pub fn renew_at(&self, longest: Duration) -> Timestamp {
        let issued = self.issued_at().0;
        let life = self
            .not_after
            .0
            .saturating_sub(issued)
            .min(millis(longest))
            .max(0);
        Timestamp(issued.saturating_add(life - life / 3))
    }

    /// Where `now` lies in its validity.
    pub fn validity(&self, now: Timestamp) -> Validity {
        if now < self.not_before {
            Validity::NotYet
        } else if now > self.not_after {
            Validity::Expired
        } else {
            Validity::Valid
        }
    }
}

/// Reads the first certificate of a PEM file.
pub fn describe_file(path: &Path) -> Result<Description, Fault> {
    let certificates = pem_file::read_certificates(path)?;
    let leaf = certificates
        .first()
        .ok_or_else(|| pem_file::unusable(path, "holds no certificate"))?;
    describe(leaf)
}

/// What a certificate says; nothing is verified.
pub fn describe(der: &CertificateDer<'_>) -> Result<Description, Fault> {
    let certificate = parse(der)?;
    let names = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.iter().map(name_text).collect(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let milliseconds = |seconds: i64| Timestamp(seconds.saturating_mul(1_000));
    Ok(Description {
        identity: PeerIdentity::of_certificate(der).ok(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        is_authority: certificate.is_ca(),
        names,
        not_before: milliseconds(certificate.validity().not_before.timestamp()),
        not_after: milliseconds(certificate.validity().not_after.timestamp()),
        serial: certificate.raw_serial_as_string(),
        fingerprint: hexadecimal(&fingerprint(der)?),
    })
}

/// SHA-256 of a certificate's DER form.
pub fn fingerprint(der: &CertificateDer<'_>) -> Result<[u8; 32], Fault> {
    let digest = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .map(|suite| suite.common.hash_provider.hash(der))
        .ok_or_else(|| Fault::internal("no SHA-256 in the TLS provider"))?;
    digest.as_ref().try_into().map_err(Fault::internal)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The bytes of a certificate's public key.
pub fn public_key_of(der: &CertificateDer<'_>) -> Result<Vec<u8>, Fault> {
    Ok(parse(der)?.public_key().subject_public_key.data.to_vec())
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Fault> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| {
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::CERTIFICATE_UNUSABLE,
            "the certificate is damaged: it is not a readable X.509 certificate",
        )
        .with_source(error)
    })?;
    Ok(certificate)
}

fn name_text(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) | GeneralName::URI(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => address_text(bytes),
        other => other.to_string(),
    }
}

fn address_text(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        Ipv4Addr::from(four).to_string()
    } else if let Ok(sixteen) = <[u8; 16]>::try_from(bytes) {
        Ipv6Addr::from(sixteen).to_string()
    } else {
        hexadecimal(bytes)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}
