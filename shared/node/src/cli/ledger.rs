//! `ledger`: whether every record is accounted for. If not, it ends with its own exit code.

use clap::Args;
use supplysync_api::v1::GetLedgerRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;

use super::problem::Problem;
use super::run::Operator;
use super::view::LedgerView;

/// Of which stores.
#[derive(Debug, Args)]
pub struct LedgerArgs {
    /// Only this store
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    store: String,
}

/// Asks, shows, and judges.
pub async fn run(operator: &Operator, args: LedgerArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let answer = client
        .get_ledger(GetLedgerRequest { store: args.store })
        .await?
        .into_inner();
    let view = LedgerView::from(answer);
    operator.output.answer(&view)?;
    if view.ok { Ok(()) } else { Err(Problem::Different) }
}
