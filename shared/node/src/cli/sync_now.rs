//! `sync-now`: a session at once, whatever the interval; on the primary with every satellite that can be reached.

use clap::Args;
use serde::Serialize;
use supplysync_api::v1::SyncNowRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;
use supplysync_model::SyncId;

use super::output::Answer;
use super::problem::Problem;
use super::run::Operator;
use super::table::Grid;

/// With whom.
#[derive(Debug, Args)]
pub struct SyncNowArgs {
    /// Wake this satellite only (on the primary)
    #[arg(long, value_name = "N")]
    site: Option<SyncId>,
}

/// What was done.
#[derive(Debug, Serialize)]
struct SyncNowView {
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sites: Vec<WokenRow>,
}

/// What became of a satellite.
#[derive(Debug, Serialize)]
struct WokenRow {
    sync_id: u32,
    name: String,
    reached: bool,
    message: String,
}

/// Asks for a session.
pub async fn run(operator: &Operator, args: SyncNowArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let request = SyncNowRequest {
        sync_id: args.site.map_or(0, |site| site.get().into()),
    };
    let answer = client.sync_now(request).await?.into_inner();
    let sites = answer.sites.into_iter().map(|site| WokenRow {
        sync_id: site.sync_id,
        name: site.name,
        reached: site.reached,
        message: site.message,
    });
    operator.output.answer(&SyncNowView {
        message: answer.message,
        sites: sites.collect(),
    })
}

impl Answer for SyncNowView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut text = String::new();
        if !self.sites.is_empty() {
            let mut grid = Grid::new(&["site", "name", "reached", ""], width);
            for site in &self.sites {
                let reached = if site.reached { "yes" } else { "no" };
                grid.row([
                    site.sync_id.to_string(),
                    site.name.clone(),
                    reached.to_owned(),
                    site.message.clone(),
                ]);
            }
            text = format!("{}\n", grid.or("").trim_end());
        }
        format!("{text}{}\nSee how it goes with `status --watch`.", self.message)
    }
}
