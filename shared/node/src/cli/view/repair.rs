//! Repairs: what was put right, what comes afresh, and what is left to a person.

use serde::Serialize;
use supplysync_api::v1;

use super::channel::channel_name;
use super::verify::Finding;
use crate::cli::output::Answer;
use crate::cli::table::{Grid, or_dash};

/// The outcome of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepairView {
    /// Nothing is left to a person.
    pub ok: bool,
    /// What was put right at once.
    pub channels: Vec<RepairedRow>,
    /// Copies that come afresh.
    pub asked: Vec<CopyRow>,
    /// What is left.
    pub left: Vec<Finding>,
}

/// One channel that was put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepairedRow {
    /// The channel, with the store's code where it is a store's; empty where it is not known.
    pub channel: String,
    /// What was done.
    pub summary: String,
}

/// The last repair of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyRow {
    /// The channel, with the store's code where it is a store's.
    pub channel: String,
    /// The Sync ID of the site that it comes from.
    pub site: u32,
    /// Its name.
    pub site_name: String,
    /// open, equal, different or called_off.
    pub state: &'static str,
    /// When it was asked for, RFC 3339.
    pub begin_time: String,
    /// When it was done; empty until then.
    pub end_time: String,
    /// Who asked; empty where the site began by itself.
    pub asked_by: String,
    /// Records that were missing or differed.
    pub replaced: u64,
    /// Records that the other end does not have.
    pub removed: u64,
    /// The same in words.
    pub summary: String,
}

impl From<v1::CopyRepair> for CopyRow {
    fn from(repair: v1::CopyRepair) -> CopyRow {
        CopyRow {
            channel: channel_name(&repair.channel, &repair.store_code),
            state: match repair.state() {
                v1::RepairState::Open => "open",
                v1::RepairState::Equal => "equal",
                v1::RepairState::Different => "different",
                v1::RepairState::CalledOff => "called_off",
                v1::RepairState::Unspecified => "unknown",
            },
            site: repair.site,
            site_name: repair.site_name,
            begin_time: repair.begin_time,
            end_time: repair.end_time,
            asked_by: repair.asked_by,
            replaced: repair.replaced,
            removed: repair.removed,
            summary: repair.summary,
        }
    }
}

impl From<v1::RepairResponse> for RepairView {
    fn from(answer: v1::RepairResponse) -> RepairView {
        let channels = answer.channels.into_iter().map(|row| RepairedRow {
            channel: match row.channel.is_empty() {
                true => String::new(),
                false => channel_name(&row.channel, &row.store_code),
            },
            summary: row.summary,
        });
        RepairView {
            ok: answer.left.is_empty(),
            channels: channels.collect(),
            asked: answer.asked.into_iter().map(CopyRow::from).collect(),
            left: answer.left.into_iter().map(Finding::from).collect(),
        }
    }
}

impl Answer for RepairView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(&["channel", "repair"], width);
        for row in &self.channels {
            grid.row([or_dash(&row.channel), row.summary.clone()]);
        }
        for row in &self.asked {
            grid.row([row.channel.clone(), row.summary.clone()]);
        }
        let mut text = grid.or("Everything is as it should be: there was nothing to repair.");
        if !self.left.is_empty() {
            let mut grid = Grid::new(&["channel", "record", "left to you"], width);
            for finding in &self.left {
                grid.row([
                    or_dash(&finding.channel),
                    or_dash(&finding.record),
                    finding.message.clone(),
                ]);
            }
            text += &format!("\n\n{}", grid.or(""));
        }
        if !self.asked.is_empty() {
            text += "\n\nSee what came of it with `verify`.";
        }
        text
    }
}
