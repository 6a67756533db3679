//! The configuration of a primary: its sections, defaults, and what must hold before it can serve.
//! Sections that both programs share are in `node::cli::settings`; merging files, environment and flags is in `runtime`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use supplysync_model::FieldViolation;
use supplysync_node::cli::settings::{
    DatabaseSection, LimitsSection, ListenSection, OperatorSection, SiteConfig, SiteSection, TlsSection,
    VerifySection,
};
use supplysync_runtime::config::Span;
use supplysync_runtime::{LogConfig, TracesConfig, Validate};

/// The longest address that fits into a join token.
const MAX_URL_BYTES: usize = 255;
/// The shortest life of anything; short ones are for trying out.
const SHORTEST_LIFE: Span = Span::seconds(1);

/// Everything a primary can be told. Relative paths are in `data_dir`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the database, certificates and configuration are.
    pub data_dir: PathBuf,
    /// Who this site is.
    pub site: SiteSection,
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
    /// How sites join and renew their certificates.
    pub enrolment: EnrolmentSection,
}

/// How sites join and renew their certificates. The authority's key must be beside its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnrolmentSection {
    /// Whether the enrolment port is served.
    pub enabled: bool,
    /// Its address and port: TLS with this server's certificate, none is asked of who calls.
    pub listen: SocketAddr,
    /// How satellites reach it, `https://HOST:PORT`; empty: by the names of this server's certificate.
    pub urls: Vec<String>,
    /// How long a join token may be used.
    pub token_life: Span,
    /// How long a site's certificate is valid; it renews at two thirds of that.
    pub certificate_life: Span,
    /// The file with the password that all sites share, for those that join; absent: they are asked for it.
    pub password_file: PathBuf,
}

impl Default for EnrolmentSection {
    fn default() -> EnrolmentSection {
        EnrolmentSection {
            enabled: true,
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8445)),
            urls: Vec::new(),
            token_life: Span::days(7),
            certificate_life: Span::days(365),
            password_file: "password".into(),
        }
    }
}

impl EnrolmentSection {
    fn check(&self, violations: &mut Vec<FieldViolation>) {
        let mut wrong = |field: &str, description: String| {
            violations.push(FieldViolation {
                field: format!("enrolment.{field}"),
                description,
            });
        };
        for url in &self.urls {
            if url
                .strip_prefix("https://")
                .is_none_or(|host| !host.contains(':'))
                || url.len() > MAX_URL_BYTES
            {
                wrong(
                    "urls",
                    format!("{url:?} is not an address as in https://primary.example.org:8445"),
                );
            }
        }
        if self.token_life < SHORTEST_LIFE || self.token_life > Span::days(365) {
            wrong("token_life", "must be 1s to 365d".to_owned());
        }
        if self.certificate_life < SHORTEST_LIFE || self.certificate_life > Span::days(3_650) {
            wrong("certificate_life", "must be 1s to 3650d".to_owned());
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            data_dir: ".".into(),
            site: SiteSection::default(),
            database: DatabaseSection::default(),
            listen: ListenSection {
                grpc: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443)),
                health: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            },
            tls: TlsSection::default(),
            operator: OperatorSection::default(),
            log: LogConfig::default(),
            traces: TracesConfig::default(),
            limits: LimitsSection::default(),
            verify: VerifySection::default(),
            enrolment: EnrolmentSection::default(),
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
        self.database.check(&mut violations);
        self.limits.check(&mut violations);
        self.verify.check(&mut violations);
        self.enrolment.check(&mut violations);
        self.log.check(&mut violations);
        self.traces.check(&mut violations);
        violations
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
    fn the_samples_are_right_and_state_the_defaults() {
        let mut config = sample("primary.toml");
        assert_eq!(config.site.name, "Central Medical Store");
        config.data_dir = Config::default().data_dir;
        config.site = SiteSection::default();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));

        let config = sample("primary-postgres.toml");
        assert!(config.database.url.starts_with("postgres://"));
    }

    #[test]
    fn everything_wrong_is_named() {
        let mut config = Config::default();
        config.database.url = "mysql://x".into();
        config.limits.max_sync_id = 1;
        config.verify.hour = 24;
        config.log.filter = "loud=loud".into();
        config.traces.endpoint = "collector".into();
        config.traces.ratio = 2.0;
        config.enrolment.urls = vec!["http://primary".into()];
        config.enrolment.token_life = Span::days(366);
        config.enrolment.certificate_life = Span::seconds(0);
        let fields: Vec<_> = config
            .violations()
            .into_iter()
            .map(|violation| violation.field)
            .collect();
        assert_eq!(
            fields,
            [
                "database.url",
                "limits.max_sync_id",
                "verify.hour",
                "enrolment.urls",
                "enrolment.token_life",
                "enrolment.certificate_life",
                "log.filter",
                "traces.endpoint",
                "traces.ratio"
            ]
        );
    }
}
