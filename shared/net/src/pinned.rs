//! How a machine that has not joined yet judges the enrolment port: the certificate must be the primary's, and lead to
//! the authority whose fingerprint is in the join token.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use supplysync_model::SyncId;

use crate::certificate;
use crate::identity::PeerIdentity;
use crate::join_token::FINGERPRINT_BYTES;

#[derive(Debug)]
pub(crate) struct PinnedAuthority {
    pub(crate) fingerprint: [u8; FINGERPRINT_BYTES],
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refused = |why| Error::InvalidCertificate(why);
        // The server sends its authority along; which one is ours is told by the fingerprint, and by nothing it says.
        let pinned = intermediates.iter().find(|certificate| {
            certificate::fingerprint(certificate).is_ok_and(|found| found == self.fingerprint)
        });
        let pinned = pinned.ok_or_else(|| refused(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(pinned.clone().into_owned())?;
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let verified = chain.verify_server_cert(leaf, intermediates, name, ocsp, now)?;
        // Every site has a certificate of the authority: only the primary is told the token's secret.
        match PeerIdentity::of_certificate(leaf) {
            Ok(PeerIdentity::Site(SyncId::PRIMARY)) => Ok(verified),
            _ => Err(refused(CertificateError::UnknownIssuer)),
        }
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
