//! Moves of stores between sites, and what each waits for.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, moment};

/// All that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovesView {
    /// The latest first.
    pub moves: Vec<MoveRow>,
}

/// One move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MoveRow {
    /// The store's code.
    pub store: String,
    /// Sync ID of the site that had it.
    pub from: u32,
    /// That site's name.
    pub from_name: String,
    /// Sync ID of the site that it goes to.
    pub to: u32,
    /// That site's name.
    pub to_name: String,
    /// `under way`, `moved`, `cancelled` or `aborted`.
    pub state: String,
    /// What it waits for, and what to do; empty once it has ended.
    pub waits_for: String,
    /// Whether the old site was skipped.
    pub forced: bool,
    /// What is known to be left behind by that.
    pub missing: String,
    /// RFC 3339.
    pub begin_time: String,
    /// RFC 3339; empty until the old site said that it has stopped.
    pub released_time: String,
    /// RFC 3339; empty until the new site said what it holds.
    pub held_time: String,
    /// RFC 3339; empty while it is under way.
    pub end_time: String,
}

/// One move, as an answer of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MoveView(pub MoveRow);

impl From<v1::StoreMove> for MoveRow {
    fn from(row: v1::StoreMove) -> MoveRow {
        let state = match row.state() {
            v1::MoveState::Unspecified => "unknown to this version",
            v1::MoveState::UnderWay => "under way",
            v1::MoveState::Moved => "moved",
            v1::MoveState::Cancelled => "cancelled",
            v1::MoveState::Aborted => "aborted",
        };
        MoveRow {
            store: row.store.map(|store| store.code).unwrap_or_default(),
            from: row.from,
            from_name: row.from_name,
            to: row.to,
            to_name: row.to_name,
            state: state.to_owned(),
            waits_for: row.waits_for,
            forced: row.forced,
            missing: row.missing,
            begin_time: row.begin_time,
            released_time: row.released_time,
            held_time: row.held_time,
            end_time: row.end_time,
        }
    }
}

impl Answer for MovesView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut grid = Grid::new(&["store", "from", "to", "state", "since", "note"], width);
        for row in &self.moves {
            let since = match row.end_time.as_str() {
                "" => &row.begin_time,
                end => end,
            };
            let forced = match row.forced {
                true => format!("forced: {}", row.missing),
                false => String::new(),
            };
            let notes = [row.waits_for.clone(), forced];
            let notes: Vec<_> = notes.into_iter().filter(|note| !note.is_empty()).collect();
            grid.row([
                row.store.clone(),
                format!("{} {}", row.from, row.from_name),
                format!("{} {}", row.to, row.to_name),
                row.state.clone(),
                moment(since),
                notes.join("; "),
            ]);
        }
        grid.or("no store was ever moved")
    }
}

impl Answer for MoveView {
    fn for_people(&self, width: Option<u16>) -> String {
        let moves = vec![self.0.clone()];
        MovesView { moves }.for_people(width)
    }
}
