//! `stock list`: the stock lines of a store.

use clap::{Args, Subcommand};
use supplysync_api::v1::ListStockLinesRequest;
use supplysync_api::v1::stock_service_client::StockServiceClient;

use super::problem::Problem;
use super::run::{Operator, PAGE_SIZE};
use super::view::{StockLineRow, StockView};

/// What can be asked of stock.
#[derive(Debug, Subcommand)]
pub enum StockCommand {
    /// List the stock lines of a store
    List(ListArgs),
}

/// Which stock lines.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The store
    #[arg(long, value_name = "CODE")]
    store: String,
    /// Only this item
    #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
    item: String,
    /// Only what expires before this day, as in 2027-05-31
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true)]
    expiring_before: String,
    /// Lines without packs too
    #[arg(long)]
    empty: bool,
    /// Show ids in the table too, for `trace`
    #[arg(long)]
    ids: bool,
}

/// Asks, page by page, and shows.
pub async fn run(operator: &Operator, command: StockCommand) -> Result<(), Problem> {
    let StockCommand::List(args) = command;
    let mut client = StockServiceClient::new(operator.connect().await?);
    let mut view = StockView {
        store: args.store.clone(),
        ids: args.ids,
        lines: Vec::new(),
    };
    let mut page_token = String::new();
    loop {
        let request = ListStockLinesRequest {
            store: args.store.clone(),
            item: args.item.clone(),
            expiring_before: args.expiring_before.clone(),
            show_empty: args.empty,
            page_size: PAGE_SIZE,
            page_token,
        };
        let answer = client.list_stock_lines(request).await?.into_inner();
        view.lines
            .extend(answer.stock_lines.into_iter().map(StockLineRow::from));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return operator.output.answer(&view);
        }
    }
}
