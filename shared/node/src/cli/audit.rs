//! `audit list`: who did what, from where.

use clap::{Args, Subcommand};
use supplysync_api::v1::ListAuditLogRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;

use super::problem::Problem;
use super::run::{Operator, PAGE_SIZE};
use super::view::{AuditLine, AuditView};

/// What of the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List who unlocked, locked and changed what, and who was refused; newest first
    List(AuditArgs),
}

/// Which lines.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only what this principal did, as in operator/admin/ana
    #[arg(long, value_name = "PRINCIPAL", default_value = "", hide_default_value = true)]
    principal: String,
    /// Only actions that begin so, as in sites.
    #[arg(long, value_name = "ACTION", default_value = "", hide_default_value = true)]
    action: String,
    /// Not before, as in 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
    from: String,
    /// Before, as in 2026-11-25T08:00:00Z
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
    to: String,
    /// At most so many lines
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

impl AuditCommand {
    /// Asks, page by page, and shows.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        let AuditCommand::List(args) = self;
        let mut client = DiagnosticsServiceClient::new(operator.connect().await?);
        let mut view = AuditView::default();
        let mut page_token = String::new();
        loop {
            let request = ListAuditLogRequest {
                principal: args.principal.clone(),
                action: args.action.clone(),
                from_time: args.from.clone(),
                to_time: args.to.clone(),
                page_size: PAGE_SIZE,
                page_token,
            };
            let answer = client.list_audit_log(request).await?.into_inner();
            view.entries
                .extend(answer.entries.into_iter().map(AuditLine::from));
            page_token = answer.next_page_token;
            if page_token.is_empty() || view.entries.len() >= args.limit {
                view.entries.truncate(args.limit);
                return operator.output.answer(&view);
            }
        }
    }
}
