//! The flags that every command of both programs takes: where the data is, which server to ask, and how to answer.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use supplysync_model::{Fault, FieldViolation};
use supplysync_runtime::{Loaded, Sources, Validate};

use super::output::{Format, Output};
use super::settings::SiteConfig;

/// The name of the configuration file in the data directory.
pub const CONFIG_FILE: &str = "supplysync.toml";

/// Flags of every command. Each setting can also be in the configuration file or the environment.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Every command")]
pub struct GlobalFlags {
    /// Where this site keeps its database, certificates and configuration [default: the current directory]
    #[arg(long, global = true, value_name = "DIR", env = "SUPPLYSYNC_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file [default: supplysync.toml in the data directory, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "SUPPLYSYNC_CONFIG")]
    pub config: Option<PathBuf>,
    /// How to answer: tables for people, or JSON for programs
    #[arg(long, global = true, value_name = "FORM", default_value = "table")]
    pub output: Format,
    /// Which server to ask and as whom.
    #[command(flatten)]
    pub operator: OperatorFlags,
}

/// Which server an operator command asks, and with which certificate; what is not given comes from the
/// `[operator]` section of the configuration.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Operator commands")]
pub struct OperatorFlags {
    /// The server to ask, https://HOST:PORT [default: the one on this machine; env: SUPPLYSYNC_OPERATOR__SERVER]
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// The operator's certificate [default: tls/operator.crt; env: SUPPLYSYNC_OPERATOR__CERTIFICATE]
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// The key of that certificate [default: tls/operator.key; env: SUPPLYSYNC_OPERATOR__KEY]
    #[arg(long, global = true, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The authority that issued the server's certificate [default: tls/authority.crt; env: SUPPLYSYNC_OPERATOR__AUTHORITY]
    #[arg(long, global = true, value_name = "FILE")]
    pub authority: Option<PathBuf>,
}

impl GlobalFlags {
    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| PathBuf::from("."))
    }

    /// The configuration file: the named one, which must exist, or the one in the data directory if it is there.
    pub fn config_file(&self) -> Option<PathBuf> {
        let usual = self.data_dir().join(CONFIG_FILE);
        self.config.clone().or_else(|| usual.exists().then_some(usual))
    }

    /// Standard output in the chosen form.
    pub fn output(&self) -> Output {
        Output::standard(self.output)
    }

    /// The whole configuration, checked, with where each setting comes from.
    pub fn load<C: SiteConfig>(&self) -> Result<Loaded<C>, Fault> {
        supplysync_runtime::config::load(&self.sources())
    }

    /// The settings for a command that needs few of them: types and names are checked, but not what only a server needs.
    pub fn settings<C: SiteConfig>(&self) -> Result<C, Fault> {
        let loaded = supplysync_runtime::config::load::<ForCommands<C>>(&self.sources())?;
        Ok(loaded.config.0)
    }

    fn sources(&self) -> Sources {
        Sources::new(self.config_file(), self.as_settings())
    }

    /// The flags that stand for settings, as `(setting, value)`, for the configuration loader.
    fn as_settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            settings.extend(value.map(|value| (name.to_owned(), value)));
        };
        let path = |path: &Option<PathBuf>| path.as_deref().map(absolute);
        // Stated even when it is the default: paths in the file resolve against it.
        add("data_dir", Some(absolute(&self.data_dir())));
        add("operator.server", self.operator.server.clone());
        add("operator.certificate", path(&self.operator.certificate));
        add("operator.key", path(&self.operator.key));
        add("operator.authority", path(&self.operator.authority));
        settings
    }
}

/// A configuration that is not required to be fit for a server.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct ForCommands<C>(C);

impl<C: SiteConfig> Validate for ForCommands<C> {
    fn violations(&self) -> Vec<FieldViolation> {
        Vec::new()
    }

    fn secrets() -> &'static [&'static str] {
        C::secrets()
    }
}

/// Paths on the command line are relative to where the person is, not to the data directory.
fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_given_by_flags_are_relative_to_the_person() {
        let flags = GlobalFlags {
            data_dir: Some("data".into()),
            operator: OperatorFlags {
                key: Some("my.key".into()),
                ..OperatorFlags::default()
            },
            ..GlobalFlags::default()
        };
        let here = std::env::current_dir().unwrap();
        let expected = [("data_dir", "data"), ("operator.key", "my.key")]
            .map(|(name, path)| (name.to_owned(), here.join(path).to_string_lossy().into_owned()));
        assert_eq!(flags.as_settings(), expected);
    }

    #[test]
    fn the_usual_configuration_file_is_optional() {
        let dir = tempfile::tempdir().unwrap();
        let flags = GlobalFlags {
            data_dir: Some(dir.path().to_owned()),
            ..GlobalFlags::default()
        };
        assert_eq!(flags.config_file(), None);
        std::fs::write(dir.path().join(CONFIG_FILE), "").unwrap();
        assert_eq!(flags.config_file(), Some(dir.path().join(CONFIG_FILE)));
    }
}
