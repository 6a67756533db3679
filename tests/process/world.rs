//! What every process test begins with: a folder, and a network in it.

use std::sync::OnceLock;

use supplysync_tests::{Binaries, Finished, Network, Site, run};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Duration;

/// Longer than any command may take, on a busy machine too.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Networks at one time: each is several servers, and the machine may be small.
const TOGETHER: usize = 2;

static TURNS: OnceLock<Semaphore> = OnceLock::new();

/// A network that is gone when this is.
pub struct World {
    /// The network.
    pub network: Network,
    /// Its folder; after the network, so that the processes are gone before their files.
    pub folder: TempDir,
    _turn: SemaphorePermit<'static>,
}

impl World {
    /// A primary that serves.
    pub async fn with_primary() -> World {
        World::of(Binaries::beside_this_program().unwrap()).await
    }

    /// The same with programs of the caller's choice.
    pub async fn of(binaries: Binaries) -> World {
        let turn = turn().await;
        let folder = tempfile::tempdir().unwrap();
        let network = Network::start(binaries, folder.path(), "Head office")
            .await
            .unwrap();
        World {
            network,
            folder,
            _turn: turn,
        }
    }

    /// A primary and one satellite, number 2, that serve.
    pub async fn with_satellite() -> World {
        let mut world = World::with_primary().await;
        world.network.add_satellite(2, "Northern clinic").await.unwrap();
        world
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
