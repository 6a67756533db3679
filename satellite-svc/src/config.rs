//! The configuration of a satellite: its sections, defaults, and what must hold before it can serve.
//! Sections that both programs share are in `node::cli::settings`; merging files, environment and flags is in `runtime`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use supplysync_model::FieldViolation;
use supplysync_node::cli::settings::{
    DatabaseSection, LimitsSection, ListenSection, OperatorSection, SiteConfig, SiteSection, TlsSection,
    VerifySection,
};
use supplysync_runtime::{LogConfig, TracesConfig, Validate};

/// The longest interval, in minutes: a day.
const MAX_INTERVAL_MINUTES: u32 = 1440;

/// The enrolment port of a primary that was not told another.
const ENROLMENT_PORT: u16 = 8445;

/// Everything a satellite can be told. Relative paths are in `data_dir`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the database, certificates and configuration are.
    pub data_dir: PathBuf,
    /// Who this site is.
    pub site: SiteSection,
    /// With whom and how often to synchronise.
    pub sync: SyncSection,
    /// The database.
    pub database: DatabaseSection,
    /// Where to listen.
    pub listen: ListenSection,
    /// This server's certificate and authority.
    pub tls: TlsSection,
    /// Which server the operator commands ask.
    pub operator: OperatorSection,
    /// What to log and how.
    pub log: LogConfig,
    /// Where the steps of record versions are told.
    pub traces: TracesConfig,
    /// Limits that a network may raise.
    pub limits: LimitsSection,
    /// The verification that this server does by itself, once a day.
    pub verify: VerifySection,
}

/// With whom and how often to synchronise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncSection {
    /// The primary, `https://HOST:PORT`.
    pub primary_url: String,
    /// The user name that all sites share.
    pub user_name: String,
    /// The file with the password that all sites share, on its first line.
    pub password_file: PathBuf,
    /// Minutes between requests for new information, 0 to 1440; 0 pauses.
    pub interval_minutes: u32,
    /// Whether to keep the connection open, so that changes travel the moment they are made.
    pub live: bool,
    /// Whether batches are compressed on their way, both ways: for all links but the fastest.
    pub compress: bool,
    /// Minutes that a store which is being moved away may wait here for a word from the primary before this site goes
    /// on writing it, so that a cut link does not stop a pharmacy; 1 to 1440.
    pub move_patience_minutes: u32,
    /// Where this site renews its certificate, `https://HOST:PORT`, the first that answers; empty: the primary's host, port 8445.
    pub enrolment_urls: Vec<String>,
}

impl Default for SyncSection {
    fn default() -> SyncSection {
        SyncSection {
            primary_url: String::new(),
            user_name: String::new(),
            password_file: "password".into(),
            interval_minutes: 5,
            live: true,
            compress: true,
            move_patience_minutes: 15,
            enrolment_urls: Vec::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            data_dir: ".".into(),
            site: SiteSection::default(),
            sync: SyncSection::default(),
            database: DatabaseSection::default(),
            // A satellite dials out: it needs no open port, and the two may share a machine.
            listen: ListenSection {
                grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, 8444)),
                health: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            },
            tls: TlsSection::default(),
            operator: OperatorSection::default(),
            log: LogConfig::default(),
            traces: TracesConfig::default(),
            limits: LimitsSection::default(),
            verify: VerifySection::default(),
        }
    }
}

impl SiteConfig for Config {
    fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    fn database(&self) -> &DatabaseSection {
        &self.database
    }

    fn tls(&self) -> &TlsSection {
        &self.tls
    }

    fn operator(&self) -> &OperatorSection {
        &self.operator
    }

    fn listen(&self) -> SocketAddr {
        self.listen.grpc
    }

    fn health(&self) -> SocketAddr {
        self.listen.health
    }
}

impl Validate for Config {
    fn violations(&self) -> Vec<FieldViolation> {
        let mut violations = Vec::new();
        self.sync.check(&mut violations);
        self.database.check(&mut violations);
        self.limits.check(&mut violations);
        self.verify.check(&mut violations);
        self.log.check(&mut violations);
        self.traces.check(&mut violations);
        violations
    }
}

impl SyncSection {
    /// Where to renew the certificate.
    pub fn renewal_urls(&self) -> Vec<String> {
        if !self.enrolment_urls.is_empty() {
            return self.enrolment_urls.clone();
        }
        let host = self.primary_url.strip_prefix("https://").unwrap_or_default();
        let host = host.trim_end_matches('/');
        // Not the colons of an address in brackets.
        let host = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            _ => host,
        };
        vec![format!("https://{host}:{ENROLMENT_PORT}")]
    }

    fn check(&self, violations: &mut Vec<FieldViolation>) {
        let mut wrong = |field: &str, description: &str| {
            violations.push(FieldViolation {
                field: format!("sync.{field}"),
                description: description.to_owned(),
            });
        };
        let host = self.primary_url.strip_prefix("https://");
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            wrong(
                "primary_url",
                "must be the primary's address, as in https://primary.example.org:8443",
            );
        }
        if self.user_name.is_empty() {
            wrong("user_name", "must be the user name that all sites share");
        }
        if self.interval_minutes > MAX_INTERVAL_MINUTES {
            wrong("interval_minutes", "must be 0 to 1440; 0 pauses");
        }
        if !(1..=MAX_INTERVAL_MINUTES).contains(&self.move_patience_minutes) {
            wrong("move_patience_minutes", "must be 1 to 1440");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use supplysync_runtime::Sources;
    use supplysync_runtime::config::load;

    use super::*;

    fn sample(name: &str) -> Config {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name);
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        load::<Config>(&sources)
            .unwrap_or_else(|fault| panic!("{name}: {fault}"))
            .config
    }

    #[test]
    fn the_sample_is_right_and_states_the_defaults() {
        let mut config = sample("satellite.toml");
        assert_eq!(config.sync.primary_url, "https://primary.example.org:8443");
        config.data_dir = Config::default().data_dir;
        config.site = SiteSection::default();
        config.sync.primary_url = String::new();
        config.sync.user_name = String::new();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_satellite_needs_its_primary() {
        let mut config = Config::default();
        config.sync.interval_minutes = 1_441;
        let fields = |config: &Config| -> Vec<String> {
            config
                .violations()
                .into_iter()
                .map(|violation| violation.field)
                .collect()
        };
        assert_eq!(
            fields(&config),
            ["sync.primary_url", "sync.user_name", "sync.interval_minutes"]
        );
        for url in ["http://primary:8443", "primary:8443", "https://", "https://a b"] {
            config.sync.primary_url = url.into();
            assert!(fields(&config).contains(&"sync.primary_url".to_owned()), "{url}");
        }
        config.sync.primary_url = "https://primary:8443".into();
        config.sync.user_name = "supplysync".into();
        config.sync.interval_minutes = 0;
        assert_eq!(fields(&config), [""; 0]);
    }

    #[test]
    fn renewal_goes_to_the_primary_unless_told_otherwise() {
        let mut sync = SyncSection::default();
        for (url, expected) in [
            (
                "https://primary.example.org:8443",
                "https://primary.example.org:8445",
            ),
            ("https://[::1]:8443/", "https://[::1]:8445"),
        ] {
            sync.primary_url = url.into();
            assert_eq!(sync.renewal_urls(), [expected]);
        }
        sync.enrolment_urls = vec!["https://elsewhere:1".into()];
        assert_eq!(sync.renewal_urls(), ["https://elsewhere:1"]);
    }
}
