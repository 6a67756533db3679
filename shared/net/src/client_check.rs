//! How a listener judges a client's certificate: its chain, its validity (with a grace on the enrolment port), and
//! whether it was revoked.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::certificate;
use crate::revocation::Revocations;

/// Wraps the chain's verifier.
#[derive(Debug)]
pub(crate) struct ClientCheck {
    pub(crate) chain: Arc<dyn ClientCertVerifier>,
    pub(crate) revocations: Revocations,
    /// Whether a client without a certificate is turned away.
    pub(crate) mandatory: bool,
    /// How long after its end a certificate still proves whose it was.
    pub(crate) grace: Duration,
}

impl ClientCheck {
    /// The moment at which an expired certificate is judged instead of now, if the grace lasts.
    fn last_valid(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Option<UnixTime> {
        let described = certificate::describe(leaf).ok()?;
        let end = u64::try_from(described.not_after.0).ok()?;
        let end = Duration::from_millis(end);
        let within = now.as_secs() <= end.saturating_add(self.grace).as_secs();
        within.then(|| UnixTime::since_unix_epoch(end))
    }
}

impl ClientCertVerifier for ClientCheck {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        use CertificateError::{Expired, ExpiredContext};
        let verified = match self.chain.verify_client_cert(leaf, intermediates, now) {
            Err(expired @ Error::InvalidCertificate(Expired | ExpiredContext { .. })) => {
                // Everything but the end is checked all the same.
                let then = self.last_valid(leaf, now).ok_or(expired)?;
                self.chain.verify_client_cert(leaf, intermediates, then)?
            }
            verified => verified?,
        };
        let revoked = |_| Error::InvalidCertificate(CertificateError::Revoked);
        self.revocations.check_certificate(leaf).map_err(revoked)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
