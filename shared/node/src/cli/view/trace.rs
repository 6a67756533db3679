//! Records as they are stored, decoded, and where each is.

use serde::Serialize;
use supplysync_api::v1;

use super::body::to_json;
use super::channel::channel_name;
use crate::cli::output::Answer;
use crate::cli::table::{Grid, or_dash};

/// What was found under an id or code.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceView {
    /// A store's id also names its assignment.
    pub records: Vec<TracedRecord>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TracedRecord {
    /// Such as `stock line`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What people call it; empty if this version can't read it.
    pub name: String,
    /// Its channel, with the store's code where it is a store's.
    pub channel: String,
    /// Its place in the feed of the site that was asked.
    pub seq: u64,
    /// Sync ID of the site that wrote this version.
    pub origin_site: u32,
    /// That site's name.
    pub origin_site_name: String,
    /// Sync ID of the site that may write the next.
    pub owner: u32,
    /// That site's name.
    pub owner_name: String,
    /// Incarnation and counter.
    pub epoch: String,
    /// The owner's seq when it wrote this version.
    pub revision: u64,
    /// The version of its form.
    pub schema: u32,
    /// Whether it is a tombstone; retired master data keeps its content.
    pub deleted: bool,
    /// Hexadecimal.
    pub hash: String,
    /// Why it is not readable yet; empty if it is.
    pub parked: String,
    /// Open quarantine of this record there.
    pub quarantined: Vec<String>,
    /// Where it is.
    pub places: Vec<Place>,
    /// Its decoded content; null if there is none or this version can't read it.
    pub body: serde_json::Value,
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The site's Sync ID.
    pub sync_id: u32,
    /// Its name.
    pub name: String,
    /// applied, parked, acknowledged, pending, quarantined, not_kept or unknown.
    pub state: &'static str,
    /// The version that is known to be there; empty if none is.
    pub version: String,
    /// The same in words.
    pub summary: String,
}

impl From<v1::TraceRecordResponse> for TraceView {
    fn from(answer: v1::TraceRecordResponse) -> TraceView {
        TraceView {
            records: answer.records.into_iter().map(TracedRecord::from).collect(),
        }
    }
}

impl From<v1::TracedRecord> for TracedRecord {
    fn from(record: v1::TracedRecord) -> TracedRecord {
        TracedRecord {
            channel: channel_name(&record.channel, &record.store_code),
            kind: record.kind,
            id: record.id,
            name: record.record_name,
            seq: record.seq,
            origin_site: record.origin_site,
            origin_site_name: record.origin_site_name,
            owner: record.owner,
            owner_name: record.owner_name,
            epoch: record.epoch,
            revision: record.revision,
            schema: record.schema,
            deleted: record.deleted,
            hash: record.hash,
            parked: record.parked,
            quarantined: record.quarantined,
            places: record.places.into_iter().map(Place::from).collect(),
            body: record.body.map_or(serde_json::Value::Null, to_json),
        }
    }
}

impl From<v1::RecordPlace> for Place {
    fn from(place: v1::RecordPlace) -> Place {
        Place {
            state: match place.state() {
                v1::PlaceState::Acknowledged => "acknowledged",
                v1::PlaceState::Pending => "pending",
                v1::PlaceState::Quarantined => "quarantined",
                v1::PlaceState::NotKept => "not_kept",
                v1::PlaceState::Applied => "applied",
                v1::PlaceState::Parked => "parked",
                v1::PlaceState::Unknown | v1::PlaceState::Unspecified => "unknown",
            },
            sync_id: place.sync_id,
            name: place.name,
            version: place.version,
            summary: place.summary,
        }
    }
}

impl Answer for TraceView {
    fn for_people(&self, width: Option<u16>) -> String {
        let records: Vec<_> = self
            .records
            .iter()
            .map(|record| record.for_people(width))
            .collect();
        records.join("\n\n")
    }
}

impl TracedRecord {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| text += &format!("{name:10}{value}\n");
        let state = if self.deleted { " (deleted)" } else { "" };
        line("record", format!("{} {}{state}", self.kind, self.id));
        line("called", or_dash(&self.name));
        line("channel", format!("{}, seq {} here", self.channel, self.seq));
        line(
            "written by",
            format!(" {} {}", self.origin_site, self.origin_site_name),
        );
        line("owner", format!("{} {}", self.owner, self.owner_name));
        line(
            "version",
            format!(
                "epoch {}, revision {}, schema {}",
                self.epoch, self.revision, self.schema
            ),
        );
        line("hash", self.hash.clone());
        if !self.parked.is_empty() {
            line("parked", self.parked.clone());
        }
        for reason in &self.quarantined {
            line("put aside", reason.clone());
        }
        if !self.places.is_empty() {
            text += &format!("\n{}\n", self.whereabouts(width));
        }
        match serde_json::to_string_pretty(&self.body) {
            Ok(body) if !self.body.is_null() => format!("{text}\n{body}"),
            _ => text,
        }
    }

    fn whereabouts(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(&[">site", "name", "state", "version", "remarks"], width);
        for place in &self.places {
            grid.row([
                place.sync_id.to_string(),
                place.name.clone(),
                place.state.replace('_', " "),
                or_dash(&place.version),
                or_dash(&place.summary),
            ]);
        }
        grid.or("")
    }
}
