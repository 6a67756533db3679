//! Migrations: which schema a database has, bringing an older one up, and refusing what is foreign or newer.
//! Our own runner rather than sea-orm-migration: versions live where each database keeps such things, so that a
//! foreign file is recognised before anything is written to it, and every step is one transaction.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use supplysync_model::{Fault, FaultCode, Incarnation, Reason};

use crate::connect::Pools;
use crate::fault::database;
use crate::{
    NewIdentity, copies, dated, enrolment, later_life, moves, projection, proposal, raw, recovery, repair,
    schema,
};

/// "Ssyn": SQLite's application_id of our files.
const APPLICATION_ID: i32 = 0x5373_796e;
/// PostgreSQL's advisory lock while migrating.
const MIGRATION_LOCK: i64 = 0x5373_796e_6d69_6772;

/// Each version's statements; the version is the place in the list, from 1. Never change one that was released.
const MIGRATIONS: &[&[&str]] = &[
    schema::RECORD_STORE,
    projection::SCHEMA,
    moves::SCHEMA,
    enrolment::SCHEMA,
    projection::REVOKED_OPERATORS,
    proposal::SCHEMA,
    projection::NOT_KEPT,
    projection::NOT_KEPT_IN_STEPS,
    dated::SCHEMA,
    copies::SCHEMA,
    recovery::SCHEMA,
    repair::SCHEMA,
    later_life::SCHEMA,
    recovery::BACKUP_HEAD_SAYS_NOTHING,
    later_life::DIFFERS_AT_ONCE,
    later_life::NOT_SAID,
];

/// What a database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// No tables at all.
    Nothing,
    /// Ours, with this version.
    Ours(i32),
    /// Somebody else's.
    Foreign,
}

/// Makes the schema and stores the identity; refuses a database that has one.
pub(crate) async fn initialise(
    pools: &Pools,
    identity: &NewIdentity,
    incarnation: Option<Incarnation>,
) -> Result<(), Fault> {
    let tx = begin(pools).await?;
    bring_up(&tx).await?;
    if let Some(held) = raw::find_identity(&tx).await? {
        let (code, reason) = if held.sync_id == identity.sync_id {
            (FaultCode::AlreadyExists, Reason::ALREADY_INITIALISED)
        } else {
            (FaultCode::FailedPrecondition, Reason::DATABASE_OTHER_SITE)
        };
        let message = format!(
            "the database already belongs to site {} ({}): nothing was changed in it",
            held.sync_id, held.site_name
        );
        return Err(Fault::new(code, reason, message));
    }
    raw::insert_identity(&tx, identity, incarnation).await?;
    tx.commit().await.map_err(database)
}

/// Brings an initialised database to this version.
pub(crate) async fn upgrade(pools: &Pools) -> Result<(), Fault> {
    let tx = begin(pools).await?;
    let not_initialised = || {
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::DATABASE_NOT_INITIALISED,
            "the database has not been initialised: run `init` first",
        )
    };
    if found(&tx).await? == Found::Nothing {
        return Err(not_initialised());
    }
    bring_up(&tx).await?;
    if raw::find_identity(&tx).await?.is_none() {
        return Err(not_initialised());
    }
    tx.commit().await.map_err(database)
}

/// The version that this program makes.
pub(crate) fn newest() -> i32 {
    MIGRATIONS.len() as i32
}

/// What the database holds, outside a transaction of ours.
pub(crate) async fn look(connection: &DatabaseConnection) -> Result<Found, Fault> {
    found(connection).await
}

async fn begin(pools: &Pools) -> Result<DatabaseTransaction, Fault> {
    let options = TransactionOptions {
        sqlite_transaction_mode: (pools.backend == DbBackend::Sqlite)
            .then_some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let tx = pools.writer.begin_with_options(options).await.map_err(database)?;
    if pools.backend == DbBackend::Postgres {
        // Whoever comes second waits until the first is through, and a large table may take as long as it takes.
        run(&tx, "SET LOCAL lock_timeout = 0").await?;
        run(&tx, "SET LOCAL statement_timeout = 0").await?;
        run(&tx, &format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
    }
    Ok(tx)
}

async fn bring_up(tx: &DatabaseTransaction) -> Result<(), Fault> {
    let newest = newest();
    let from = match found(tx).await? {
        Found::Nothing => 0,
        Found::Ours(version) => version,
        Found::Foreign => {
            return Err(Fault::new(
                FaultCode::FailedPrecondition,
                Reason::DATABASE_FOREIGN,
                "the database holds tables that are not of this program: give it a database of its own",
            ));
        }
    };
    if from > newest {
        return Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::DATABASE_TOO_NEW,
            format!(
                "the database is of version {from}, and this program knows versions up to {newest}: \
                 install the newer program again"
            ),
        ));
    }
    let backend = tx.get_database_backend();
    if from == 0 {
        match backend {
            DbBackend::Sqlite => run(tx, &format!("PRAGMA application_id = {APPLICATION_ID}")).await?,
            _ => {
                let table = "CREATE TABLE schema_version (product TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL)";
                run(tx, table).await?;
                run(tx, "INSERT INTO schema_version VALUES ('supplysync', 0)").await?;
            }
        }
    }
    // Collected, because the iterator held across an await would keep the future from being sent to a task.
    let due: Vec<&'static str> = MIGRATIONS
        .iter()
        .skip(from as usize)
        .copied()
        .flatten()
        .copied()
        .collect();
    for statement in due {
        let statement = match backend {
            DbBackend::Sqlite => statement.to_owned(),
            _ => statement.replace("BLOB", "BYTEA"),
        };
        run(tx, &statement).await?;
    }
    if from < newest {
        match backend {
            DbBackend::Sqlite => run(tx, &format!("PRAGMA user_version = {newest}")).await?,
            _ => run(tx, &format!("UPDATE schema_version SET version = {newest}")).await?,
        }
    }
    Ok(())
}

async fn found<C: ConnectionTrait>(connection: &C) -> Result<Found, Fault> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        let application = number(connection, "PRAGMA application_id").await?;
        let version = number(connection, "PRAGMA user_version").await?;
        let tables = number(connection, "SELECT COUNT(*) FROM sqlite_master").await?;
        return Ok(match (application, tables) {
            (id, _) if id == i64::from(APPLICATION_ID) => Found::Ours(version as i32),
            (0, 0) if version == 0 => Found::Nothing,
            _ => Found::Foreign,
        });
    }
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema()";
    if number(connection, tables).await? == 0 {
        return Ok(Found::Nothing);
    }
    let ours = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = current_schema() \
                AND table_name = 'schema_version' AND column_name = 'product'";
    if number(connection, ours).await? == 0 {
        return Ok(Found::Foreign);
    }
    let version = "SELECT CAST(MAX(version) AS BIGINT) FROM schema_version WHERE product = 'supplysync'";
    Ok(Found::Ours(number(connection, version).await? as i32))
}

async fn number<C: ConnectionTrait>(connection: &C, sql: &str) -> Result<i64, Fault> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.map_err(database)?;
    let row = row.ok_or_else(|| crate::fault::damaged("no version"))?;
    match row.try_get_by_index::<i64>(0) {
        Ok(number) => Ok(number),
        Err(_) => Ok(i64::from(row.try_get_by_index::<i32>(0).map_err(database)?)),
    }
}

async fn run(tx: &DatabaseTransaction, sql: &str) -> Result<(), Fault> {
    tx.execute_unprepared(sql).await.map_err(database).map(drop)
}
