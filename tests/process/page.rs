//! The specification's page, sentence by sentence, as an administrator goes through it: with the real programs, by the
//! command line and the API. Every assertion carries the sentence that it is about. What begins each test is here.

mod lists;
mod lock;
mod parameters;
mod preferences;

use std::fmt::Debug;
use std::future::Future;

use serde_json::Value;
use supplysync_tests::{Client, Finished, Outcome, Site, eventually, run};
use tokio::process::Command;
use tokio::time::Duration;

use crate::joining::{join, operator};
use crate::shelves;
use crate::world::{COMMAND_LIMIT, World};

const LIMIT: Duration = Duration::from_secs(60);

/// A head office with the catalogue and the store `HEAD`, and the clinics 2 (store `NORTH`) and 3 (none).
struct Country {
    world: World,
    north: Site,
    east: Site,
}

impl Country {
    async fn new() -> Country {
        let mut world = World::with_primary().await;
        shelves::import(&world.network.primary().client().await.unwrap()).await;
        let unlocked = ["stores", "assign", "HEAD", "--site", "1"];
        world.network.unlocked(&unlocked).await.unwrap();
        let north = ["--name", "Northern clinic", "--store", "NORTH"];
        let north = satellite(&world, 2, &north, &[]).await;
        let east = satellite(&world, 3, &["--name", "Eastern clinic"], &[]).await;
        Country { world, north, east }
    }

    async fn primary(&mut self) -> Client {
        self.world.network.primary().client().await.unwrap()
    }

    async fn stop(mut self) {
        for mut site in [self.north, self.east] {
            site.stop().await.unwrap();
        }
        self.world.network.stop().await.unwrap();
    }
}

/// Registers a satellite, lets it join and starts it, with settings of its own.
async fn satellite(world: &World, sync_id: u16, registered: &[&str], settings: &[(&str, &str)]) -> Site {
    let number = sync_id.to_string();
    let add = [&["sites", "add", &number], registered].concat();
    let added = world.network.unlocked(&add).await.unwrap();
    let mut satellite = world.network.new_satellite(sync_id, registered[1]).unwrap();
    let token = added["join_token"].as_str().expect("no join token");
    join(world, &satellite, token).await.success().unwrap();
    operator(&world.network, &satellite).await;
    for (variable, value) in settings {
        satellite.set(variable, value);
    }
    satellite.start().await.unwrap();
    satellite
}

/// Types a command of a site.
pub async fn typed(mut command: Command, arguments: &[&str]) -> Finished {
    command.args(arguments).args(["--output", "json"]);
    run(command, COMMAND_LIMIT).await.unwrap()
}

/// What a command shows that is meant to work.
pub async fn shown(command: Command, arguments: &[&str]) -> Value {
    let said = typed(command, arguments).await.success().unwrap();
    serde_json::from_str(&said).expect("no JSON")
}

/// The refusal of a command: its reason, and the fields that are wrong.
pub fn refusal(finished: &Finished) -> (String, Vec<String>) {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let told: Value = serde_json::from_str(&finished.stderr).expect("no JSON");
    let violations = told["error"]["violations"].as_array();
    let fields = violations.into_iter().flatten().map(|wrong| &wrong["field"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&told["error"]["reason"]), fields.map(text).collect())
}

/// Looks until a sentence holds.
async fn holds<F, L>(sentence: &str, look: L)
where
    F: Future<Output = Outcome<bool>>,
    L: Fn() -> F,
{
    let looked = eventually(sentence, LIMIT, || {
        let look = look();
        async move { Ok(look.await?.then_some(())) }
    });
    looked.await.unwrap();
}

/// All that is the same, for a sentence that says that nothing is changed.
#[track_caller]
fn unchanged<T: PartialEq + Debug>(sentence: &str, before: &T, after: &T) {
    assert_eq!(before, after, "{sentence}");
}
