//! `primary-svc copies`: which stores' data a site keeps a copy of.

use clap::{Args, Subcommand, ValueEnum};
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_api::v1::{GetSiteRequest, SetCopiesRequest};
use supplysync_model::SyncId;
use supplysync_node::cli::confirm::confirm;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::Operator;
use supplysync_node::cli::unlock::{CodeFlags, with_unlocked};

use super::sites::answer_site;

/// What can be done with copies.
#[derive(Debug, Subcommand)]
pub enum CopiesCommand {
    /// Set the whole list of stores that a site keeps a copy of (needs the authorisation code)
    Set(SetArgs),
    /// Grant a satellite the copies that it wishes for (needs the authorisation code)
    Grant(GrantArgs),
}

/// Which site, and which stores.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The Sync ID of the site; 1 is the primary itself
    #[arg(long, value_name = "N")]
    site: SyncId,
    /// A store's code; repeat it for more; those not named are no longer kept there
    #[arg(long = "store", value_name = "CODE", num_args = 1.., required_unless_present_any = ["none", "all"])]
    stores: Vec<String>,
    /// Keep no copies there
    #[arg(long, conflicts_with_all = ["stores", "all"])]
    none: bool,
    /// Keep every store, also those to come (the primary)
    #[arg(long, conflicts_with = "stores")]
    all: bool,
    /// What becomes of withdrawn copies, and how that is confirmed.
    #[command(flatten)]
    withdrawn: WithdrawnFlags,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

/// Which satellite.
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// The Sync ID of the satellite
    #[arg(long, value_name = "N")]
    site: SyncId,
    /// What becomes of withdrawn copies, and how that is confirmed.
    #[command(flatten)]
    withdrawn: WithdrawnFlags,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

/// What becomes of what a satellite holds of stores that it is granted no copy of any more.
#[derive(Debug, Args)]
pub struct WithdrawnFlags {
    /// What becomes of withdrawn copies on the satellite, now and later [default: as decided before; keep at first]
    #[arg(long, value_name = "WHAT")]
    withdrawn: Option<WithdrawnChoice>,
    /// Do not ask before what is withdrawn is removed
    #[arg(long)]
    yes: bool,
}

/// What becomes of a withdrawn copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WithdrawnChoice {
    /// It stays, and is shown as of when it was last complete
    Keep,
    /// It is removed there
    Remove,
}

impl CopiesCommand {
    /// Asks the primary.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        let (site, flags, code, request) = match self {
            CopiesCommand::Set(args) => {
                let request = SetCopiesRequest {
                    stores: args.stores,
                    all: args.all,
                    ..SetCopiesRequest::default()
                };
                (args.site, args.withdrawn, args.code, request)
            }
            CopiesCommand::Grant(args) => {
                let request = SetCopiesRequest {
                    as_wished: true,
                    ..SetCopiesRequest::default()
                };
                (args.site, args.withdrawn, args.code, request)
            }
        };
        let request = SetCopiesRequest {
            sync_id: site.get().into(),
            remove_withdrawn: flags.withdrawn.map(|choice| choice == WithdrawnChoice::Remove),
            ..request
        };
        ask_first(operator, site, &flags, &request).await?;
        let answer = with_unlocked(operator, &code, request, async |channel, request| {
            SiteServiceClient::new(channel).set_copies(request).await
        });
        answer_site(operator, answer.await?.site)
    }
}

/// What is removed is not got back by granting the copy again without loading it again: a person says so.
async fn ask_first(
    operator: &Operator,
    site: SyncId,
    flags: &WithdrawnFlags,
    request: &SetCopiesRequest,
) -> Result<(), Problem> {
    if flags.yes || site.is_primary() || request.remove_withdrawn == Some(false) {
        return Ok(());
    }
    if request.remove_withdrawn.is_none() {
        let mut client = SiteServiceClient::new(operator.connect().await?);
        let asked = GetSiteRequest {
            sync_id: site.get().into(),
        };
        let found = client.get_site(asked).await?.into_inner().site;
        if !found.is_some_and(|found| found.remove_withdrawn) {
            return Ok(());
        }
    }
    confirm(
        &format!(
            "What site {site} holds of stores that it is granted no copy of any more is removed there. \
             It stays where those stores are active, and on the primary. Go on?"
        ),
        "--yes",
    )
}
