//! Copies of a site's database file: taken while it is in use, checked, and put back. SQLite only: PostgreSQL has tools of
//! its own. What a database that was put back does then is in `recovery`.

use std::fs::File;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use secrecy::SecretString;
use sqlx::sqlite::SqliteConnectOptions;
use supplysync_model::{Fault, FaultCode, Reason, Seq, Timestamp};

use crate::connect::{self, single};
use crate::fault::{database, driver};
use crate::migrate::{self, Found};
use crate::{Identity, Store, StoreConfig, StoreDeps, raw};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Whose database it is.
    pub identity: Identity,
    /// The head of its feed.
    pub seq: Seq,
    /// The size of the file.
    pub bytes: u64,
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// The backup.
    pub backup: Backup,
    /// Where the database is that was there before.
    pub kept: Option<PathBuf>,
}

impl Store {
    /// Copies a database, whether it is in use or not, as it is at one moment; the copy is checked before it gets its name.
    ///
    /// # Errors
    /// `BACKUP_UNUSABLE` when the file exists already, can't be written, or the copy is damaged.
    pub async fn back_up(config: &StoreConfig, to: &Path) -> Result<Backup, Fault> {
        let path = file_of(config)?;
        if !path.exists() {
            return Err(connect::no_database(&path));
        }
        if to.exists() {
            return Err(unusable(to, "is there already: name a new file"));
        }
        connect::refuse_foreign(&path, false).await?;
        let staged = beside(to, "partial");
        remove_if_there(&staged)?;
        // Made here, so that nobody else may read it from the beginning.
        let made = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&staged);
        made.map_err(|error| unusable(&staged, &error.to_string()).with_source(error))?;
        let copied = async {
            let pool = single(SqliteConnectOptions::new().filename(&path)).await?;
            let vacuumed = sqlx::query("VACUUM INTO ?")
                .bind(staged.to_string_lossy().into_owned())
                .execute(&pool)
                .await;
            pool.close().await;
            vacuumed.map_err(driver)?;
            let backup = Store::check_backup(&staged).await?;
            move_durably(&staged, to)?;
            Ok(backup)
        };
        let ended = copied.await;
        if ended.is_err() {
            let _ = std::fs::remove_file(&staged);
        }
        ended
    }

    /// Reads every page of a backup; nothing is changed.
    ///
    /// # Errors
    /// `BACKUP_UNUSABLE` when it is damaged, not of this program or of a newer one.
    pub async fn check_backup(file: &Path) -> Result<Backup, Fault> {
        let bytes = std::fs::metadata(file)
            .map_err(|error| unusable(file, &error.to_string()).with_source(error))?
            .len();
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let not_ours = |fault: Fault| unusable(file, "is no backup of this program").with_source(fault);
        let pool = single(options).await.map_err(not_ours)?;
        let connection = sea_orm::SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
        let looked = look_into(file, &connection).await;
        let _ = connection.close().await;
        let (identity, seq) = looked?;
        Ok(Backup { identity, seq, bytes })
    }

    /// Puts a backup in the place of the present database, which is kept beside it, and notes that it was put back, so that
    /// the site takes back what the primary has before it sends anything. With `confirms` transactions may be confirmed
    /// before that. The program must not run.
    ///
    /// # Errors
    /// `DATABASE_IN_USE`; `DATABASE_OTHER_SITE` when another site's database is there; `BACKUP_UNUSABLE`.
    pub async fn put_back(
        config: &StoreConfig,
        from: &Path,
        confirms: bool,
        deps: StoreDeps,
    ) -> Result<PutBack, Fault> {
        let path = file_of(config)?;
        let _lock = connect::lock_file(&path)?;
        let backup = Store::check_backup(from).await?;
        refuse_other_site(&path, &backup.identity).await?;
        let staged = beside(&path, "restoring");
        for leftover in with_companions(&staged) {
            remove_if_there(&leftover)?;
        }
        copy_durably(from, &staged)?;
        let restored = StoreConfig {
            url: SecretString::from(format!("sqlite://{}", staged.display())),
            ..config.clone()
        };
        let now = deps.clock.now();
        let store = Store::open(restored, deps).await?;
        let asked = match backup.identity.sync_id.is_primary() {
            true => store.begin_later_life(true).await.map(drop),
            false => store.ask_recovery(confirms).await,
        };
        store.close().await;
        let _ = std::fs::remove_file(beside(&staged, "lock"));
        asked?;
        let kept = set_aside(&path, now)?;
        move_durably(&staged, &path)?;
        Ok(PutBack { backup, kept })
    }
}

async fn look_into(file: &Path, connection: &DatabaseConnection) -> Result<(Identity, Seq), Fault> {
    match migrate::look(connection).await {
        Ok(Found::Ours(version)) if version > migrate::newest() => {
            return Err(unusable(
                file,
                "was made by a newer version of this program: update this one first",
            ));
        }
        Ok(Found::Ours(_)) => {}
        Ok(_) => return Err(unusable(file, "is no backup of this program")),
        Err(fault) => return Err(unusable(file, "is no backup of this program").with_source(fault)),
    }
    let check = Statement::from_string(connection.get_database_backend(), "PRAGMA integrity_check(1)");
    let row = connection.query_one_raw(check).await.map_err(database)?;
    let said: Option<String> = row
        .map(|row| row.try_get_by_index(0).map_err(database))
        .transpose()?;
    if said.as_deref() != Some("ok") {
        return Err(unusable(file, "is damaged: use an older backup"));
    }
    raw::read_identity(connection).await
}

async fn refuse_other_site(path: &Path, backup: &Identity) -> Result<(), Fault> {
    if !path.exists() {
        return Ok(());
    }
    // One that can't be read any more is the very reason to put a backup back.
    let Ok(present) = Store::check_backup(path).await else {
        return Ok(());
    };
    if present.identity.sync_id == backup.sync_id {
        return Ok(());
    }
    let message = format!(
        "{} belongs to site {}, the backup to site {}: nothing was changed",
        path.display(),
        present.identity.sync_id,
        backup.sync_id
    );
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::DATABASE_OTHER_SITE,
        message,
    ))
}

/// Moves a database with its companions out of the way; where it is then, if there was one.
fn set_aside(path: &Path, now: Timestamp) -> Result<Option<PathBuf>, Fault> {
    let aside = beside(path, &format!("before-restore-{}", now.0));
    let mut kept = None;
    for (from, to) in with_companions(path).into_iter().zip(with_companions(&aside)) {
        if from.exists() {
            std::fs::rename(&from, &to)
                .map_err(|error| unusable(&from, &error.to_string()).with_source(error))?;
            kept = Some(aside.clone());
        }
    }
    Ok(kept)
}

/// A database file, and the two that SQLite keeps beside it.
fn with_companions(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn file_of(config: &StoreConfig) -> Result<PathBuf, Fault> {
    connect::sqlite_path(config)?.ok_or_else(|| {
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::BACKUP_UNUSABLE,
            "this database is PostgreSQL: take and put back its backups with pg_dump and pg_restore",
        )
    })
}

fn remove_if_there(path: &Path) -> Result<(), Fault> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(unusable(path, &error.to_string()).with_source(error))
        }
        _ => Ok(()),
    }
}

fn copy_durably(from: &Path, to: &Path) -> Result<(), Fault> {
    let copied = std::fs::copy(from, to)
        .and_then(|_| std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600)))
        .and_then(|()| File::open(to)?.sync_all());
    copied.map_err(|error| unusable(to, &error.to_string()).with_source(error))
}

/// Gives a file its name, through to the disk.
fn move_durably(from: &Path, to: &Path) -> Result<(), Fault> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let moved = File::open(from)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(from, to))
        .and_then(|()| File::open(folder.unwrap_or(Path::new(".")))?.sync_all());
    moved.map_err(|error| unusable(to, &error.to_string()).with_source(error))
}

fn unusable(path: &Path, why: &str) -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::BACKUP_UNUSABLE,
        format!("{} {why}", path.display()),
    )
}
