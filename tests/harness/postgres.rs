//! A database of its own on a PostgreSQL server that runs already: made and dropped with `psql`, as the library for it is
//! the store's alone.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    /// Dropped already.
    gone: bool,
}

impl TestDatabase {
    /// Makes an empty one; `server` is the URL of any database there.
    pub async fn create(server: &str) -> Outcome<TestDatabase> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("supplysync_test_{}_{number}", std::process::id());
        let (base, _) = server
            .rsplit_once('/')
            .ok_or_else(|| format!("{server:?} names no database"))?;
        let database = TestDatabase {
            server: server.to_owned(),
            url: format!("{base}/{name}"),
            name,
            gone: false,
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
    pub async fn drop(mut self) -> Outcome<()> {
        self.gone = true;
        self.say(&self.farewell()).await
    }

    fn farewell(&self) -> String {
        format!("DROP DATABASE {} WITH (FORCE)", self.name)
    }

    async fn say(&self, statement: &str) -> Outcome<()> {
        run(self.telling(statement)?.into(), LIMIT)
            .await?
            .success()
            .map(drop)
    }

    fn telling(&self, statement: &str) -> Outcome<std::process::Command> {
        let mut psql = std::process::Command::new(psql()?);
        psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--command", statement, &self.server]);
        Ok(psql)
    }
}

/// A test that failed leaves nothing behind either.
impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        if let Ok(mut psql) = self.telling(&self.farewell()) {
            let _ = psql.status();
        }
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
