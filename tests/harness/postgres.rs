//! A database of its own on a PostgreSQL server that runs already: made and dropped with `psql`, as the library for it is
//! the store's alone.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::process::Command;

use crate::{Outcome, run};

/// How long making a database may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Debian keeps the server's programs there, one folder for each version, and the client not always in the path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Numbers the databases of this process.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The database.
pub struct TestDatabase {
    server: String,
    name: String,
    url: String,
}

impl TestDatabase {
    /// Makes an empty one; `server` is the URL of any database there.
    pub async fn create(server: &str) -> Outcome<TestDatabase> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("supplysync_fault_{}_{number}", std::process::id());
        let (base, _) = server
            .rsplit_once('/')
            .ok_or_else(|| format!("{server:?} names no database"))?;
        let database = TestDatabase {
            server: server.to_owned(),
            url: format!("{base}/{name}"),
            name,
        };
        database.make().await?;
        Ok(database)
    }

    async fn make(&self) -> Outcome<()> {
        let name = &self.name;
        self.say(&format!("DROP DATABASE IF EXISTS {name}")).await?;
        self.say(&format!("CREATE DATABASE {name}")).await
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Drops it, whoever is connected still.
    pub async fn drop(self) -> Outcome<()> {
        self.say(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await
    }

    async fn say(&self, statement: &str) -> Outcome<()> {
        let mut psql = Command::new(psql()?);
        psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--command", statement, &self.server]);
        run(psql, LIMIT).await?.success().map(drop)
    }
}

fn psql() -> Outcome<PathBuf> {
    Ok(holding("psql")?.join("psql"))
}

/// The folder with the server's programs.
pub(crate) fn programs() -> Outcome<PathBuf> {
    holding("initdb")
}

fn holding(program: &str) -> Outcome<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(DEBIAN)
        .map(|versions| versions.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    // The newest first.
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&path));
    let found = folders.into_iter().find(|folder| folder.join(program).is_file());
    found.ok_or_else(|| format!("there is no {program} here: install PostgreSQL").into())
}
