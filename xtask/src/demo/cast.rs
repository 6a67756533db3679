//! Who plays: the running network, a connection to each site, and what every act asks of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use supplysync_tests::{Binaries, Client, Network, Outcome, differences, eventually, sample_rows};

use super::stage::Stage;

/// How long anything may take to arrive everywhere; the machine may be busy.
pub const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);

/// The primary's Sync ID.
pub const PRIMARY: u16 = 1;
/// The satellites' Sync IDs.
pub const SATELLITES: [u16; 3] = [2, 3, 4];

/// The cast.
pub struct Cast {
    /// The processes.
    pub network: Network,
    clients: BTreeMap<u16, Client>,
}

impl Cast {
    /// Makes authority and certificates, starts a primary and three satellites.
    pub async fn assemble(folder: &Path, stage: &Stage) -> Outcome<Cast> {
        let names: Vec<Vec<String>> = sample_rows("sites.csv")?;
        let name = |sync_id: u16| -> Outcome<&str> {
            let row = names.iter().find(|row| row[0] == sync_id.to_string());
            let row = row.ok_or_else(|| format!("no site {sync_id} in sites.csv"))?;
            Ok(&row[1])
        };
        stage.say(&format!(
            "Certificate authority, certificates and databases are in {}",
            folder.display()
        ));
        let binaries = Binaries::beside_this_program()?;
        let mut network = Network::start(binaries, folder, name(PRIMARY)?).await?;
        for sync_id in SATELLITES {
            network.add_satellite(sync_id, name(sync_id)?).await?;
        }
        let mut clients = BTreeMap::new();
        for site in network.sites() {
            clients.insert(site.sync_id(), site.client().await?);
            let program = if site.sync_id() == PRIMARY {
                "primary-svc"
            } else {
                "satellite-svc"
            };
            let (name, url, process) = (site.name(), site.url(), site.process_id()?);
            stage.say(&format!(
                "site {}  {program:13}  {url}  process {process:<7}  {name}",
                site.sync_id()
            ));
        }
        Ok(Cast { network, clients })
    }

    /// The connection to a site.
    pub fn client(&self, sync_id: u16) -> Outcome<&Client> {
        self.clients
            .get(&sync_id)
            .ok_or_else(|| format!("no site {sync_id}").into())
    }

    /// The connection to the primary.
    pub fn primary(&self) -> Outcome<&Client> {
        self.client(PRIMARY)
    }

    /// A new connection, after a site has come back.
    pub async fn connect_again(&mut self, sync_id: u16) -> Outcome<()> {
        let client = self.network.satellite(sync_id)?.client().await?;
        self.clients.insert(sync_id, client);
        Ok(())
    }

    /// A site's name.
    pub fn name(&self, sync_id: u16) -> Outcome<&str> {
        let site = self.network.sites().find(|site| site.sync_id() == sync_id);
        site.map(|site| site.name())
            .ok_or_else(|| format!("no site {sync_id}").into())
    }

    /// Waits until every channel that a satellite and the primary both hold has the same records on both.
    pub async fn in_step(&self) -> Outcome<()> {
        let primary = self.primary()?;
        for sync_id in SATELLITES {
            let satellite = self.client(sync_id)?;
            let what = format!("site {sync_id} and the primary to hold the same records");
            eventually(&what, ARRIVAL_LIMIT, || async move {
                match differences(primary, satellite).await?.as_slice() {
                    [] => Ok(Some(())),
                    some => Err(some.join("; ").into()),
                }
            })
            .await?;
        }
        Ok(())
    }
}
