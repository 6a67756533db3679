//! `verify`: the proof that copies equal their originals, and what puts right what differs. A difference that nothing explains
//! ends with its own exit code.

use clap::Args;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;
use supplysync_api::v1::{RepairRequest, VerifyRequest};

use super::problem::Problem;
use super::run::Operator;
use super::view::{RepairView, VerifyView};

/// How thoroughly.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Also decode, rehash and compare every stored record with the readable tables; takes longer
    #[arg(long)]
    deep: bool,
    /// Verify deeply, and put right what differs: rows from their records here, copies from where they come (for admins)
    #[arg(long)]
    repair: bool,
}

/// Asks, shows, and judges.
pub async fn run(operator: &Operator, args: VerifyArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let ok = if args.repair {
        let view = RepairView::from(client.repair(RepairRequest {}).await?.into_inner());
        operator.output.answer(&view)?;
        view.ok
    } else {
        let request = VerifyRequest { deep: args.deep };
        let view = VerifyView::from(client.verify(request).await?.into_inner());
        operator.output.answer(&view)?;
        view.ok
    };
    if ok { Ok(()) } else { Err(Problem::Different) }
}
