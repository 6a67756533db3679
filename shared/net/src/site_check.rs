//! How a dialler judges the server of one certain site: whatever the address is called, its certificate must be of our
//! authority, name that site, and not be revoked.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use supplysync_model::SyncId;

use crate::identity::PeerIdentity;
use crate::revocation::Revocations;

#[derive(Debug)]
pub(crate) struct SiteCheck {
    pub(crate) site: SyncId,
    pub(crate) roots: Arc<RootCertStore>,
    pub(crate) revocations: Revocations,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for SiteCheck {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let parsed = ParsedCertificate::try_from(leaf)?;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms)?;
        let refused = |why| Error::InvalidCertificate(why);
        match PeerIdentity::of_certificate(leaf) {
            Ok(PeerIdentity::Site(site)) if site == self.site => {}
            _ => return Err(refused(CertificateError::ApplicationVerificationFailure)),
        }
        let revoked = |_| refused(CertificateError::Revoked);
        self.revocations.check_certificate(leaf).map_err(revoked)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, leaf, signature, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, leaf, signature, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
