//! Connections: one writer and several readers on SQLite, two pools on PostgreSQL, and the settings that make a
//! commit durable.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqlxPostgresConnector, SqlxSqliteConnector, Statement,
};
use secrecy::ExposeSecret;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use supplysync_model::{Fault, FaultCode, Reason};

use crate::fault::{database, driver};
use crate::{Durability, StoreConfig};

/// How long a statement waits for a lock, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// The open connections of a store.
pub(crate) struct Pools {
    pub backend: DbBackend,
    pub writer: DatabaseConnection,
    pub readers: DatabaseConnection,
    /// PostgreSQL only: the one connection that hears notices.
    pub notices: Option<sqlx::PgPool>,
    /// SQLite only: the file, and a connection of its own for checkpoints.
    pub sqlite: Option<SqliteFile>,
}

pub(crate) struct SqliteFile {
    pub path: PathBuf,
    pub upkeep: sqlx::SqlitePool,
    /// Held as long as the store is open, so that a second program is refused.
    _lock: File,
}

impl Pools {
    pub(crate) async fn close(&self) {
        // An error here means that a connection was gone already.
        let _ = self.readers.close_by_ref().await;
        let _ = self.writer.close_by_ref().await;
        if let Some(notices) = &self.notices {
            notices.close().await;
        }
        if let Some(sqlite) = &self.sqlite {
            sqlite.upkeep.close().await;
        }
    }
}

enum Target {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

/// Connects, making the SQLite file when there is none.
pub(crate) async fn create(config: &StoreConfig) -> Result<Pools, Fault> {
    match target(config)? {
        Target::Sqlite(path) => sqlite(config, path, true).await,
        Target::Postgres(options) => postgres(config, *options).await,
    }
}

/// Connects to a database that exists.
pub(crate) async fn existing(config: &StoreConfig) -> Result<Pools, Fault> {
    match target(config)? {
        Target::Sqlite(path) if !path.exists() => Err(no_database(&path)),
        Target::Sqlite(path) => sqlite(config, path, false).await,
        Target::Postgres(options) => postgres(config, *options).await,
    }
}

/// The refusal of a path where nothing is.
pub(crate) fn no_database(path: &Path) -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::DATABASE_NOT_INITIALISED,
        format!(
            "there is no database at {}: run `init` first, or correct the path",
            path.display()
        ),
    )
}

/// The file of a SQLite database; `None` for PostgreSQL.
pub(crate) fn sqlite_path(config: &StoreConfig) -> Result<Option<PathBuf>, Fault> {
    Ok(match target(config)? {
        Target::Sqlite(path) => Some(path),
        Target::Postgres(_) => None,
    })
}

fn target(config: &StoreConfig) -> Result<Target, Fault> {
    let url = config.url.expose_secret();
    // The URL may hold a password, so no message repeats it.
    let wrong =
        |message: &str| Fault::new(FaultCode::InvalidArgument, Reason::CONFIGURATION_INVALID, message);
    if let Some(rest) = url.strip_prefix("sqlite:") {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() || path.starts_with(':') || path.contains('?') {
            return Err(wrong(
                "the database URL names no file: write sqlite:///path/to/file.db",
            ));
        }
        return Ok(Target::Sqlite(PathBuf::from(path)));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let options = PgConnectOptions::from_str(url).map_err(|_| {
            wrong("the database URL is not of the form postgres://user:password@host:port/database")
        })?;
        return Ok(Target::Postgres(Box::new(options)));
    }
    Err(wrong(
        "the database URL begins with neither sqlite: nor postgres://",
    ))
}

async fn sqlite(config: &StoreConfig, path: PathBuf, create: bool) -> Result<Pools, Fault> {
    let lock = lock_file(&path)?;
    refuse_foreign(&path, create).await?;
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(create)
        .page_size(4096)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .pragma("temp_store", "memory")
        .statement_cache_capacity(256)
        // Rows come from the connection's thread: fewer hand-overs between the two.
        .row_buffer_size(512);
    let writes = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536")
        // Checkpoints run in the background (`upkeep`); a reset shrinks the file, so its size says how much waits.
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", "0")
        .thread_name(|id| format!("sqlite-write-{id}"));
    let writer = single(writes.clone()).await?;
    let upkeep = single(writes.pragma("cache_size", "-2048")).await?;
    crate::upkeep::empty_log(&upkeep).await?;
    let readers = sqlite_pool()
        .max_connections(config.max_readers.max(1))
        .acquire_timeout(PATIENCE)
        .connect_with(options.pragma("cache_size", "-8192").pragma("query_only", "true"))
        .await
        .map_err(driver)?;
    Ok(Pools {
        backend: DbBackend::Sqlite,
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        readers: SqlxSqliteConnector::from_sqlx_sqlite_pool(readers),
        notices: None,
        sqlite: Some(SqliteFile {
            path,
            upkeep,
            _lock: lock,
        }),
    })
}

pub(crate) async fn single(options: SqliteConnectOptions) -> Result<sqlx::SqlitePool, Fault> {
    let pool = sqlite_pool()
        .min_connections(1)
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options);
    pool.await.map_err(driver)
}

/// A pool that lets no connection go on whose transaction did not end in order. SQLite ends one by itself when the disk is
/// full, the driver's ROLLBACK is refused then, and it believes to be inside one for ever: what comes next would run in
/// savepoints of a transaction that nobody commits, and be acknowledged all the same.
fn sqlite_pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().after_release(|connection, _| Box::pin(outside_transactions(connection)))
}

async fn outside_transactions(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A rollback that was begun when its transaction was dropped is through once this is answered.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Refuses a second program on one file. SQLite itself would let both write, in turns, under two heads.
pub(crate) fn lock_file(path: &Path) -> Result<File, Fault> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unusable = |error: std::io::Error| {
        let message = format!("{}: {error}; correct the path or the rights", path.display());
        Fault::new(FaultCode::FailedPrecondition, Reason::DATABASE_FAILED, message).with_source(error)
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
        Err(TryLockError::WouldBlock) => Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::DATABASE_IN_USE,
            format!("another program has {} open: stop it first", path.display()),
        )),
    }
}

/// Looks at a file before anything is changed in it.
pub(crate) async fn refuse_foreign(path: &Path, create: bool) -> Result<(), Fault> {
    if !path.exists() {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE);
    let looked = async {
        let pool = single(options).await?;
        let database = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
        let found = crate::migrate::look(&database).await;
        let _ = database.close().await;
        found
    };
    let foreign = || {
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::DATABASE_FOREIGN,
            format!(
                "{} is not a database of this program, and nothing was changed in it",
                path.display()
            ),
        )
    };
    match looked.await {
        Ok(crate::migrate::Found::Foreign) => Err(foreign()),
        Ok(crate::migrate::Found::Nothing) if !create => Err(foreign()),
        Ok(_) => Ok(()),
        Err(fault) if not_sqlite(&fault) => Err(foreign().with_source(fault)),
        Err(fault) => Err(fault),
    }
}

/// SQLite's "file is not a database", wherever the driver wrapped it.
fn not_sqlite(fault: &Fault) -> bool {
    let mut error: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(fault);
    while let Some(inner) = error {
        if inner.to_string().contains("file is not a database") {
            return true;
        }
        error = inner.source();
    }
    false
}

async fn postgres(config: &StoreConfig, options: PgConnectOptions) -> Result<Pools, Fault> {
    let options = options
        .application_name("supplysync")
        .statement_cache_capacity(256)
        .options([
            ("synchronous_commit", "on"),
            ("statement_timeout", "120s"),
            ("lock_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
    let pool = |size: u32| {
        PgPoolOptions::new()
            .max_connections(size.max(1))
            .acquire_timeout(PATIENCE)
    };
    let connected = |size: u32| pool(size).connect_with(options.clone());
    let writer = connected(config.max_writers).await.map_err(unreachable)?;
    let readers = connected(config.max_readers).await.map_err(unreachable)?;
    // One is used; another that is dead without a word may not be given back for a while.
    let notices = pool(3)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.application_name("supplysync notices"));
    Ok(Pools {
        backend: DbBackend::Postgres,
        writer: SqlxPostgresConnector::from_sqlx_postgres_pool(writer),
        readers: SqlxPostgresConnector::from_sqlx_postgres_pool(readers),
        notices: Some(notices),
        sqlite: None,
    })
}

fn unreachable(error: sqlx::Error) -> Fault {
    let untrusted = match &error {
        sqlx::Error::Tls(_) => true,
        // What the TLS library says comes as that.
        sqlx::Error::Io(inner) => inner.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    };
    let message = match untrusted {
        true => {
            "PostgreSQL does not prove over TLS that it is the server of the database URL: check its certificate, and \
             sslmode, sslrootcert and the host in the URL"
        }
        false => "PostgreSQL can't be reached or refuses us: check the database URL and that the server runs",
    };
    Fault::new(FaultCode::Unavailable, Reason::DATABASE_FAILED, message).with_source(error)
}

/// Reads back what decides whether a commit survives a power cut.
pub(crate) async fn durability(pools: &Pools) -> Result<Durability, Fault> {
    let (backend, names, prefix): (_, &[&'static str], _) = match pools.backend {
        DbBackend::Sqlite => ("sqlite", &["journal_mode", "synchronous"], "PRAGMA"),
        _ => (
            "postgres",
            &["fsync", "synchronous_commit", "full_page_writes"],
            "SHOW",
        ),
    };
    let mut settings = Vec::new();
    for name in names {
        let statement = Statement::from_string(pools.backend, format!("{prefix} {name}"));
        let row = pools.writer.query_one_raw(statement).await.map_err(database)?;
        let row = row.ok_or_else(|| crate::fault::damaged(format!("no setting {name}")))?;
        let value = match row.try_get_by_index::<String>(0) {
            Ok(text) => text,
            Err(_) => row.try_get_by_index::<i64>(0).map_err(database)?.to_string(),
        };
        settings.push((*name, value));
    }
    let is = |name: &str, wanted: &[&str]| {
        settings
            .iter()
            .any(|(key, value)| *key == name && wanted.contains(&value.as_str()))
    };
    let durable = match pools.backend {
        DbBackend::Sqlite => is("journal_mode", &["wal"]) && is("synchronous", &["2", "3"]),
        _ => is("fsync", &["on"]) && is("synchronous_commit", &["on", "remote_apply"]),
    };
    Ok(Durability {
        backend,
        settings,
        durable,
    })
}
