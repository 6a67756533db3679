//! `primary-svc stores`: on which site a store is active.

use clap::{Args, Subcommand};
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_api::v1::AssignStoreRequest;
use supplysync_model::SyncId;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::unlock::{CodeFlags, with_unlocked};
use supplysync_node::cli::run::Operator;

use super::sites::answer_site;

/// What can be done with stores.
#[derive(Debug, Subcommand)]
pub enum StoresCommand {
    /// Make a new store active on its first site (needs the authorisation code)
    Assign(AssignArgs),
}

/// Which store, and where.
#[derive(Debug, Args)]
pub struct AssignArgs {
    /// The store's code
    #[arg(value_name = "CODE")]
    store: String,
    /// The Sync ID of the site
    #[arg(long, value_name = "N")]
    site: SyncId,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

impl StoresCommand {
    /// Asks the primary.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        let StoresCommand::Assign(args) = self;
        let request = AssignStoreRequest {
            store: args.store,
            sync_id: args.site.get().into(),
        };
        let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
            SiteServiceClient::new(channel).assign_store(request).await
        });
        answer_site(operator, answer.await?.site)
    }
}
