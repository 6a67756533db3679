//! Repairs: a copy that differs from its owner is loaded afresh from it, and rows that differ from their records are made
//! again. What is wrong is found in `verify`; how a load replaces what is held is in `apply`.

mod all;
mod ask;
mod differences;
mod heal;
mod outcome;

use supplysync_model::{Channel, Fault, SyncId, Timestamp};

use crate::fault::damaged;
use crate::query::column;
use crate::{Queries, raw};

pub use all::Repaired;
pub use ask::{Asked, RepairOrder};
pub use heal::{Healed, HealedChannel};

/// The last repair of each copy, by the site that it comes from. `asked_by` is empty where nobody had to ask; `equal` is
/// null until the copy was compared, and after a repair that was called off.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE repair (
        peer INTEGER NOT NULL,
        channel INTEGER NOT NULL,
        begun_at BIGINT NOT NULL,
        asked_by TEXT NOT NULL,
        replaced BIGINT NOT NULL,
        removed BIGINT NOT NULL,
        ended_at BIGINT,
        equal BOOLEAN,
        PRIMARY KEY (peer, channel)
    )",
    // Few, if any: what is looked for every few seconds must not go through all cursors.
    "CREATE INDEX cursor_different ON cursor (peer, channel) WHERE equal = FALSE",
];

/// The last repair of a copy that this site holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Where the copy comes from.
    pub peer: SyncId,
    /// The channel.
    pub channel: Channel,
    pub(crate) number: i32,
    /// When it was asked for.
    pub begun_at: Timestamp,
    /// Who asked; `None` where this site began by itself.
    pub asked_by: Option<String>,
    /// Records that were written because they were missing or differed.
    pub replaced: u64,
    /// Records that went because the owner does not have them.
    pub removed: u64,
    /// How far it is.
    pub state: RepairState,
}

/// How far a repair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairState {
    /// Asked for; what the owner has is on its way.
    Open,
    /// Done, and equal to the owner then.
    Equal(Timestamp),
    /// Done, and still different: a person must look.
    Different(Timestamp),
    /// Called off: the copy does not come from there any more.
    CalledOff(Timestamp),
}

const REPAIRS: &str = "SELECT p.peer, c.name, p.channel, p.begun_at, p.asked_by, p.replaced, p.removed, p.ended_at, \
    p.equal FROM repair p JOIN channel c ON c.number = p.channel";

impl Queries {
    /// The last repair of each copy. Bounded by the channels that come here.
    pub async fn repairs(&self) -> Result<Vec<Repair>, Fault> {
        let sql = format!("{REPAIRS} ORDER BY p.peer, p.channel");
        let rows = self.conn().rows(sql, vec![]).await?;
        rows.iter().map(repair).collect()
    }
}

fn repair(row: &sea_orm::QueryResult) -> Result<Repair, Fault> {
    let name: String = column(row, 1)?;
    let asked_by: String = column(row, 4)?;
    let ended = column::<Option<i64>>(row, 7)?.map(Timestamp);
    let state = match (ended, column::<Option<bool>>(row, 8)?) {
        (None, _) => RepairState::Open,
        (Some(at), Some(true)) => RepairState::Equal(at),
        (Some(at), Some(false)) => RepairState::Different(at),
        (Some(at), None) => RepairState::CalledOff(at),
    };
    Ok(Repair {
        peer: raw::site(column(row, 0)?)?,
        channel: name
            .parse()
            .map_err(|_| damaged(format!("the channel {name:?}")))?,
        number: column(row, 2)?,
        begun_at: Timestamp(column(row, 3)?),
        asked_by: Some(asked_by).filter(|who| !who.is_empty()),
        replaced: column::<i64>(row, 5)? as u64,
        removed: column::<i64>(row, 6)? as u64,
        state,
    })
}
