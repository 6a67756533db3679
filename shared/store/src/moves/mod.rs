//! Moves of stores between sites: what the primary keeps of each (`keep`, `load`, `advance`), what a satellite promises and
//! answers (`answers`), where a copy begins at a hand-over (`start`), and what any site keeps of the stores that are or were active on it (`tenure`). The rules are
//! in `sync-core`.

mod advance;
mod answers;
mod keep;
mod list;
mod load;
mod start;
mod stood;
mod tenure;

pub use keep::MoveOrder;
pub use list::{MoveRecord, MoveState};
pub(crate) use stood::Stood;

/// The tables of moves. `BLOB` is `BYTEA` on PostgreSQL.
pub(crate) const SCHEMA: &[&str] = &[
    "ALTER TABLE store_assignment ADD COLUMN given_seq BIGINT",
    "ALTER TABLE store_assignment ADD COLUMN given_totals BLOB",
    "CREATE INDEX store_assignment_draining ON store_assignment (store_id) WHERE draining_to IS NOT NULL",
    // On the primary, one row for each move that was asked for; `version` is that of the draining assignment, or while
    // the new site is loading, of the one that announced the move.
    // Totals are two digests of 24 bytes, stock and history.
    "CREATE TABLE store_move (
        store_id BLOB NOT NULL,
        version BIGINT NOT NULL,
        from_site INTEGER NOT NULL,
        to_site INTEGER NOT NULL,
        loading BOOLEAN NOT NULL,
        forced BOOLEAN NOT NULL,
        missing TEXT NOT NULL,
        begun_at BIGINT NOT NULL,
        released BLOB,
        released_at BIGINT,
        held BLOB,
        held_at BIGINT,
        ended_at BIGINT,
        outcome INTEGER,
        PRIMARY KEY (store_id, version)
    )",
    "CREATE INDEX store_move_open ON store_move (store_id) WHERE ended_at IS NULL",
    "CREATE INDEX store_move_loading ON store_move (to_site) WHERE ended_at IS NULL AND loading",
    "CREATE INDEX store_move_forced ON store_move (from_site) WHERE forced",
    "CREATE INDEX store_move_by_time ON store_move (begun_at, store_id, version)",
    // What a site itself decided and knows of a store's activation here. `decision`: 0 released, 1 aborted.
    "CREATE TABLE store_tenure (
        store_id BLOB NOT NULL PRIMARY KEY,
        decided_version BIGINT,
        decision INTEGER,
        noticed_version BIGINT,
        noticed_at BIGINT,
        taken_epoch BIGINT,
        lost BOOLEAN NOT NULL
    )",
    "CREATE INDEX store_tenure_lost ON store_tenure (store_id) WHERE lost",
];
