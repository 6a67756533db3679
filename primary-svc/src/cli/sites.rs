//! `primary-svc sites`: register, list, show, change and remove sites.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_api::v1::{
    AddSiteRequest, AddSiteResponse, CreateJoinTokenRequest, GetSiteRequest, JoinToken, ListSitesRequest,
    RemoveSiteRequest, RevokeSiteRequest, Site, UpdateSiteRequest,
};
use supplysync_model::SyncId;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::{Operator, PAGE_SIZE};
use supplysync_node::cli::setup::{self, Readers};
use supplysync_node::cli::unlock::{CodeFlags, with_unlocked};
use supplysync_node::cli::view::{RemovedSiteView, SiteRow, SiteView, SitesView};

use super::join_token::{AddedView, JoinTokenView, RevokedView};

/// What can be done with sites.
#[derive(Debug, Subcommand)]
pub enum SitesCommand {
    /// Register a satellite (needs the authorisation code)
    Add(AddArgs),
    /// Make a fresh join token for a satellite that is registered; an unused one is void then (needs the authorisation code)
    Token {
        /// Its Sync ID
        #[arg(value_name = "N")]
        sync_id: SyncId,
        /// Where the authorisation code is.
        #[command(flatten)]
        code: CodeFlags,
    },
    /// Shut a satellite out: its certificates are refused and its sessions end at once (needs the authorisation code)
    Revoke {
        /// Its Sync ID
        #[arg(value_name = "N")]
        sync_id: SyncId,
        /// Where the authorisation code is.
        #[command(flatten)]
        code: CodeFlags,
    },
    /// List all sites with their stores and copies
    List,
    /// Show one site
    Show {
        /// Its Sync ID
        #[arg(value_name = "N")]
        sync_id: SyncId,
    },
    /// Change a site: what is not named stays (needs the authorisation code)
    Edit(EditArgs),
    /// Take a site off the network (needs the authorisation code)
    Remove(RemoveArgs),
}

/// What of a site to change.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// Its Sync ID
    #[arg(value_name = "N")]
    sync_id: SyncId,
    /// Its name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where it can be reached; "" if it can't
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Minutes between its requests for new information; 0 pauses
    #[arg(long, value_name = "MINUTES")]
    interval: Option<u32>,
    /// Whether its connection stays open
    #[arg(long, value_name = "BOOL")]
    live: Option<bool>,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

/// Which site to remove.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Its Sync ID
    #[arg(value_name = "N")]
    sync_id: SyncId,
    /// Remove it although something is unfinished; recorded in the audit log
    #[arg(long)]
    force: bool,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

/// A site to register.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its Sync ID, 2 to 64 unless raised
    #[arg(value_name = "N")]
    sync_id: SyncId,
    /// Its name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Where it can be reached, if it can
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    url: String,
    /// A store to make active there, active nowhere yet; repeat it for more
    #[arg(long = "store", value_name = "CODE", num_args = 1..)]
    stores: Vec<String>,
    /// A store to keep a copy of there; repeat it for more
    #[arg(long = "copy", value_name = "CODE", num_args = 1..)]
    copies: Vec<String>,
    /// Minutes between its requests for new information; 0 pauses [default: 5]
    #[arg(long, value_name = "MINUTES")]
    interval: Option<u32>,
    /// Whether its connection stays open, so that changes travel the moment they are made [default: true]
    #[arg(long, value_name = "BOOL")]
    live: Option<bool>,
    /// The file to write the join token to, for its owner only [default: show it once]
    #[arg(long, value_name = "FILE")]
    token_out: Option<PathBuf>,
    /// Where the site is registered already, leave it as it is and end with 0; a token file that is missing is made
    #[arg(long)]
    unless_there: bool,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

impl SitesCommand {
    /// Asks the primary.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        match self {
            SitesCommand::Add(args) => add(operator, args).await,
            SitesCommand::Token { sync_id, code } => token(operator, sync_id, &code).await,
            SitesCommand::Revoke { sync_id, code } => revoke(operator, sync_id, &code).await,
            SitesCommand::List => list(operator).await,
            SitesCommand::Show { sync_id } => show(operator, sync_id).await,
            SitesCommand::Edit(args) => edit(operator, args).await,
            SitesCommand::Remove(args) => remove(operator, args).await,
        }
    }
}

async fn add(operator: &Operator, args: AddArgs) -> Result<(), Problem> {
    let there = match args.unless_there {
        true => find(operator, args.sync_id).await?,
        false => None,
    };
    let token_out = args.token_out.clone();
    let written = token_out.as_ref().is_some_and(|file| file.exists());
    let (site, token, no_join_token) = match there {
        Some(site) if written || token_out.is_none() => (site, None, String::new()),
        Some(site) => (
            site,
            Some(fresh_token(operator, args.sync_id, &args.code).await?),
            String::new(),
        ),
        None => {
            if let Some(file) = token_out.as_ref().filter(|_| written) {
                let message = format!(
                    "{} is there already: name another file, or remove it",
                    file.display()
                );
                return Err(Problem::usage(message));
            }
            let answer = register(operator, args).await?;
            (
                answer.site.unwrap_or_default(),
                answer.join_token,
                answer.no_join_token,
            )
        }
    };
    let site: SiteRow = site.into();
    match (token_out, token) {
        (Some(file), Some(token)) => {
            setup::write_new(&file, format!("{}\n", token.token).as_bytes(), Readers::Owner)?;
            operator.output.answer(&SiteView(site))
        }
        (_, None) if no_join_token.is_empty() => operator.output.answer(&SiteView(site)),
        (_, token) => operator.output.answer(&AddedView {
            site,
            join: token.map(JoinTokenView::from),
            no_join_token,
        }),
    }
}

/// The site, if it is registered.
async fn find(operator: &Operator, sync_id: SyncId) -> Result<Option<Site>, Problem> {
    let mut client = SiteServiceClient::new(operator.connect().await?);
    let request = GetSiteRequest {
        sync_id: sync_id.get().into(),
    };
    match client.get_site(request).await {
        Ok(answer) => Ok(answer.into_inner().site),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

async fn register(operator: &Operator, args: AddArgs) -> Result<AddSiteResponse, Problem> {
    let request = AddSiteRequest {
        sync_id: args.sync_id.get().into(),
        name: args.name,
        url: args.url,
        stores: args.stores,
        copies: args.copies,
        interval_minutes: args.interval,
        live: args.live,
    };
    let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
        SiteServiceClient::new(channel).add_site(request).await
    });
    answer.await
}

async fn token(operator: &Operator, sync_id: SyncId, code: &CodeFlags) -> Result<(), Problem> {
    let token = fresh_token(operator, sync_id, code).await?;
    operator.output.answer(&JoinTokenView::from(token))
}

async fn fresh_token(operator: &Operator, sync_id: SyncId, code: &CodeFlags) -> Result<JoinToken, Problem> {
    let request = CreateJoinTokenRequest {
        sync_id: sync_id.get().into(),
    };
    let answer = with_unlocked(operator, code, request, async |channel, request| {
        SiteServiceClient::new(channel).create_join_token(request).await
    });
    Ok(answer.await?.join_token.unwrap_or_default())
}

async fn revoke(operator: &Operator, sync_id: SyncId, code: &CodeFlags) -> Result<(), Problem> {
    let request = RevokeSiteRequest {
        sync_id: sync_id.get().into(),
    };
    let answer = with_unlocked(operator, code, request, async |channel, request| {
        SiteServiceClient::new(channel).revoke_site(request).await
    });
    let answer = answer.await?;
    operator.output.answer(&RevokedView {
        sync_id: sync_id.get(),
        revoke_time: answer.revoke_time,
        ended_sessions: answer.ended_sessions,
    })
}

async fn edit(operator: &Operator, args: EditArgs) -> Result<(), Problem> {
    let request = UpdateSiteRequest {
        sync_id: args.sync_id.get().into(),
        name: args.name,
        url: args.url,
        interval_minutes: args.interval,
        live: args.live,
    };
    let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
        SiteServiceClient::new(channel).update_site(request).await
    });
    answer_site(operator, answer.await?.site)
}

async fn remove(operator: &Operator, args: RemoveArgs) -> Result<(), Problem> {
    let request = RemoveSiteRequest {
        sync_id: args.sync_id.get().into(),
        force: args.force,
    };
    let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
        SiteServiceClient::new(channel).remove_site(request).await
    });
    operator.output.answer(&RemovedSiteView {
        sync_id: args.sync_id.get(),
        unfinished: answer.await?.unfinished,
    })
}

async fn list(operator: &Operator) -> Result<(), Problem> {
    let mut client = SiteServiceClient::new(operator.connect().await?);
    let mut sites = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListSitesRequest {
            page_size: PAGE_SIZE,
            page_token,
        };
        let answer = client.list_sites(request).await?.into_inner();
        sites.extend(answer.sites.into_iter().map(SiteRow::from));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return operator.output.answer(&SitesView { sites });
        }
    }
}

async fn show(operator: &Operator, sync_id: SyncId) -> Result<(), Problem> {
    let mut client = SiteServiceClient::new(operator.connect().await?);
    let request = GetSiteRequest {
        sync_id: sync_id.get().into(),
    };
    let answer = client.get_site(request).await?.into_inner();
    answer_site(operator, answer.site)
}

/// Shows a site as it is after a command.
pub fn answer_site(operator: &Operator, site: Option<Site>) -> Result<(), Problem> {
    operator.output.answer(&SiteView(site.unwrap_or_default().into()))
}
