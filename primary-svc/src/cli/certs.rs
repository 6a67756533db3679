//! `primary-svc certs`: issue and read certificates, on the machine that holds the authority's key. Revoking asks the
//! primary: see `revoke`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use supplysync_model::{Fault, SyncId};
use supplysync_net::authority::{self, AUTHORITY_CERTIFICATE, Authority, Issued};
use supplysync_net::certificate::{self, Description, Validity};
use supplysync_net::pem_file::{self, Overwrite};
use supplysync_net::rotation;
use supplysync_net::{PeerIdentity, Role};
use supplysync_node::cli::flags::GlobalFlags;
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::{self, Operator};
use supplysync_node::cli::table::moment;

use super::revoke::RevokeArgs;
use crate::config::Config;
use crate::enrolment::revoked_file::RevokedFile;

/// The names under which every server is called on its own machine.
const OWN_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The operator that `init` makes.
const FIRST_OPERATOR: &str = "admin";

/// What can be done with certificates.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Issue a certificate with its key
    #[command(subcommand)]
    Issue(IssueCommand),
    /// Let a new authority take over, in three steps; every site must have renewed between them (docs/certificates.md)
    #[command(subcommand)]
    Rotate(RotateCommand),
    /// Shut an operator out: every certificate issued to that name until now is refused, on satellites too (needs the
    /// authorisation code)
    Revoke(RevokeArgs),
    /// Say what a certificate is: whom it names, its validity, its fingerprint
    Show {
        /// The certificate, PEM
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// The steps by which a new authority takes over.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum RotateCommand {
    /// Make the new authority; both are trusted, the old one issues
    Begin,
    /// The new authority issues; both are trusted
    Switch,
    /// Only the new authority is trusted
    Finish,
}

/// For whom.
#[derive(Debug, Subcommand)]
pub enum IssueCommand {
    /// For a site's server: writes site.crt, site.key and authority.crt
    Site {
        /// Its Sync ID
        #[arg(value_name = "N")]
        sync_id: SyncId,
        /// A name or address under which its own users reach it, besides localhost; repeat it for more
        #[arg(long, value_name = "NAME", num_args = 1..)]
        hostname: Vec<String>,
        /// Where to.
        #[command(flatten)]
        out: OutFlags,
    },
    /// For a person or a program that operates sites: writes operator.crt, operator.key and authority.crt
    Operator {
        /// Who it is, for the audit log
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do
        #[arg(long, value_name = "ROLE", default_value = "viewer")]
        role: RoleName,
        /// Where to.
        #[command(flatten)]
        out: OutFlags,
    },
}

/// Where a certificate goes.
#[derive(Debug, Args)]
pub struct OutFlags {
    /// The folder to write to; made if it isn't there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace a certificate and key that are there
    #[arg(long)]
    replace: bool,
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Read
    Viewer,
    /// Read, and change stock and master data
    Editor,
    /// Everything, sites included
    Admin,
}

/// A certificate in words.
#[derive(Debug, Serialize)]
struct CertificateView {
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<PathBuf>,
    identity: String,
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
    validity: &'static str,
    serial: String,
    fingerprint_sha256: String,
}

impl CertsCommand {
    /// Issues or reads.
    pub async fn run(self, flags: &GlobalFlags) -> Result<(), Problem> {
        let view = match self {
            CertsCommand::Revoke(args) => return args.run(&Operator::new::<Config>(flags)?).await,
            CertsCommand::Show { file } => {
                let description = certificate::describe_file(&file)?;
                CertificateView::new(file, None, description)
            }
            CertsCommand::Rotate(step) => step.run(flags)?,
            CertsCommand::Issue(command) => command.run(flags).await?,
        };
        flags.output().answer(&view)
    }
}

impl RotateCommand {
    fn run(self, flags: &GlobalFlags) -> Result<CertificateView, Problem> {
        let config: Config = flags.settings()?;
        let folder = authority_folder(&config);
        match self {
            RotateCommand::Begin => rotation::begin(&folder, run::clock().now(), &*run::random())?,
            RotateCommand::Switch => rotation::switch(&folder)?,
            RotateCommand::Finish => rotation::finish(&folder)?,
        }
        let issuing = Authority::load(&folder)?.describe()?;
        Ok(CertificateView::new(
            folder.join(AUTHORITY_CERTIFICATE),
            None,
            issuing,
        ))
    }
}

impl IssueCommand {
    async fn run(self, flags: &GlobalFlags) -> Result<CertificateView, Problem> {
        let config: Config = flags.settings()?;
        let folder = authority_folder(&config);
        let authority = Authority::load(&folder)?;
        let whom = self.whom()?;
        let wait = RevokedFile::in_folder(&folder).wait_before_issuing(&whom, run::clock().now())?;
        tokio::time::sleep(wait).await;
        let (now, random) = (run::clock().now(), run::random());
        let (issued, stem, out) = match self {
            IssueCommand::Site {
                sync_id,
                hostname,
                out,
            } => {
                check_sync_id(sync_id, config.limits.max_sync_id)?;
                let issued = authority.issue_site(sync_id, &with_own_machine(&hostname), now, &*random)?;
                (issued, "site", out)
            }
            IssueCommand::Operator { out, .. } => {
                let issued = authority.issue_operator(&whom, now, &*random)?;
                (issued, "operator", out)
            }
        };
        out.write(&authority, &issued, stem)
    }

    fn whom(&self) -> Result<PeerIdentity, Fault> {
        match self {
            IssueCommand::Site { sync_id, .. } => Ok(PeerIdentity::Site(*sync_id)),
            IssueCommand::Operator { name, role, .. } => PeerIdentity::operator((*role).into(), name),
        }
    }
}

impl OutFlags {
    fn write(&self, authority: &Authority, issued: &Issued, stem: &str) -> Result<CertificateView, Problem> {
        let (certificate, key) = pair(&self.out, stem);
        let overwrite = if self.replace {
            Overwrite::Replace
        } else {
            Overwrite::Refuse
        };
        issued.write(&certificate, &key, overwrite)?;
        // The same authority each time, so it does no harm to write it again beside the next certificate.
        let of_authority = self.out.join(AUTHORITY_CERTIFICATE);
        pem_file::write_certificate(&of_authority, &authority.trusted(), Overwrite::Replace)?;
        Ok(CertificateView::new(certificate, Some(key), issued.describe()?))
    }
}

/// What `init` needs: the authority, the primary's certificate and a first operator's; what is there stays.
pub fn make_first(tls: &Path, hostnames: &[String]) -> Result<(), Fault> {
    let (now, random) = (run::clock().now(), run::random());
    let authority = match Authority::load(tls) {
        Ok(authority) => authority,
        Err(fault) if authority::is_absent(&fault) => {
            let authority = Authority::create("Supplysync authority", now, &*random)?;
            authority.write(tls)?;
            authority
        }
        Err(fault) => return Err(fault),
    };
    let (certificate, key) = pair(tls, "site");
    if !certificate.exists() {
        let issued = authority.issue_site(SyncId::PRIMARY, &with_own_machine(hostnames), now, &*random)?;
        // A key without its certificate is what an interrupted run leaves.
        issued.write(&certificate, &key, Overwrite::Replace)?;
    }
    let (certificate, key) = pair(tls, "operator");
    if !certificate.exists() {
        let identity = PeerIdentity::operator(Role::Admin, FIRST_OPERATOR)?;
        let issued = authority.issue_operator(&identity, now, &*random)?;
        issued.write(&certificate, &key, Overwrite::Replace)?;
    }
    Ok(())
}

fn pair(folder: &Path, stem: &str) -> (PathBuf, PathBuf) {
    (
        folder.join(format!("{stem}.crt")),
        folder.join(format!("{stem}.key")),
    )
}

/// The authority's key lies beside its certificate.
fn authority_folder(config: &Config) -> PathBuf {
    let tls = config.tls.resolved(&config.data_dir);
    tls.authority
        .parent()
        .map_or_else(|| config.data_dir.clone(), Path::to_owned)
}

fn check_sync_id(sync_id: SyncId, highest: u16) -> Result<(), Problem> {
    if sync_id.get() > highest {
        let message =
            format!("Sync ID {sync_id} is above the highest, {highest} (limits.max_sync_id raises it)");
        return Err(Problem::usage(message));
    }
    Ok(())
}

fn with_own_machine(hostnames: &[String]) -> Vec<String> {
    let mut names = hostnames.to_vec();
    for name in OWN_MACHINE {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Role {
        match role {
            RoleName::Viewer => Role::Viewer,
            RoleName::Editor => Role::Editor,
            RoleName::Admin => Role::Admin,
        }
    }
}

impl CertificateView {
    fn new(file: PathBuf, key: Option<PathBuf>, description: Description) -> CertificateView {
        let identity = match (&description.identity, description.is_authority) {
            (Some(identity), _) => identity.to_string(),
            (None, true) => "an authority".to_owned(),
            (None, false) => "nobody that Supplysync knows".to_owned(),
        };
        let validity = match description.validity(run::clock().now()) {
            Validity::NotYet => "not yet valid: check this machine's clock",
            Validity::Valid => "valid",
            Validity::Expired => "expired",
        };
        CertificateView {
            file,
            key,
            identity,
            subject: description.subject,
            issuer: description.issuer,
            names: description.names,
            not_before: description.not_before.to_string(),
            not_after: description.not_after.to_string(),
            validity,
            serial: description.serial,
            fingerprint_sha256: description.fingerprint,
        }
    }
}

impl Answer for CertificateView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| text += &format!("{name:12}{value}\n");
        line("for", &self.identity);
        line("file", &self.file.display().to_string());
        if let Some(key) = &self.key {
            line("key", &format!("{}   (keep it secret)", key.display()));
        }
        line("subject", &self.subject);
        line("issuer", &self.issuer);
        for (index, name) in self.names.iter().enumerate() {
            line(if index == 0 { "names" } else { "" }, name);
        }
        let (from, to) = (moment(&self.not_before), moment(&self.not_after));
        line("valid", &format!("{from} to {to}   ({})", self.validity));
        line("serial", &self.serial);
        line("SHA-256", &self.fingerprint_sha256);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_is_also_called_localhost() {
        let names = with_own_machine(&["primary.example.org".into(), "localhost".into()]);
        assert_eq!(names, ["primary.example.org", "localhost", "127.0.0.1", "::1"]);
    }

    #[test]
    fn the_first_certificates_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        make_first(folder.path(), &["primary.example.org".into()]).unwrap();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let before = [
            "authority.crt",
            "authority.key",
            "site.crt",
            "site.key",
            "operator.crt",
        ]
        .map(read);
        make_first(folder.path(), &["other.example.org".into()]).unwrap();
        let after = [
            "authority.crt",
            "authority.key",
            "site.crt",
            "site.key",
            "operator.crt",
        ]
        .map(read);
        assert!(before == after, "a second run changed a file");

        let described = certificate::describe_file(&folder.path().join("site.crt")).unwrap();
        assert_eq!(described.identity, Some(PeerIdentity::Site(SyncId::PRIMARY)));
        assert!(described.names.contains(&"primary.example.org".to_owned()));
        let described = certificate::describe_file(&folder.path().join("operator.crt")).unwrap();
        assert_eq!(
            described.identity,
            PeerIdentity::operator(Role::Admin, FIRST_OPERATOR).ok()
        );
    }
}
