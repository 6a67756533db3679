//! The sections of the configuration that both programs share. What only one of them has is in its `config.rs`;
//! how files, environment and flags are merged is in `runtime`.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use supplysync_model::{Fault, FaultCode, FieldViolation, Reason};
use supplysync_runtime::Validate;
use supplysync_store::StoreConfig;

/// What the shared commands need of a program's configuration.
pub trait SiteConfig: Serialize + DeserializeOwned + Default + Validate {
    /// Where everything is.
    fn data_dir(&self) -> &Path;

    /// The database.
    fn database(&self) -> &DatabaseSection;

    /// This server's certificate and authority.
    fn tls(&self) -> &TlsSection;

    /// Which server the operator commands ask.
    fn operator(&self) -> &OperatorSection;

    /// Where this site's own server listens.
    fn listen(&self) -> SocketAddr;

    /// Where it answers `/livez` and `/readyz`.
    fn health(&self) -> SocketAddr;
}

/// Who this site is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSection {
    /// The name of this site, as people call it.
    pub name: String,
}

/// The database.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSection {
    /// `sqlite:FILE` (relative paths are in the data directory) or `postgres://…`; may hold a password.
    pub url: String,
    /// The file with the password of that address's user, on its first line (PostgreSQL); empty: none, or it is in the address.
    pub password_file: PathBuf,
    /// Connections that read.
    pub max_readers: u32,
    /// Connections that write (PostgreSQL; SQLite always has one).
    pub max_writers: u32,
}

impl Default for DatabaseSection {
    fn default() -> DatabaseSection {
        DatabaseSection {
            url: "sqlite:supplysync.db".into(),
            password_file: PathBuf::new(),
            max_readers: 4,
            max_writers: 4,
        }
    }
}

/// Without the password that the address may hold.
impl fmt::Debug for DatabaseSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("DatabaseSection")
            .field("url", &format_args!("{scheme}:<hidden>"))
            .field("password_file", &self.password_file)
            .field("max_readers", &self.max_readers)
            .field("max_writers", &self.max_writers)
            .finish()
    }
}

impl DatabaseSection {
    /// What the store is opened with, the password of `password_file` included.
    pub fn access(&self, data_dir: &Path) -> Result<StoreConfig, Fault> {
        let mut config = self.store_config(data_dir);
        if !self.password_file.as_os_str().is_empty() {
            let password = read_password(&data_dir.join(&self.password_file))?;
            let url = with_password(&self.url, password.expose_secret());
            config.url = url.unwrap_or_else(|| self.url.clone()).into();
        }
        Ok(config)
    }

    /// As [`DatabaseSection::access`], for a database that needs no password from a file, as the embedded one.
    pub fn store_config(&self, data_dir: &Path) -> StoreConfig {
        StoreConfig {
            max_readers: self.max_readers,
            max_writers: self.max_writers,
            ..StoreConfig::new(resolve_database(&self.url, data_dir))
        }
    }

    /// Whether other programs may use it at the same time.
    pub fn is_shared(&self) -> bool {
        !self.url.starts_with("sqlite:")
    }

    /// Adds what is wrong.
    pub fn check(&self, violations: &mut Vec<FieldViolation>) {
        let mut wrong = |field: &str, description: &str| {
            violations.push(FieldViolation {
                field: format!("database.{field}"),
                description: description.to_owned(),
            });
        };
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| self.url.starts_with(scheme)) {
            wrong(
                "url",
                "must begin with sqlite: or postgres://, as in sqlite:supplysync.db",
            );
        }
        if !self.password_file.as_os_str().is_empty() && with_password(&self.url, "").is_none() {
            wrong(
                "password_file",
                "needs database.url to be as in postgres://USER@HOST/DATABASE, with a user and without a password",
            );
        }
        if self.max_readers == 0 {
            wrong("max_readers", "must be 1 or more");
        }
        if self.max_writers == 0 {
            wrong("max_writers", "must be 1 or more");
        }
    }
}

/// Where this server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenSection {
    /// Address and port of the gRPC services (mutual TLS).
    pub grpc: SocketAddr,
    /// Address and port of `/livez` and `/readyz` (plain HTTP, no data).
    pub health: SocketAddr,
}

/// The certificate this server shows, and the authority whose certificates it accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSection {
    /// This site's certificate, PEM; relative paths are in the data directory.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The authority's certificate, PEM.
    pub authority: PathBuf,
}

impl Default for TlsSection {
    fn default() -> TlsSection {
        TlsSection {
            certificate: "tls/site.crt".into(),
            key: "tls/site.key".into(),
            authority: "tls/authority.crt".into(),
        }
    }
}

/// Which server the operator commands ask, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorSection {
    /// `https://HOST:PORT`; empty for the server on this machine.
    pub server: String,
    /// The operator's certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The authority's certificate, PEM.
    pub authority: PathBuf,
}

impl Default for OperatorSection {
    fn default() -> OperatorSection {
        OperatorSection {
            server: String::new(),
            certificate: "tls/operator.crt".into(),
            key: "tls/operator.key".into(),
            authority: "tls/authority.crt".into(),
        }
    }
}

/// Limits that a network may raise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// The highest Sync ID of a satellite; the same on every site.
    pub max_sync_id: u16,
}

impl Default for LimitsSection {
    fn default() -> LimitsSection {
        LimitsSection {
            max_sync_id: supplysync_model::limits::DEFAULT_MAX_SYNC_ID,
        }
    }
}

/// The verification that a server does by itself, once a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerifySection {
    /// Whether it does.
    pub nightly: bool,
    /// From which hour of the day on, UTC, 0 to 23.
    pub hour: u8,
}

impl Default for VerifySection {
    fn default() -> VerifySection {
        VerifySection {
            nightly: true,
            hour: 2,
        }
    }
}

impl VerifySection {
    /// Adds what is wrong.
    pub fn check(&self, violations: &mut Vec<FieldViolation>) {
        if self.hour > 23 {
            violations.push(FieldViolation {
                field: "verify.hour".into(),
                description: "must be 0 to 23".into(),
            });
        }
    }
}

impl TlsSection {
    /// The same with paths resolved against the data directory.
    #[must_use]
    pub fn resolved(&self, data_dir: &Path) -> TlsSection {
        TlsSection {
            certificate: data_dir.join(&self.certificate),
            key: data_dir.join(&self.key),
            authority: data_dir.join(&self.authority),
        }
    }
}

impl OperatorSection {
    /// The same with paths resolved against the data directory, and the server on this machine named if no other is.
    #[must_use]
    pub fn resolved(&self, data_dir: &Path, listen: SocketAddr) -> OperatorSection {
        let server = if self.server.is_empty() {
            format!("https://{}", reachable(listen))
        } else {
            self.server.clone()
        };
        OperatorSection {
            server,
            certificate: data_dir.join(&self.certificate),
            key: data_dir.join(&self.key),
            authority: data_dir.join(&self.authority),
        }
    }
}

/// The first line of the file.
fn read_password(path: &Path) -> Result<SecretString, Fault> {
    let unusable = |why: String| {
        let message = format!("the database's password file {} {why}", path.display());
        Fault::new(FaultCode::InvalidArgument, Reason::CONFIGURATION_INVALID, message)
    };
    let text = std::fs::read_to_string(path)
        .map(SecretString::from)
        .map_err(|error| unusable(format!("can't be read: {error}")))?;
    match text
        .expose_secret()
        .lines()
        .next()
        .filter(|line| !line.is_empty())
    {
        Some(line) => Ok(SecretString::from(line)),
        None => Err(unusable("is empty".to_owned())),
    }
}

/// A PostgreSQL address with a password beside its user; `None` if it has no user, or a password already.
fn with_password(url: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (user, place) = rest.split_once('@')?;
    let fits = scheme.starts_with("postgres") && !user.is_empty() && !user.contains([':', '/']);
    fits.then(|| format!("{scheme}://{user}:{}@{place}", percent_encoded(password)))
}

/// As a URL wants it.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

/// How a server that listens on `address` is called from the same machine.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() || address.ip().is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// A database address with its relative SQLite path resolved against the data directory.
fn resolve_database(url: &str, data_dir: &Path) -> String {
    let Some(path) = url.strip_prefix("sqlite:") else {
        return url.to_owned();
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    format!("sqlite://{}", data_dir.join(path).display())
}

impl LimitsSection {
    /// Adds what is wrong.
    pub fn check(&self, violations: &mut Vec<FieldViolation>) {
        if self.max_sync_id < 2 {
            violations.push(FieldViolation {
                field: "limits.max_sync_id".into(),
                description: "must be 2 or more: 1 is the primary".into(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_paths_are_in_the_data_directory() {
        let resolve = |url| resolve_database(url, Path::new("/var/lib/supplysync"));
        assert_eq!(resolve("sqlite:a.db"), "sqlite:///var/lib/supplysync/a.db");
        assert_eq!(resolve("sqlite:///srv/a.db"), "sqlite:///srv/a.db");
        assert_eq!(resolve("postgres://db/x"), "postgres://db/x");
    }

    #[test]
    fn the_server_on_this_machine_has_a_name() {
        let server = |listen: &str| {
            let section = OperatorSection::default();
            section.resolved(Path::new("/d"), listen.parse().unwrap()).server
        };
        assert_eq!(server("0.0.0.0:8443"), "https://localhost:8443");
        assert_eq!(server("[::1]:8443"), "https://localhost:8443");
        assert_eq!(server("10.1.2.3:8443"), "https://10.1.2.3:8443");
    }

    #[test]
    fn a_database_address_has_a_known_scheme() {
        let violations = |url: &str| {
            let mut violations = Vec::new();
            let url = url.to_owned();
            DatabaseSection {
                url,
                ..DatabaseSection::default()
            }
            .check(&mut violations);
            violations
        };
        assert_eq!(violations("sqlite:a.db"), []);
        assert_eq!(violations("postgres://user@host/name"), []);
        assert_eq!(violations("mysql://x")[0].field, "database.url");
    }

    #[test]
    fn the_database_password_can_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("database-password"), "p@ss/w:rd\n").unwrap();
        let mut section = DatabaseSection {
            url: "postgres://user@host/name".to_owned(),
            password_file: "database-password".into(),
            ..DatabaseSection::default()
        };
        let opened = section.access(folder.path()).unwrap();
        assert_eq!(
            opened.url.expose_secret(),
            "postgres://user:p%40ss%2Fw%3Ard@host/name"
        );
        assert!(!format!("{opened:?}").contains("p%40"));
        for url in [
            "postgres://user:x@host/name",
            "postgres://host/name",
            "sqlite:a.db",
        ] {
            section.url = url.to_owned();
            let mut violations = Vec::new();
            section.check(&mut violations);
            assert_eq!(violations[0].field, "database.password_file", "{url}");
        }
        section.password_file = "absent".into();
        let fault = section.access(folder.path()).unwrap_err();
        assert!(fault.message().contains("absent"), "{fault}");
    }

    #[test]
    fn the_database_password_is_not_in_debug_output() {
        let url = "postgres://user:hunter2@host/name".to_owned();
        let section = DatabaseSection {
            url,
            ..DatabaseSection::default()
        };
        assert!(!format!("{section:?}").contains("hunter2"));
    }
}
