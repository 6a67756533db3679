//! `quarantine`: changes that were refused and put aside; looking at them, and deciding on one.

use clap::{Args, Subcommand};
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;
use supplysync_api::v1::{ListQuarantineRequest, QuarantineResolution, ResolveQuarantineRequest};
use supplysync_model::{Fault, FaultCode, Reason};

use super::problem::Problem;
use super::run::{Operator, PAGE_SIZE};
use super::view::{DecidedView, QuarantineView, QuarantinedChange, QuarantinedView};

/// What can be done with changes in quarantine; without a word, they are listed.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct QuarantineArgs {
    #[command(subcommand)]
    command: Option<QuarantineCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// List them, oldest first
    List(ListArgs),
    /// Show one with its content
    Show {
        /// Its id, from the list
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Have the owner write what one says (for admins; on the primary it is put to the site where the store is active)
    Accept(DecideArgs),
    /// Give one up: it is applied nowhere (for admins; what it said stays in the audit log)
    Discard(DecideArgs),
}

/// On which change, and why.
#[derive(Debug, Args)]
struct DecideArgs {
    /// Its id, from the list
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for who reads the audit log later
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
}

/// Of which stores.
#[derive(Debug, Args)]
struct ListArgs {
    /// Only this store
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    store: String,
}

/// Does it.
pub async fn run(operator: &Operator, args: QuarantineArgs) -> Result<(), Problem> {
    match args.command {
        None => list(operator, args.list).await,
        Some(QuarantineCommand::List(args)) => list(operator, args).await,
        Some(QuarantineCommand::Show { id }) => show(operator, id).await,
        Some(QuarantineCommand::Accept(args)) => decide(operator, args, QuarantineResolution::Accept).await,
        Some(QuarantineCommand::Discard(args)) => decide(operator, args, QuarantineResolution::Discard).await,
    }
}

/// Asks, page by page, and shows.
async fn list(operator: &Operator, args: ListArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let mut view = QuarantineView::default();
    let mut page_token = String::new();
    loop {
        let request = ListQuarantineRequest {
            store: args.store.clone(),
            page_size: PAGE_SIZE,
            page_token,
            ..ListQuarantineRequest::default()
        };
        let answer = client.list_quarantine(request).await?.into_inner();
        view.changes
            .extend(answer.changes.into_iter().map(QuarantinedChange::from));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return operator.output.answer(&view);
        }
    }
}

async fn show(operator: &Operator, id: String) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let request = ListQuarantineRequest {
        id: id.clone(),
        ..ListQuarantineRequest::default()
    };
    let answer = client.list_quarantine(request).await?.into_inner();
    let found = answer.changes.into_iter().next().ok_or_else(|| {
        let message = format!("nothing with id {id} is in quarantine there: it may be resolved already");
        Fault::new(FaultCode::NotFound, Reason::QUARANTINE_NOT_FOUND, message)
    })?;
    operator.output.answer(&QuarantinedView(found.into()))
}

async fn decide(
    operator: &Operator,
    args: DecideArgs,
    resolution: QuarantineResolution,
) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let request = ResolveQuarantineRequest {
        id: args.id,
        resolution: resolution.into(),
        note: args.note,
    };
    let answer = client.resolve_quarantine(request).await?.into_inner();
    operator.output.answer(&DecidedView {
        outcome: answer.outcome,
        change: answer.change.unwrap_or_default().into(),
    })
}
