//! `verify`: the proof that copies equal their originals. A difference that nothing explains ends with its own exit code.

use clap::Args;
use supplysync_api::v1::VerifyRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;

use super::problem::Problem;
use super::run::Operator;
use super::view::VerifyView;

/// How thoroughly.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Also decode, rehash and compare every stored record with the readable tables; takes longer
    #[arg(long)]
    deep: bool,
}

/// Asks, shows, and judges.
pub async fn run(operator: &Operator, args: VerifyArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let answer = client
        .verify(VerifyRequest { deep: args.deep })
        .await?
        .into_inner();
    let view = VerifyView::from(answer);
    operator.output.answer(&view)?;
    if view.ok { Ok(()) } else { Err(Problem::Different) }
}
