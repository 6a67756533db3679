//! Who a verified certificate speaks for: a site or an operator, read from the URIs of its subject alternative name.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use supplysync_model::{Fault, FaultCode, Reason, SyncId};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The scheme of our identities.
const SCHEME: &str = "supplysync://";
/// The longest name of an operator.
const MAX_NAME_BYTES: usize = 64;

/// What an operator may do, in growing order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and changes stock and master data.
    Editor,
    /// Everything, sites and certificates included.
    Admin,
}

/// Whom the peer's certificate names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PeerIdentity {
    /// A site's server.
    Site(SyncId),
    /// A person or a program that acts for one.
    Operator {
        /// What they may do.
        role: Role,
        /// Who they are, for the audit log.
        name: String,
    },
}

impl PeerIdentity {
    /// An operator, if the name can stand in a certificate: 1 to 64 of `A-Z a-z 0-9 . _ @ -`.
    pub fn operator(role: Role, name: &str) -> Result<PeerIdentity, Fault> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
            return Err(Fault::field(
                "name",
                "an operator's name is 1 to 64 letters, digits, dots, dashes, underscores or @",
            ));
        }
        Ok(PeerIdentity::Operator {
            role,
            name: name.to_owned(),
        })
    }

    /// Who it is whatever the role: `site/7`, `operator/ana`.
    pub fn principal(&self) -> String {
        match self {
            PeerIdentity::Site(site) => format!("site/{site}"),
            PeerIdentity::Operator { name, .. } => format!("operator/{name}"),
        }
    }

    /// The URI that stands for this identity in a certificate.
    pub fn uri(&self) -> String {
        match self {
            PeerIdentity::Site(site) => format!("{SCHEME}site/{site}"),
            PeerIdentity::Operator { role, name } => format!("{SCHEME}operator/{role}/{name}"),
        }
    }

    /// Reads the one identity of a leaf certificate. Its chain and validity must have been checked by then.
    /// None of ours, two of ours, or one that is malformed is refused (`CERTIFICATE_REQUIRED`).
    pub fn of_certificate(leaf: &CertificateDer<'_>) -> Result<PeerIdentity, Fault> {
        let (_, certificate) =
            X509Certificate::from_der(leaf).map_err(|error| refused("can't be read").with_source(error))?;
        let uris = uris_of(&certificate);
        let mut ours = uris.iter().filter(|uri| uri.starts_with(SCHEME));
        let identity = match (ours.next(), ours.next()) {
            (Some(uri), None) => uri.parse()?,
            (None, _) => return Err(refused("names neither a site nor an operator")),
            (Some(_), Some(_)) => return Err(refused("names more than one identity")),
        };
        Ok(identity)
    }
}

/// The URIs in the subject alternative name, as they stand there.
pub(crate) fn uris_of<'a>(certificate: &'a X509Certificate<'_>) -> Vec<&'a str> {
    let names = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.as_slice(),
        // Two such extensions, or a broken one: as good as none.
        Ok(None) | Err(_) => &[],
    };
    names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect()
}

fn refused(why: &str) -> Fault {
    Fault::new(
        FaultCode::Unauthenticated,
        Reason::CERTIFICATE_REQUIRED,
        format!("the certificate {why}; use one that `certs issue` made for this network"),
    )
}

impl FromStr for PeerIdentity {
    type Err = Fault;

    fn from_str(uri: &str) -> Result<PeerIdentity, Fault> {
        let malformed = || refused("holds an identity that this version does not know");
        let path = uri.strip_prefix(SCHEME).ok_or_else(malformed)?;
        let mut parts = path.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("site"), Some(site), None, None) => {
                let id: SyncId = site.parse().map_err(|_| malformed())?;
                // One spelling for each identity: `007` is nobody.
                if id.to_string() == site {
                    Ok(PeerIdentity::Site(id))
                } else {
                    Err(malformed())
                }
            }
            (Some("operator"), Some(role), Some(name), None) => {
                let role = role.parse().map_err(|_| malformed())?;
                PeerIdentity::operator(role, name).map_err(|_| malformed())
            }
            _ => Err(malformed()),
        }
    }
}

/// For people and logs: `site 7`, or `clara (editor)`.
impl fmt::Display for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerIdentity::Site(site) => write!(f, "site {site}"),
            PeerIdentity::Operator { role, name } => write!(f, "{name} ({role})"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Role, Fault> {
        match text {
            "viewer" => Ok(Role::Viewer),
            "editor" => Ok(Role::Editor),
            "admin" => Ok(Role::Admin),
            _ => Err(Fault::field("role", "a role is one of viewer, editor, admin")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_read_back() {
        let clara = PeerIdentity::operator(Role::Editor, "clara@example.org").unwrap();
        for identity in [PeerIdentity::Site(SyncId::PRIMARY), clara] {
            assert_eq!(identity.uri().parse::<PeerIdentity>().unwrap(), identity);
        }
    }

    #[test]
    fn only_one_spelling_is_an_identity() {
        for bad in [
            "supplysync://site/",
            "supplysync://site/0",
            "supplysync://site/007",
            "supplysync://site/+7",
            "supplysync://site/70000",
            "supplysync://site/7/",
            "supplysync://site/7/x",
            "supplysync://SITE/7",
            "supplysync://operator/root/a",
            "supplysync://operator/admin",
            "supplysync://operator/admin/",
            "supplysync://operator/admin/a b",
            "supplysync://operator/admin/a/b",
            "https://site/7",
            "",
        ] {
            assert!(bad.parse::<PeerIdentity>().is_err(), "{bad}");
        }
    }
}
