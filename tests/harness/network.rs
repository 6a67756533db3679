//! A whole network on this machine: a primary and its satellites, set up with the real command line and run as
//! separate processes. What a site is and does lives in `site`; talking to it in `client`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::{Binaries, Outcome, Site, run};

/// How long a set-up command may take: passwords are hashed slowly on purpose, and the machine may be busy.
const SETUP_LIMIT: Duration = Duration::from_secs(60);

/// What every network here uses; no secret outside a temporary folder.
const USER_NAME: &str = "sync";
const PASSWORD: &str = "correct horse battery staple";
const AUTHORISATION_CODE: &str = "4711-0815";

/// A primary and its satellites.
pub struct Network {
    binaries: Binaries,
    folder: PathBuf,
    primary: Site,
    /// Another server of the primary, on the same database.
    replica: Option<Site>,
    /// For every server of the primary.
    settings: Vec<(String, String)>,
    satellites: Vec<Site>,
}

impl Network {
    /// Sets a primary up in the folder and starts it.
    pub async fn start(binaries: Binaries, folder: &Path, name: &str) -> Outcome<Network> {
        Network::start_with(binaries, folder, name, &[]).await
    }

    /// The same with settings for the primary, as environment variables.
    pub async fn start_with(
        binaries: Binaries,
        folder: &Path,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Outcome<Network> {
        std::fs::write(folder.join("password"), PASSWORD)?;
        std::fs::write(folder.join("code"), AUTHORISATION_CODE)?;
        let mut primary = Site::new(1, name, &binaries.primary, &folder.join("primary"))?;
        for (variable, value) in settings {
            primary.set(variable, value);
        }
        let mut init = primary.command();
        init.args([
            "init",
            "--hostname",
            "localhost",
            "--hostname",
            "127.0.0.1",
            "--name",
            name,
        ]);
        init.args(["--user-name", USER_NAME]);
        init.arg("--password-file").arg(folder.join("password"));
        init.arg("--authorisation-code-file").arg(folder.join("code"));
        run(init, SETUP_LIMIT).await?.success()?;
        primary.start().await?;
        Ok(Network {
            binaries,
            folder: folder.to_owned(),
            primary,
            replica: None,
            settings: settings
                .iter()
                .map(|(variable, value)| ((*variable).to_owned(), (*value).to_owned()))
                .collect(),
            satellites: Vec::new(),
        })
    }

    /// Starts a second server of the primary, with its database, which must be PostgreSQL, and its data directory.
    pub async fn add_replica(&mut self) -> Outcome<&mut Site> {
        let folder = self.primary.folder().to_owned();
        let mut replica = Site::new(1, "The primary's second server", &self.binaries.primary, &folder)?;
        replica.log_to(self.folder.join("replica.log"));
        for (variable, value) in &self.settings {
            replica.set(variable, value);
        }
        replica.start().await?;
        Ok(self.replica.insert(replica))
    }

    /// The primary's second server.
    pub fn replica(&mut self) -> Outcome<&mut Site> {
        self.replica
            .as_mut()
            .ok_or_else(|| "the primary has no second server".into())
    }

    /// Registers a satellite, issues its certificate, sets it up, and starts it.
    pub async fn add_satellite(&mut self, sync_id: u16, name: &str) -> Outcome<&mut Site> {
        let satellite = self.set_up_satellite(sync_id, name, self.primary.url()).await?;
        self.start_satellite(satellite).await
    }

    /// Starts a satellite that has been set up, and takes it in.
    pub async fn start_satellite(&mut self, mut satellite: Site) -> Outcome<&mut Site> {
        satellite.start().await?;
        self.satellites.push(satellite);
        self.satellites.last_mut().ok_or_else(|| "no satellite".into())
    }

    /// The same without starting it, and with another address for the primary.
    pub async fn set_up_satellite(&self, sync_id: u16, name: &str, primary: String) -> Outcome<Site> {
        let number = sync_id.to_string();
        self.register(sync_id, name).await?;
        let certificates = self.folder.join(format!("certificates-{number}"));
        self.issue("site", &number, &[], &certificates).await?;
        self.issue("operator", "admin", &["--role", "admin"], &certificates)
            .await?;
        let satellite = self.new_satellite(sync_id, name)?;
        let mut init = satellite.command();
        init.args([
            "init",
            "--sync-id",
            &number,
            "--name",
            name,
            "--primary-url",
            &primary,
        ]);
        init.arg("--certs")
            .arg(&certificates)
            .args(["--user-name", USER_NAME]);
        init.arg("--password-file").arg(self.folder.join("password"));
        init.arg("--authorisation-code-file")
            .arg(self.folder.join("code"));
        run(init, SETUP_LIMIT).await?.success()?;
        Ok(satellite)
    }

    /// Registers a satellite; what `sites add` says, as JSON.
    pub async fn register(&self, sync_id: u16, name: &str) -> Outcome<serde_json::Value> {
        let number = sync_id.to_string();
        self.unlocked(&["sites", "add", &number, "--name", name]).await
    }

    /// Runs a command of the primary that needs the authorisation code; what it says, as JSON.
    pub async fn unlocked(&self, arguments: &[&str]) -> Outcome<serde_json::Value> {
        let mut command = self.primary.command();
        command
            .args(arguments)
            .args(["--output", "json", "--code-file"])
            .arg(self.folder.join("code"));
        let said = run(command, SETUP_LIMIT).await?.success()?;
        Ok(serde_json::from_str(&said)?)
    }

    /// A satellite that is neither registered nor set up.
    pub fn new_satellite(&self, sync_id: u16, name: &str) -> Outcome<Site> {
        let folder = self.satellite_folder(sync_id);
        Site::new(sync_id, name, &self.binaries.satellite, &folder)
    }

    /// Where its data directory is, or will be.
    pub fn satellite_folder(&self, sync_id: u16) -> PathBuf {
        self.folder.join(format!("site-{sync_id}"))
    }

    /// The same on a machine of its own, where another had this Sync ID before.
    pub fn another_machine(&self, sync_id: u16, name: &str) -> Outcome<Site> {
        let folder = self.folder.join(format!("site-{sync_id}-again"));
        Site::new(sync_id, name, &self.binaries.satellite, &folder)
    }

    /// Issues a certificate with the primary's authority: `site N` or `operator NAME`, into a folder.
    pub async fn issue(&self, what: &str, whose: &str, more: &[&str], out: &Path) -> Outcome<()> {
        let mut issue = self.primary.command();
        issue
            .args(["certs", "issue", what, whose])
            .args(more)
            .arg("--out")
            .arg(out);
        run(issue, SETUP_LIMIT).await?.success()?;
        Ok(())
    }

    /// The folder that everything is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What unlocks the synchronisation preferences.
    pub fn authorisation_code(&self) -> &'static str {
        AUTHORISATION_CODE
    }

    /// User name and password that all sites share.
    pub fn credential(&self) -> (&'static str, &'static str) {
        (USER_NAME, PASSWORD)
    }

    /// The primary.
    pub fn primary(&mut self) -> &mut Site {
        &mut self.primary
    }

    /// A satellite by its Sync ID.
    pub fn satellite(&mut self, sync_id: u16) -> Outcome<&mut Site> {
        let found = self.satellites.iter_mut().find(|site| site.sync_id() == sync_id);
        found.ok_or_else(|| format!("no satellite {sync_id}").into())
    }

    /// Every site, the primary first.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        std::iter::once(&self.primary)
            .chain(&self.replica)
            .chain(&self.satellites)
    }

    /// A command of `primary-svc` with this network's data directory.
    pub fn primary_command(&self) -> Command {
        self.primary.command()
    }

    /// Asks every process to end in order, and waits.
    pub async fn stop(&mut self) -> Outcome<()> {
        let primaries = self.replica.iter_mut().chain([&mut self.primary]);
        for site in self.satellites.iter_mut().chain(primaries) {
            site.stop().await?;
        }
        Ok(())
    }
}
