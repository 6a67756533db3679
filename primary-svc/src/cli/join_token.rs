//! What `sites add`, `sites token` and `sites revoke` answer: a join token with what to do with it, and who is shut out.

use serde::Serialize;
use supplysync_api::v1;
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::table::moment;
use supplysync_node::cli::view::{SiteRow, SiteView};

/// A join token, shown this once.
#[derive(Serialize)]
pub struct JoinTokenView {
    join_token: String,
    join_token_expires: String,
}

/// A site that was registered.
#[derive(Serialize)]
pub struct AddedView {
    /// The site.
    #[serde(flatten)]
    pub site: SiteRow,
    /// How it joins.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinTokenView>,
    /// Why it can't.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_join_token: String,
}

/// A site that was shut out.
#[derive(Debug, Serialize)]
pub struct RevokedView {
    /// Its Sync ID.
    pub sync_id: u16,
    /// Certificates issued until then are refused.
    pub revoke_time: String,
    /// Sessions that were ended.
    pub ended_sessions: u32,
}

impl From<v1::JoinToken> for JoinTokenView {
    fn from(token: v1::JoinToken) -> JoinTokenView {
        JoinTokenView {
            join_token: token.token,
            join_token_expires: token.expire_time,
        }
    }
}

impl Answer for JoinTokenView {
    fn for_people(&self, _width: Option<u16>) -> String {
        format!(
            "Join token (secret, shown this once; it lets one machine in, until {}):\n\n{}\n\n\
             On the satellite's machine, with the token in a file:\n  \
             satellite-svc join --token-file FILE --data-dir DIR",
            moment(&self.join_token_expires),
            self.join_token
        )
    }
}

impl Answer for AddedView {
    fn for_people(&self, width: Option<u16>) -> String {
        let site = SiteView(self.site.clone()).for_people(width);
        let join = match &self.join {
            Some(join) => join.for_people(width),
            None => format!(
                "No join token: {}\n(`primary-svc certs issue site {} --out DIR` makes its certificate by hand)",
                self.no_join_token, self.site.sync_id
            ),
        };
        format!("{}\n\n{join}", site.trim_end())
    }
}

impl Answer for RevokedView {
    fn for_people(&self, _width: Option<u16>) -> String {
        format!(
            "Site {} is shut out: certificates issued until {} are refused, {} open sessions were ended.\n\
             `primary-svc sites token {}` makes a token that lets it in again.",
            self.sync_id,
            moment(&self.revoke_time),
            self.ended_sessions,
            self.sync_id
        )
    }
}
