//! `primary-svc stores`: on which site a store is active, and moving it to another.

use clap::{Args, Subcommand};
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_api::v1::{
    AssignStoreRequest, CancelMoveRequest, ListMovesRequest, MoveStoreRequest, StoreMove,
};
use supplysync_model::SyncId;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::{Operator, PAGE_SIZE};
use supplysync_node::cli::unlock::{CodeFlags, with_unlocked};
use supplysync_node::cli::view::{MoveRow, MoveView, MovesView};

use super::sites::answer_site;

/// What can be done with stores.
#[derive(Debug, Subcommand)]
pub enum StoresCommand {
    /// Make a new store active on its first site (needs the authorisation code)
    Assign(AssignArgs),
    /// Move a store to another site; that one writes once it holds all of its data (needs the authorisation code)
    Move(MoveArgs),
    /// Leave a store that is on its way where it is (needs the authorisation code)
    CancelMove(CancelArgs),
    /// List moves, the latest first, with what each waits for
    Moves {
        /// Only those under way
        #[arg(long)]
        under_way: bool,
    },
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

/// Which store, and where to.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The store's code
    #[arg(value_name = "CODE")]
    store: String,
    /// The Sync ID of the site that it goes to
    #[arg(long, value_name = "N")]
    to: SyncId,
    /// Skip the present site, because it is destroyed: what it never sent is lost to the store
    #[arg(long)]
    force: bool,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

/// Which store.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The store's code
    #[arg(value_name = "CODE")]
    store: String,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

impl StoresCommand {
    /// Asks the primary.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        match self {
            StoresCommand::Assign(args) => assign(operator, args).await,
            StoresCommand::Move(args) => move_store(operator, args).await,
            StoresCommand::CancelMove(args) => cancel_move(operator, args).await,
            StoresCommand::Moves { under_way } => moves(operator, under_way).await,
        }
    }
}

async fn assign(operator: &Operator, args: AssignArgs) -> Result<(), Problem> {
    let request = AssignStoreRequest {
        store: args.store,
        sync_id: args.site.get().into(),
    };
    let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
        SiteServiceClient::new(channel).assign_store(request).await
    });
    answer_site(operator, answer.await?.site)
}

async fn move_store(operator: &Operator, args: MoveArgs) -> Result<(), Problem> {
    let request = MoveStoreRequest {
        store: args.store,
        to: args.to.get().into(),
        force: args.force,
    };
    let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
        SiteServiceClient::new(channel).move_store(request).await
    });
    answer_move(operator, answer.await?.r#move)
}

async fn cancel_move(operator: &Operator, args: CancelArgs) -> Result<(), Problem> {
    let request = CancelMoveRequest { store: args.store };
    let answer = with_unlocked(operator, &args.code, request, async |channel, request| {
        SiteServiceClient::new(channel).cancel_move(request).await
    });
    answer_move(operator, answer.await?.r#move)
}

async fn moves(operator: &Operator, under_way: bool) -> Result<(), Problem> {
    let mut client = SiteServiceClient::new(operator.connect().await?);
    let mut moves = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListMovesRequest {
            under_way,
            page_size: PAGE_SIZE,
            page_token,
        };
        let answer = client.list_moves(request).await?.into_inner();
        moves.extend(answer.moves.into_iter().map(MoveRow::from));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return operator.output.answer(&MovesView { moves });
        }
    }
}

fn answer_move(operator: &Operator, moved: Option<StoreMove>) -> Result<(), Problem> {
    operator
        .output
        .answer(&MoveView(moved.unwrap_or_default().into()))
}
