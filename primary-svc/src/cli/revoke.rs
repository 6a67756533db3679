//! `primary-svc certs revoke`: shut an operator out. Shutting a site out is in `sites`.

use clap::Args;
use serde::Serialize;
use supplysync_api::v1::RevokeOperatorRequest;
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::Operator;
use supplysync_node::cli::table::moment;
use supplysync_node::cli::unlock::{CodeFlags, with_unlocked};

/// Whom to shut out.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The operator, as `certs issue` was told or as the audit log writes it
    #[arg(value_name = "NAME")]
    name: String,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

/// An operator who was shut out.
#[derive(Debug, Serialize)]
struct RevokedOperatorView {
    name: String,
    revoke_time: String,
}

impl RevokeArgs {
    /// Asks the primary.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        let request = RevokeOperatorRequest { name: self.name };
        let answer = with_unlocked(operator, &self.code, request, async |channel, request| {
            SiteServiceClient::new(channel).revoke_operator(request).await
        });
        let answer = answer.await?;
        operator.output.answer(&RevokedOperatorView {
            name: answer.name,
            revoke_time: answer.revoke_time,
        })
    }
}

impl Answer for RevokedOperatorView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let RevokedOperatorView { name, revoke_time } = self;
        let until = moment(revoke_time);
        format!(
            "Operator {name} is shut out, whatever the role: certificates issued until {until} are refused, here from now \
             on, on each satellite as soon as it has heard of it.\n\
             Nobody keeps a list of operators: `audit list --action certs.` shows which name was revoked, check its spelling.\n\
             `primary-svc certs issue operator {name} --role ROLE --out DIR` lets them in again."
        )
    }
}
