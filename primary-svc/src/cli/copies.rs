//! `primary-svc copies`: which stores' data a site keeps a copy of.

use clap::{Args, Subcommand};
use supplysync_api::v1::SetCopiesRequest;
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_model::SyncId;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::Operator;
use supplysync_node::cli::unlock::{CodeFlags, with_unlocked};

use super::sites::answer_site;

/// What can be done with copies.
#[derive(Debug, Subcommand)]
pub enum CopiesCommand {
    /// Set the whole list of stores that a site keeps a copy of (needs the authorisation code)
    Set(SetArgs),
}

/// Which site, and which stores.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The Sync ID of the site
    #[arg(long, value_name = "N")]
    site: SyncId,
    /// A store's code; repeat it for more; those not named are no longer kept there
    #[arg(long = "store", value_name = "CODE", num_args = 1.., required_unless_present = "none")]
    stores: Vec<String>,
    /// Keep no copies there
    #[arg(long, conflicts_with = "stores")]
    none: bool,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

impl CopiesCommand {
    /// Asks the primary.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        let CopiesCommand::Set(args) = self;
        let request = SetCopiesRequest {
            sync_id: args.site.get().into(),
            stores: args.stores,
        };
        let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
            SiteServiceClient::new(channel).set_copies(request).await
        });
        answer_site(operator, answer.await?.site)
    }
}
