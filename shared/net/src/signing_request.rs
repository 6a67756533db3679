//! Asking for a certificate: the request that a machine makes with a key that never leaves it, and what the authority
//! takes from one. Names and roles in a request are ignored: the authority decides those.

use std::path::Path;

use rcgen::{CertificateParams, CertificateSigningRequestParams, KeyPair, PublicKeyData};
use rustls_pki_types::CertificateSigningRequestDer;
use secrecy::SecretString;
use supplysync_model::Fault;

use crate::pem_file::{self, Overwrite};

/// The largest request that is read.
const MAX_BYTES: usize = 8 * 1024;

/// A key whose holder was proven by the request's signature.
pub struct SigningRequest(pub(crate) rcgen::PublicKey);

impl SigningRequest {
    /// Reads a request (DER) and checks its signature.
    pub fn parse(der: &[u8]) -> Result<SigningRequest, Fault> {
        let wrong =
            |why: &str| Fault::field("signing_request", format!("{why}; send a PKCS #10 request (DER)"));
        if der.len() > MAX_BYTES {
            return Err(wrong("is too large"));
        }
        let der = CertificateSigningRequestDer::from(der);
        let read = CertificateSigningRequestParams::from_der(&der)
            .map_err(|error| wrong("is damaged, or its signature is wrong").with_source(error))?;
        Ok(SigningRequest(read.public_key))
    }

    /// The bytes of its public key.
    pub fn public_key(&self) -> &[u8] {
        self.0.der_bytes()
    }
}

/// Makes a key in a file, readable by its owner only, unless there is one.
pub fn make_key(path: &Path) -> Result<(), Fault> {
    if path.exists() {
        return pem_file::read_key(path).map(drop);
    }
    let key = KeyPair::generate().map_err(Fault::internal)?;
    let pem = SecretString::from(key.serialize_pem());
    pem_file::write_key(
        path,
        secrecy::ExposeSecret::expose_secret(&pem),
        Overwrite::Refuse,
    )
}

/// A request made with the key in a file (DER).
pub fn make_request(key: &Path) -> Result<Vec<u8>, Fault> {
    let der = pem_file::read_key(key)?;
    let pair = KeyPair::try_from(&der).map_err(|error| {
        pem_file::unusable(key, "is not a key that this version can use").with_source(error)
    })?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let request = params.serialize_request(&pair).map_err(Fault::internal)?;
    Ok(request.der().to_vec())
}
