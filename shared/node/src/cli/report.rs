//! `report stock-on-hand`: what there is, by item and store, and how fresh each store's data is.

use clap::{Args, Subcommand};
use supplysync_api::v1::StockOnHandRequest;
use supplysync_api::v1::report_service_client::ReportServiceClient;

use super::problem::Problem;
use super::run::{Operator, PAGE_SIZE};
use super::view::{Freshness, StockOnHandRow, StockOnHandView};

/// Which report.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// What is in stock, by item and store
    StockOnHand(StockOnHandArgs),
}

/// Of what.
#[derive(Debug, Args)]
pub struct StockOnHandArgs {
    /// Only this store; repeat it for more
    #[arg(long = "store", value_name = "CODE", num_args = 1..)]
    stores: Vec<String>,
    /// Only this item
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    item: String,
}

/// Asks, page by page, and shows.
pub async fn run(operator: &Operator, command: ReportCommand) -> Result<(), Problem> {
    let ReportCommand::StockOnHand(args) = command;
    let mut client = ReportServiceClient::new(operator.connect().await?);
    let mut view = StockOnHandView::default();
    let mut page_token = String::new();
    loop {
        let request = StockOnHandRequest {
            stores: args.stores.clone(),
            item: args.item.clone(),
            page_size: PAGE_SIZE,
            page_token,
        };
        let answer = client.stock_on_hand(request).await?.into_inner();
        view.rows
            .extend(answer.rows.into_iter().map(StockOnHandRow::from));
        if view.time.is_empty() {
            // Each page says it of its own moment; the first is the oldest.
            view.time = answer.time;
            view.stores = answer.stores.into_iter().map(Freshness::from).collect();
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return operator.output.answer(&view);
        }
    }
}
