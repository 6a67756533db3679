//! Who is shut out: a principal's certificates that were issued up to a moment. The list is kept by the primary's
//! database; handshakes and calls ask this copy of it.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls_pki_types::CertificateDer;
use supplysync_model::{Fault, FaultCode, Reason, Timestamp};

use crate::certificate;
use crate::identity::PeerIdentity;

/// All revocations. Clones are the same list; it begins empty.
#[derive(Debug, Clone, Default)]
pub struct Revocations(Arc<ArcSwap<HashMap<String, Timestamp>>>);

impl Revocations {
    /// From now on these hold, and no others: by principal, the moment up to which its certificates are refused.
    pub fn replace(&self, revoked: HashMap<String, Timestamp>) {
        self.0.store(Arc::new(revoked));
    }

    /// All that hold.
    pub fn all(&self) -> Arc<HashMap<String, Timestamp>> {
        self.0.load_full()
    }

    /// The moment up to which a principal's certificates are refused, if it was revoked.
    pub fn revoked_at(&self, identity: &PeerIdentity) -> Option<Timestamp> {
        self.0.load().get(&identity.principal()).copied()
    }

    /// `CERTIFICATE_REVOKED` if a certificate that was issued then to this principal is refused.
    pub fn check(&self, identity: &PeerIdentity, issued_at: Timestamp) -> Result<(), Fault> {
        match self.revoked_at(identity) {
            Some(revoked_at) if issued_at <= revoked_at => Err(Fault::new(
                FaultCode::Unauthenticated,
                Reason::CERTIFICATE_REVOKED,
                format!(
                    "the certificate of {identity} was revoked at {revoked_at}; ask the administrator of the primary"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The same for a certificate itself.
    pub(crate) fn check_certificate(&self, leaf: &CertificateDer<'_>) -> Result<(), Fault> {
        let described = certificate::describe(leaf)?;
        match &described.identity {
            Some(identity) => self.check(identity, described.issued_at()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use supplysync_model::SyncId;

    use super::*;
    use crate::identity::Role;

    #[test]
    fn what_was_issued_until_then_is_refused_and_later_ones_hold() {
        let revocations = Revocations::default();
        let site = PeerIdentity::Site(SyncId::new(7).unwrap());
        assert!(revocations.check(&site, Timestamp(0)).is_ok());
        revocations.replace(HashMap::from([("site/7".to_owned(), Timestamp(5_000))]));
        let refused = revocations.check(&site, Timestamp(5_000)).unwrap_err();
        assert_eq!(refused.reason(), Reason::CERTIFICATE_REVOKED);
        assert!(revocations.check(&site, Timestamp(6_000)).is_ok());
        let other = PeerIdentity::Site(SyncId::new(77).unwrap());
        assert!(revocations.check(&other, Timestamp(0)).is_ok());
    }

    #[test]
    fn an_operator_is_shut_out_in_every_role() {
        let revocations = Revocations::default();
        revocations.replace(HashMap::from([("operator/ana".to_owned(), Timestamp(5_000))]));
        for role in [Role::Viewer, Role::Editor, Role::Admin] {
            let ana = PeerIdentity::operator(role, "ana").unwrap();
            assert!(revocations.check(&ana, Timestamp(1)).is_err());
        }
    }
}
