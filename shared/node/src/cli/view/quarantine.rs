//! Changes that were refused and put aside, and why.

use serde::Serialize;
use supplysync_api::v1;

use super::body::to_json;
use super::channel::channel_name;
use crate::cli::output::Answer;
use crate::cli::table::{Grid, moment};

/// All that is open.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QuarantineView {
    /// Oldest first, as the server lists them.
    pub changes: Vec<QuarantinedChange>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuarantinedChange {
    /// The id under which it is kept.
    pub id: String,
    /// Such as `stock line`.
    pub kind: String,
    /// The record that it would change.
    pub record_id: String,
    /// What people call that record; empty if this version can't read it.
    pub record_name: String,
    /// Its channel, with the store's code where it is a store's.
    pub channel: String,
    /// Sync ID of the site that sent it, or of this site if it was local work in the feed's way.
    pub from_site: u32,
    /// That site's name.
    pub from_site_name: String,
    /// Why, `UPPER_SNAKE`.
    pub reason: String,
    /// When, RFC 3339.
    pub time: String,
    /// Sync ID of the site that wrote it.
    pub origin_site: u32,
    /// Epoch and revision of the change.
    pub version: String,
    /// Whether it deletes the record.
    pub deleted: bool,
    /// Its decoded content; null if this version can't read it.
    pub body: serde_json::Value,
    /// Who asked that it be accepted, while that is not decided; empty if nobody.
    pub asked_by: String,
    /// Sync ID of the site that it was put to and that has not answered; 0 if none.
    pub proposed_to: u32,
    /// What the owner said when it refused it last; empty if nothing.
    pub answer: String,
}

impl From<v1::QuarantinedChange> for QuarantinedChange {
    fn from(change: v1::QuarantinedChange) -> QuarantinedChange {
        QuarantinedChange {
            channel: channel_name(&change.channel, &change.store_code),
            id: change.id,
            kind: change.kind,
            record_id: change.record_id,
            record_name: change.record_name,
            from_site: change.from_site,
            from_site_name: change.from_site_name,
            reason: change.reason,
            time: change.time,
            origin_site: change.origin_site,
            version: change.version,
            deleted: change.deleted,
            body: change.body.map_or(serde_json::Value::Null, to_json),
            asked_by: change.asked_by,
            proposed_to: change.proposed_to,
            answer: change.answer,
        }
    }
}

impl QuarantinedChange {
    /// Its record as people call it, or else by its id.
    fn record(&self) -> String {
        match self.record_name.is_empty() {
            true => format!("{} {}", self.kind, self.record_id),
            false => self.record_name.clone(),
        }
    }
}

impl Answer for QuarantineView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(
            &["id", "since", "reason", "from", "channel", "record", "state"],
            width,
        );
        for change in &self.changes {
            grid.row([
                change.id.clone(),
                moment(&change.time),
                change.reason.clone(),
                format!("{} {}", change.from_site, change.from_site_name),
                change.channel.clone(),
                change.record(),
                state(change),
            ]);
        }
        grid.or("nothing is in quarantine")
    }
}

fn state(change: &QuarantinedChange) -> String {
    match (
        change.proposed_to,
        change.asked_by.as_str(),
        change.answer.as_str(),
    ) {
        (0, "", "") => "waits for a decision".to_owned(),
        (0, "", answer) => answer.to_owned(),
        (0, by, _) => format!("{by} hands it to the primary"),
        (site, by, _) => format!("{by} put it to site {site}"),
    }
}

/// What was decided, and on which change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecidedView {
    /// What became of it, for people.
    pub outcome: String,
    /// The change as it was.
    pub change: QuarantinedChange,
}

impl Answer for DecidedView {
    fn for_people(&self, _: Option<u16>) -> String {
        format!("{}: {}", self.change.record(), self.outcome)
    }
}

/// One change with its content, as an answer of its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct QuarantinedView(pub QuarantinedChange);

impl Answer for QuarantinedView {
    fn for_people(&self, width: Option<u16>) -> String {
        let change = &self.0;
        let mut grid = Grid::new(&["what", "value"], width);
        let what = if change.deleted {
            "a deletion of"
        } else {
            "a change of"
        };
        for (name, value) in [
            ("id", change.id.clone()),
            ("is", format!("{what} {} {}", change.kind, change.record_id)),
            ("called", change.record_name.clone()),
            ("version", change.version.clone()),
            ("channel", change.channel.clone()),
            (
                "from site",
                format!("{} {}", change.from_site, change.from_site_name),
            ),
            ("since", moment(&change.time)),
            ("refused because", change.reason.clone()),
            ("state", state(change)),
        ] {
            grid.row([name.to_owned(), value]);
        }
        if let Some(fields) = change.body.as_object() {
            for (name, value) in fields {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                grid.row([name.clone(), value]);
            }
        }
        grid.or("nothing")
    }
}
