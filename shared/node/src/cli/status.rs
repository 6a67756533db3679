//! `status`: how synchronisation stands, once or at each change.

use clap::Args;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;
use supplysync_api::v1::{GetSyncStatusRequest, SyncStatus, WatchSyncStatusRequest};

use super::problem::Problem;
use super::run::Operator;
use super::view::StatusView;

/// What of the status.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Keep showing it at each change until interrupted; as JSON, one line for each
    #[arg(long)]
    watch: bool,
}

/// Asks and shows.
pub async fn run(operator: &Operator, args: StatusArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    if !args.watch {
        let answer = client
            .get_sync_status(GetSyncStatusRequest {})
            .await?
            .into_inner();
        return operator.output.answer(&view(answer.status));
    }
    let mut statuses = client
        .watch_sync_status(WatchSyncStatusRequest {})
        .await?
        .into_inner();
    while let Some(answer) = statuses.message().await? {
        operator.output.next_answer(&view(answer.status))?;
    }
    Ok(())
}

fn view(status: Option<SyncStatus>) -> StatusView {
    StatusView::from(status.unwrap_or_default())
}
