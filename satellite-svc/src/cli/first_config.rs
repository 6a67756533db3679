//! The configuration file that a new satellite begins with, however it was set up (`init`, `join`).

use std::net::SocketAddr;

use supplysync_model::limits::DEFAULT_MAX_SYNC_ID;
use supplysync_node::cli::setup;

/// What the file says; all else has its default.
pub struct FirstConfig {
    /// The site's name.
    pub name: String,
    /// The primary's address.
    pub primary_url: String,
    /// The user name that all sites share.
    pub user_name: String,
    /// Minutes between requests; 0 pauses.
    pub interval_minutes: u32,
    /// Whether the connection stays open.
    pub live: bool,
    /// Where to renew; empty: the primary's host.
    pub enrolment_urls: Vec<String>,
    /// The highest Sync ID in this network.
    pub max_sync_id: u16,
    /// This site's own users and operators.
    pub grpc: SocketAddr,
    /// The health port.
    pub health: SocketAddr,
}

impl FirstConfig {
    /// The file, TOML.
    pub fn config_text(&self) -> String {
        let urls: Vec<_> = self
            .enrolment_urls
            .iter()
            .map(|url| setup::toml_text(url))
            .collect();
        let renewal = match urls.is_empty() {
            true => String::new(),
            false => format!(
                "# Where this site renews its certificate.\nenrolment_urls = [{}]\n",
                urls.join(", ")
            ),
        };
        let limits = match self.max_sync_id {
            DEFAULT_MAX_SYNC_ID => String::new(),
            raised => format!("\n[limits]\nmax_sync_id = {raised}\n"),
        };
        format!(
            "# The configuration of this satellite. What is not here has its default; `satellite-svc config show` prints everything.\n\
             # Relative paths are in the data directory.\n\
             \n\
             [site]\nname = {name}\n\
             \n\
             [sync]\nprimary_url = {url}\nuser_name = {user}\npassword_file = \"password\"\n\
             # Minutes between requests for new information; 0 pauses. Live keeps the connection open.\n\
             interval_minutes = {interval}\nlive = {live}\n\
             {renewal}\
             \n\
             [listen]\ngrpc = \"{grpc}\"\nhealth = \"{health}\"\n\
             {limits}",
            name = setup::toml_text(&self.name),
            url = setup::toml_text(&self.primary_url),
            user = setup::toml_text(&self.user_name),
            interval = self.interval_minutes,
            live = self.live,
            grpc = self.grpc,
            health = self.health,
        )
    }
}
