//! `quarantine`: changes that were refused and put aside.

use clap::Args;
use supplysync_api::v1::ListQuarantineRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;

use super::problem::Problem;
use super::run::{Operator, PAGE_SIZE};
use super::view::{QuarantineView, QuarantinedChange};

/// Of which stores.
#[derive(Debug, Args)]
pub struct QuarantineArgs {
    /// Only this store
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    store: String,
}

/// Asks, page by page, and shows.
pub async fn run(operator: &Operator, args: QuarantineArgs) -> Result<(), Problem> {
    let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
    let mut view = QuarantineView::default();
    let mut page_token = String::new();
    loop {
        let request = ListQuarantineRequest {
            store: args.store.clone(),
            page_size: PAGE_SIZE,
            page_token,
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
