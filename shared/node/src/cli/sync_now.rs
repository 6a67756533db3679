//! `sync-now`: a session at once, whatever the interval.

use serde::Serialize;
use supplysync_api::v1::SyncNowRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;

use super::output::Answer;
use super::problem::Problem;
use super::run::Operator;

/// What was done.
#[derive(Debug, Serialize)]
struct SyncNowView {
    message: String,
}

/// Asks for a session.
pub async fn run(operator: &Operator) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let answer = client.sync_now(SyncNowRequest {}).await?.into_inner();
    operator.output.answer(&SyncNowView {
        message: answer.message,
    })
}

impl Answer for SyncNowView {
    fn for_people(&self, _width: Option<u16>) -> String {
        format!("{}\nSee how it goes with `status --watch`.", self.message)
    }
}
