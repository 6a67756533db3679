//! What every process test begins with: a folder, and a network in it.

use std::sync::OnceLock;

use supplysync_tests::{Binaries, Finished, Network, Site, TestDatabase, run};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Duration;

/// Longer than any command may take, on a busy machine too.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// `postgres`: the primary's database is on the server that `SUPPLYSYNC_TEST_POSTGRES` names, in a database of its own.
const PRIMARY: &str = "SUPPLYSYNC_TEST_PRIMARY";

/// Networks at one time: each is several servers, and the machine may be small.
const TOGETHER: usize = 2;

static TURNS: OnceLock<Semaphore> = OnceLock::new();

/// A network that is gone when this is.
pub struct World {
    /// The network.
    pub network: Network,
    /// Its folder; after the network, so that the processes are gone before their files.
    pub folder: TempDir,
    _database: Option<TestDatabase>,
    _turn: SemaphorePermit<'static>,
}

impl World {
    /// A primary that serves.
    pub async fn with_primary() -> World {
        World::of(Binaries::beside_this_program().unwrap()).await
    }

    /// The same on SQLite whatever is asked for: the test is about the file.
    pub async fn with_primary_on_a_file() -> World {
        World::begin(Binaries::beside_this_program().unwrap(), None).await
    }

    /// The same with programs of the caller's choice.
    pub async fn of(binaries: Binaries) -> World {
        let database = match std::env::var(PRIMARY).as_deref() {
            Ok("postgres") => {
                let server = std::env::var("SUPPLYSYNC_TEST_POSTGRES").expect("no PostgreSQL is named");
                Some(TestDatabase::create(&server).await.unwrap())
            }
            Ok(other) => panic!("{PRIMARY} is {other:?}: leave it out, or write postgres"),
            Err(_) => None,
        };
        World::begin(binaries, database).await
    }

    async fn begin(binaries: Binaries, database: Option<TestDatabase>) -> World {
        let turn = turn().await;
        let folder = tempfile::tempdir().unwrap();
        let settings: Vec<_> = database
            .iter()
            .map(|database| ("SUPPLYSYNC_DATABASE__URL", database.url()))
            .collect();
        let network = Network::start_with(binaries, folder.path(), "Head office", &settings)
            .await
            .unwrap();
        World {
            network,
            folder,
            _database: database,
            _turn: turn,
        }
    }

    /// A primary and one satellite, number 2, that serve.
    pub async fn with_satellite() -> World {
        World::with_primary().await.and_satellite().await
    }

    /// The same, the primary on SQLite whatever is asked for.
    pub async fn with_satellite_on_a_file() -> World {
        World::with_primary_on_a_file().await.and_satellite().await
    }

    async fn and_satellite(mut self) -> World {
        self.network.add_satellite(2, "Northern clinic").await.unwrap();
        self
    }
}

/// Waits until another network may be run; held as long as it runs.
pub async fn turn() -> SemaphorePermit<'static> {
    let turns = TURNS.get_or_init(|| Semaphore::new(TOGETHER));
    turns.acquire().await.unwrap()
}

/// Runs `serve`, which is expected to refuse, and returns what it said.
pub async fn refusal(mut serve: Command) -> Finished {
    serve.arg("serve");
    let finished = run(serve, COMMAND_LIMIT).await.unwrap();
    assert_ne!(finished.code, Some(0), "it served: {finished:?}");
    assert!(finished.code.is_some(), "a signal ended it: {finished:?}");
    assert!(!finished.stderr.contains("panicked"), "it panicked: {finished:?}");
    finished
}

/// All that a refused start said, on both streams: what is logged goes to one, what is told to the other.
pub fn words(finished: &Finished) -> String {
    format!("{}{}", finished.stdout, finished.stderr)
}

/// Bytes of a site's database.
pub fn database(site: &Site) -> std::path::PathBuf {
    let files = std::fs::read_dir(site.folder()).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|end| end == "db"))
        .expect("no database in the data directory")
}
