//! Who may call what.

use serde::Serialize;
use supplysync_net::{Caller, Role};

use crate::cli::output::Answer;
use crate::cli::table::Grid;

/// The table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessView {
    /// In the order of the table.
    pub calls: Vec<AccessRow>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessRow {
    /// Such as `supplysync.v1.SiteService`.
    pub service: &'static str,
    /// Such as `AddSite`.
    pub method: &'static str,
    /// Whose certificates are accepted: `site`, `primary` (the site), or roles; `visitor` needs none.
    pub callers: Vec<&'static str>,
}

impl AccessView {
    /// Of these rules.
    pub fn new(rules: impl Iterator<Item = (&'static str, &'static str, &'static [Caller])>) -> AccessView {
        let words = |caller: &Caller| match caller {
            Caller::Site => vec!["site"],
            Caller::Primary => vec!["primary"],
            // On a port of its own, where a join token or a certificate that may have expired is shown.
            Caller::Visitor => vec!["visitor"],
            Caller::Operator(Role::Viewer) => vec!["viewer", "editor", "admin"],
            Caller::Operator(Role::Editor) => vec!["editor", "admin"],
            Caller::Operator(Role::Admin) => vec!["admin"],
        };
        let calls = rules.map(|(service, method, callers)| AccessRow {
            service,
            method,
            callers: callers.iter().flat_map(words).collect(),
        });
        AccessView {
            calls: calls.collect(),
        }
    }
}

impl Answer for AccessView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(&["service", "call", "accepts"], width);
        for row in &self.calls {
            grid.row([
                row.service.to_owned(),
                row.method.to_owned(),
                row.callers.join(", "),
            ]);
        }
        grid.or("nobody may call anything")
    }
}
