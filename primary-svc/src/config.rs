//! The configuration of a primary: its sections, defaults, and what must hold before it can serve.
//! Sections that both programs share are in `node::cli::settings`; merging files, environment and flags is in `runtime`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use supplysync_model::FieldViolation;
use supplysync_node::cli::settings::{
    DatabaseSection, LimitsSection, ListenSection, OperatorSection, SiteConfig, SiteSection, TlsSection,
};
use supplysync_runtime::{LogConfig, Validate};

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
    /// Limits that a network may raise.
    pub limits: LimitsSection,
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
            limits: LimitsSection::default(),
        }
    }
}

impl SiteConfig for Config {
    fn data_dir(&self) -> &Path {
        &self.data_dir
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
}

impl Validate for Config {
    fn violations(&self) -> Vec<FieldViolation> {
        let mut violations = Vec::new();
        self.database.check(&mut violations);
        self.limits.check(&mut violations);
        self.log.check(&mut violations);
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
        config.log.filter = "loud=loud".into();
        let fields: Vec<_> = config
            .violations()
            .into_iter()
            .map(|violation| violation.field)
            .collect();
        assert_eq!(fields, ["database.url", "limits.max_sync_id", "log.filter"]);
    }
}
