//! `rebuild-projections`: the readable tables made again from the records.

use serde::Serialize;
use supplysync_api::v1::RebuildProjectionsRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;

use super::output::Answer;
use super::problem::Problem;
use super::run::Operator;

/// What was done.
#[derive(Debug, Serialize)]
struct RebuiltView {
    records: u64,
    strays: u64,
    unparked: u64,
    message: String,
}

/// Asks, and shows what was done.
pub async fn run(operator: &Operator) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let answer = client.rebuild_projections(RebuildProjectionsRequest {}).await?;
    let done = answer.into_inner();
    operator.output.answer(&RebuiltView {
        records: done.records,
        strays: done.strays,
        unparked: done.unparked,
        message: done.message,
    })
}

impl Answer for RebuiltView {
    fn for_people(&self, _: Option<u16>) -> String {
        format!("{}.", self.message)
    }
}
