//! `config show` and `config check`: the settings in force, where each comes from, and whether a server could run on them.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use supplysync_net::TlsMaterial;
use supplysync_runtime::Loaded;

use super::flags::GlobalFlags;
use super::output::Answer;
use super::problem::Problem;
use super::run;
use super::settings::SiteConfig;

/// What can be done with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting in force and where it comes from; secrets are hidden
    Show,
    /// Check everything at once, the certificate and its key too, without starting anything
    Check,
}

/// The settings in force.
#[derive(Debug, Serialize)]
struct SettingsView {
    settings: Vec<SettingRow>,
    #[serde(skip)]
    as_toml: String,
}

#[derive(Debug, Serialize)]
struct SettingRow {
    name: String,
    /// As TOML writes it; null when it is not set.
    value: Option<String>,
    origin: String,
}

/// A configuration without errors.
#[derive(Debug, Serialize)]
struct CheckedView {
    valid: bool,
    file: Option<PathBuf>,
    certificate: String,
}

impl ConfigCommand {
    /// Shows or checks.
    pub fn run<C: SiteConfig>(self, flags: &GlobalFlags) -> Result<(), Problem> {
        let loaded = flags.load::<C>()?;
        match self {
            ConfigCommand::Show => flags.output().answer(&SettingsView::new(&loaded)),
            ConfigCommand::Check => {
                let tls = loaded.config.tls().resolved(loaded.config.data_dir());
                let material = TlsMaterial::load(&tls.certificate, &tls.key, &tls.authority, run::clock())?;
                flags.output().answer(&CheckedView {
                    valid: true,
                    file: flags.config_file(),
                    certificate: material.identity().to_string(),
                })
            }
        }
    }
}

impl SettingsView {
    fn new<C>(loaded: &Loaded<C>) -> SettingsView {
        let row = |setting: &supplysync_runtime::Setting| SettingRow {
            name: setting.name.clone(),
            value: setting.value.clone(),
            origin: setting.origin.clone(),
        };
        SettingsView {
            settings: loaded.settings().iter().map(row).collect(),
            as_toml: loaded.show(),
        }
    }
}

impl Answer for SettingsView {
    fn for_people(&self, _width: Option<u16>) -> String {
        self.as_toml.clone()
    }
}

impl Answer for CheckedView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let file = match &self.file {
            Some(file) => file.display().to_string(),
            None => "no file, only defaults, environment and flags".to_owned(),
        };
        format!(
            "The configuration is right ({file}), and so is the certificate of {}.",
            self.certificate
        )
    }
}
