//! A later life of the primary's database, which was lost and put back (DESIGN 7): how it begins (`begin`), what the primary
//! makes of what its sites give back (`gather`), how a satellite meets it (`meet`), and what that gives back (`give`). The
//! verdicts are in sync-core.

mod begin;
mod gather;
mod give;
mod kept;
mod meet;
mod unanswered;

use sea_orm::QueryResult;
use supplysync_model::{Checkpoint, Epoch, Fault, FaultCode, Incarnation, Reason, Seq, SyncId};

use crate::fault::{damaged, database};
use crate::tx::chain_of;
use crate::{Queries, Store, raw};

pub(crate) use give::Upward;

/// `primary_life` and `former_life` are the primary's: the life that it has, and those before of which all that is here is
/// just what they had. `met_life`, `given_back` and `refused_work` are a satellite's. `BLOB` is `BYTEA` on PostgreSQL.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE primary_life (
        id INTEGER NOT NULL PRIMARY KEY,
        incarnation BIGINT NOT NULL,
        incarnation_random BIGINT NOT NULL,
        began_seq BIGINT NOT NULL,
        began_chain BLOB NOT NULL,
        kept_epoch BIGINT NOT NULL,
        kept_seq BIGINT NOT NULL,
        gathering BOOLEAN NOT NULL
    )",
    "CREATE TABLE former_life (
        incarnation BIGINT NOT NULL,
        incarnation_random BIGINT NOT NULL,
        kept_seq BIGINT NOT NULL,
        PRIMARY KEY (incarnation, incarnation_random)
    )",
    "ALTER TABLE peer ADD COLUMN given_back BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE met_life (
        id INTEGER NOT NULL PRIMARY KEY,
        incarnation BIGINT NOT NULL,
        incarnation_random BIGINT NOT NULL,
        head_seq BIGINT NOT NULL,
        gathering BOOLEAN NOT NULL,
        given_back BOOLEAN NOT NULL
    )",
    "CREATE TABLE given_back (channel INTEGER NOT NULL PRIMARY KEY, seq BIGINT NOT NULL, differs BOOLEAN NOT NULL)",
    "CREATE TABLE refused_work (kind INTEGER NOT NULL, id BLOB NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (kind, id))",
];

/// That a copy differs from what the primary kept is acted on as soon as it is heard.
pub(crate) const DIFFERS_AT_ONCE: &[&str] = &["ALTER TABLE given_back DROP COLUMN differs"];

/// A cursor that moved while its site gave back says nothing of how far the site's own work has arrived: that was left out.
/// And of work whose ack was lost nobody knows what was refused.
pub(crate) const NOT_SAID: &[&str] = &[
    "ALTER TABLE cursor ADD COLUMN given BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE refused_work ADD COLUMN unanswered BOOLEAN NOT NULL DEFAULT FALSE",
    "CREATE INDEX refused_work_unanswered ON refused_work (kind, id) WHERE unanswered",
];

/// The life of the primary's database, where it is not the first (primary).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaterLife {
    /// Where it began: beyond every seq of the lives before.
    pub began: Checkpoint,
    /// What of its own feed was certainly not lost: up to this version.
    pub kept: (Epoch, Seq),
    /// Whether sites still give back what may be lost.
    pub gathering: bool,
}

/// The life of the primary's database, as a satellite met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetLife {
    /// Which.
    pub life: Incarnation,
    /// The own head then: everything up to it may have to be given back.
    pub head: Seq,
    /// Whether the work of stores must wait.
    pub gathering: bool,
    /// Whether the primary has noted that everything is given back.
    pub given_back: bool,
}

impl Store {
    /// The life of this database, where it is not the first, with the sites that have not given back what they have
    /// (primary).
    pub async fn later_life(&self) -> Result<Option<(LaterLife, Vec<SyncId>)>, Fault> {
        self.read("later life", |tx| {
            Box::pin(async move {
                match tx.later_life().await? {
                    Some(life) => Ok(Some((life, tx.owing(life.began.incarnation).await?))),
                    None => Ok(None),
                }
            })
        })
        .await
    }
}

impl Queries {
    /// The life of this database, where it is not the first (primary).
    pub async fn later_life(&self) -> Result<Option<LaterLife>, Fault> {
        let sql = "SELECT incarnation, incarnation_random, began_seq, began_chain, kept_epoch, kept_seq, gathering \
                   FROM primary_life WHERE id = 1";
        let row = self.conn().row(sql, vec![]).await?;
        row.map(|row| {
            Ok(LaterLife {
                began: Checkpoint {
                    incarnation: life_at(&row, 0)?,
                    seq: number(&row, 2)?,
                    chain: chain_of(row.try_get_by_index(3).map_err(database)?)?,
                },
                kept: (Epoch::from_packed(number(&row, 4)?), number(&row, 5)?),
                gathering: row.try_get_by_index(6).map_err(database)?,
            })
        })
        .transpose()
    }

    /// Whether sites still give back what may be lost here (primary).
    pub async fn is_gathering(&self) -> Result<bool, Fault> {
        Ok(self.later_life().await?.is_some_and(|life| life.gathering))
    }

    /// Refuses what must wait until sites have given back what may be lost here.
    ///
    /// # Errors
    /// `RECOVERY_PENDING`.
    pub async fn refuse_while_gathering(&self, what: &str) -> Result<(), Fault> {
        if !self.is_gathering().await? {
            return Ok(());
        }
        let message = format!(
            "{what} must wait: this primary's database was put back, and sites still give back what it may have lost; \
             `status` says which. To go on without them, stop the program and type `primary-svc recover --end`"
        );
        Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::RECOVERY_PENDING,
            message,
        ))
    }

    /// Whether the work of this site's stores waits until other sites have given back what the primary lost (satellite).
    pub async fn waits_for_others(&self) -> Result<bool, Fault> {
        Ok(self.met_life().await?.is_some_and(|met| met.gathering))
    }

    /// The life of the primary's database, as met; `None` in its first life (satellite).
    pub(crate) async fn met_life(&self) -> Result<Option<MetLife>, Fault> {
        let sql = "SELECT incarnation, incarnation_random, head_seq, gathering, given_back FROM met_life WHERE id = 1";
        let row = self.conn().row(sql, vec![]).await?;
        row.map(|row| {
            Ok(MetLife {
                life: life_at(&row, 0)?,
                head: number(&row, 2)?,
                gathering: row.try_get_by_index(3).map_err(database)?,
                given_back: row.try_get_by_index(4).map_err(database)?,
            })
        })
        .transpose()
    }
}

fn life_at(row: &QueryResult, at: usize) -> Result<Incarnation, Fault> {
    let column = |at| row.try_get_by_index::<Option<i64>>(at).map_err(database);
    raw::incarnation(column(at)?, column(at + 1)?).ok_or_else(|| damaged("a life without a number"))
}

fn number(row: &QueryResult, at: usize) -> Result<u64, Fault> {
    Ok(row.try_get_by_index::<i64>(at).map_err(database)? as u64)
}
