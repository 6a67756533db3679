//! `trace`: one record as it is stored, and where it is.

use clap::Args;
use supplysync_api::v1::TraceRecordRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;

use super::problem::Problem;
use super::run::Operator;
use super::view::TraceView;

/// Which record.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// A record's id, or the code of an item, name or store
    #[arg(value_name = "ID")]
    record: String,
    /// A store's code: then ID is the number of a transaction there
    #[arg(long, value_name = "CODE")]
    store: Option<String>,
}

/// Asks and shows.
pub async fn run(operator: &Operator, args: TraceArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let answer = client
        .trace_record(TraceRecordRequest {
            record: args.record,
            store: args.store.unwrap_or_default(),
        })
        .await?;
    operator.output.answer(&TraceView::from(answer.into_inner()))
}
