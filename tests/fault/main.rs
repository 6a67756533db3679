//! Real faults on real processes, in short: each round once. `cargo xtask fault` runs as many as are wanted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is test code, also what is outside test functions"
)]

use std::io::Write as _;
use std::sync::OnceLock;

use supplysync_model::Random as _;
use supplysync_runtime::SystemRandom;
use supplysync_tests::fault::{
    Database, Round, Tally, Victim, database_restarts, failing_disk, foul_weather, full_disk, kills,
    packet_loss, rolling, silent_link,
};
use supplysync_tests::{LinkFault, Outcome};
use tokio::sync::Semaphore;

/// Rounds at one time: each is several processes, and the machine may be small.
const TOGETHER: usize = 2;
/// Faults of each kind in a foul round, at least.
const EACH_FAULT: u64 = 2;
/// Kills of each program in a round.
const EACH_KILL: u32 = 8;
/// Rolling restarts in a round.
const RESTARTS: u32 = 2;

static TURNS: OnceLock<Semaphore> = OnceLock::new();

/// Runs a round from a seed that is shown, and says what happened in it.
async fn round(name: &str, round: impl AsyncFnOnce(u64) -> Outcome<Round>) -> Tally {
    let _turn = TURNS
        .get_or_init(|| Semaphore::new(TOGETHER))
        .acquire()
        .await
        .unwrap();
    let seed = SystemRandom.u64();
    let ended = round(seed).await;
    let tally = ended.unwrap_or_else(|trouble| panic!("{name}, seed {seed}: {trouble}"));
    let tally = tally.told(name);
    println!("{name}, seed {seed}:\n{tally}");
    tally
}

/// SQLite, and PostgreSQL where there is a server; where there is none, that is said.
fn databases() -> Vec<Database> {
    let postgres = Database::postgres_in_environment();
    if postgres.is_none() {
        let missing =
            "\n!!! SKIPPED: faults with a primary on PostgreSQL: SUPPLYSYNC_TEST_POSTGRES is not set !!!\n";
        let _ = writeln!(std::io::stderr(), "{missing}");
    }
    std::iter::once(Database::Sqlite).chain(postgres).collect()
}

#[tokio::test]
async fn on_a_foul_link_everything_arrives_once_and_whole() {
    let tally = round("foul link", async |seed| {
        foul_weather(&Database::Sqlite, seed, EACH_FAULT).await
    })
    .await;
    for fault in LinkFault::ALL {
        assert!(tally.count(&format!("links {fault}")) >= EACH_FAULT, "{tally}");
    }
}

#[tokio::test]
async fn a_link_that_falls_silent_is_noticed_by_both_ends() {
    round("silent link", async |seed| {
        silent_link(&Database::Sqlite, seed).await
    })
    .await;
}

#[tokio::test]
async fn kills_at_random_points_of_both_programs_lose_nothing() {
    for database in databases() {
        let tally = round("kills", async |seed| kills(&database, seed, EACH_KILL).await).await;
        for victim in Victim::BOTH {
            assert_eq!(tally.count(&victim.title(&database)), u64::from(EACH_KILL));
        }
    }
}

#[tokio::test]
async fn rolling_restarts_of_two_primaries_lose_nothing() {
    for database in databases() {
        if database != Database::Sqlite {
            round("rolling restarts", async |seed| {
                rolling(&database, seed, RESTARTS).await
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_database_that_restarts_in_the_middle_loses_nothing() {
    if databases().len() > 1 {
        round("restarts of PostgreSQL", async |seed| {
            database_restarts(seed, RESTARTS).await
        })
        .await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_plainly_loses_nothing_and_heals() {
    round("full disk", full_disk).await;
}

#[tokio::test]
async fn a_disk_that_fails_acknowledges_nothing_and_stops_the_program() {
    round("failing disk", failing_disk).await;
}

#[tokio::test]
async fn lost_packets_and_dark_links_delay_and_lose_nothing() {
    round("packet loss", packet_loss).await;
}
