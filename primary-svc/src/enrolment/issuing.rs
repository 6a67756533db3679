//! What the serving primary needs to issue certificates: the authority's key, where `init` put it, and what is written in
//! a join token.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use supplysync_model::{Clock, Fault, FaultCode, Random, Reason, SyncId};
use supplysync_net::authority::{self, Authority};
use supplysync_net::certificate::Description;
use supplysync_net::{JoinToken, SigningRequest, TlsMaterial};
use supplysync_node::certificates::Certificates;

use crate::config::EnrolmentSection;

/// The scheme that is no host's name in a certificate.
const URI: &str = "://";
/// The names under which a server is called on its own machine only.
const OWN_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Issues certificates.
pub struct Issuing {
    section: EnrolmentSection,
    certificates: Certificates,
    /// The clock by which what is issued is valid.
    pub clock: Arc<dyn Clock>,
    /// Where serial numbers and tokens come from.
    pub random: Arc<dyn Random>,
}

impl Issuing {
    /// With the configuration, and the primary's own certificate: the authority's key lies beside its authority.
    pub fn new(
        section: EnrolmentSection,
        certificates: Certificates,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Issuing {
        Issuing {
            section,
            certificates,
            clock,
            random,
        }
    }

    /// The configuration.
    pub fn section(&self) -> &EnrolmentSection {
        &self.section
    }

    /// The authority that issues now: read each time, as it may be rotated while this runs. `ENROLMENT_UNAVAILABLE` when
    /// the port is off or the key is elsewhere.
    pub fn authority(&self) -> Result<Authority, Fault> {
        if !self.section.enabled {
            return Err(unavailable(
                "enrolment is off on this primary (enrolment.enabled): issue certificates with `certs issue`, or turn it on"
                    .to_owned(),
            ));
        }
        load(&self.folder(), &self.section)
    }

    /// A new token for a site.
    pub fn token(&self, site: SyncId) -> Result<JoinToken, Fault> {
        let fingerprint = self.authority()?.fingerprint()?;
        Ok(JoinToken::new(site, fingerprint, &self.urls(), &*self.random))
    }

    /// Where satellites reach the enrolment port: as configured, else by every name of the primary's certificate.
    pub fn urls(&self) -> Vec<String> {
        if !self.section.urls.is_empty() {
            return self.section.urls.clone();
        }
        let port = self.section.listen.port();
        let names = host_names(self.certificates.present().description());
        let elsewhere: Vec<_> = names.iter().filter(|name| !is_own_machine(name)).collect();
        let called: Vec<_> = match elsewhere.is_empty() {
            true => names.iter().take(1).collect(),
            false => elsewhere,
        };
        called.into_iter().map(|name| url(name, port)).collect()
    }

    /// A certificate (PEM) for a site's key: for its own machine's names, and the host of its registered URL if it has
    /// one. A site does not choose them, or it could pass for another.
    pub fn certify(
        &self,
        site: SyncId,
        registered_url: &str,
        request: &SigningRequest,
    ) -> Result<String, Fault> {
        let mut names: Vec<_> = OWN_MACHINE.map(str::to_owned).into();
        names.extend(host_of(registered_url));
        self.issue(site, &names, request)
    }

    /// A new certificate (PEM) in place of one, for the same key and names.
    pub fn renew(
        &self,
        site: SyncId,
        present: &Description,
        request: &SigningRequest,
    ) -> Result<String, Fault> {
        self.issue(site, &host_names(present), request)
    }

    /// Whether a certificate is to be renewed: at two thirds of its life, and when another authority issues.
    pub fn is_due(&self, present: &Description, authority: &Authority) -> Result<bool, Fault> {
        let late = self.clock.now() >= present.renew_at(self.section.certificate_life.duration());
        Ok(late || present.issuer != authority.describe()?.subject)
    }

    fn issue(&self, site: SyncId, names: &[String], request: &SigningRequest) -> Result<String, Fault> {
        self.authority()?
            .certify_site(site, names, request, self.clock.now(), &*self.random)
    }

    /// Where the authority and its key are.
    pub fn folder(&self) -> PathBuf {
        folder_of(&self.certificates.files().authority)
    }

    /// The primary's own certificate.
    pub fn own(&self) -> TlsMaterial {
        self.certificates.present()
    }

    /// Where the key of the primary's own certificate is.
    pub fn own_key(&self) -> PathBuf {
        self.certificates.files().key.clone()
    }

    /// Takes a new certificate of the primary's own into use.
    pub fn keep_own(&self, certificate: &str) -> Result<bool, Fault> {
        self.certificates.keep(certificate, "")
    }
}

/// The authority in a folder, issuing for as long as is configured.
pub fn load(folder: &Path, section: &EnrolmentSection) -> Result<Authority, Fault> {
    match Authority::load(folder) {
        Ok(authority) => Ok(authority.lasting(section.certificate_life.duration())),
        Err(fault) if authority::is_absent(&fault) => Err(unavailable(format!(
            "the authority's key is not on this primary ({} has no authority.key): bring it back, or issue certificates \
             with `certs issue` where it is",
            folder.display()
        ))),
        Err(fault) => Err(fault),
    }
}

/// The folder of the authority's certificate, where its key is too.
pub fn folder_of(authority: &Path) -> PathBuf {
    authority.parent().unwrap_or(Path::new(".")).to_owned()
}

/// The DNS names and addresses of a certificate.
pub fn host_names(description: &Description) -> Vec<String> {
    let names = description.names.iter().filter(|name| !name.contains(URI));
    names.cloned().collect()
}

/// The host of a URL.
pub fn host_of(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some(host.to_owned()).filter(|host| !host.is_empty())
}

fn is_own_machine(name: &str) -> bool {
    OWN_MACHINE.contains(&name)
}

fn url(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    }
}

fn unavailable(why: String) -> Fault {
    Fault::new(FaultCode::FailedPrecondition, Reason::ENROLMENT_UNAVAILABLE, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_from_urls() {
        assert_eq!(
            host_of("https://clinic.example.org:7600/"),
            Some("clinic.example.org".into())
        );
        assert_eq!(host_of("https://[::1]:7600"), Some("::1".into()));
        assert_eq!(host_of(""), None);
        assert_eq!(url("::1", 8445), "https://[::1]:8445");
    }
}
