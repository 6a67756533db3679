//! `cargo xtask fault`: rounds of real faults on the real programs, as many as are wanted, with progress, and at the end how
//! often each fault has really happened. A round that fails says its seed.

use clap::{Args, ValueEnum};
use supplysync_model::Random as _;
use supplysync_runtime::SystemRandom;
use supplysync_tests::Outcome;
use supplysync_tests::fault::{
    Database, Round, Tally, database_restarts, failing_disk, foul_weather, full_disk, kills, packet_loss,
    rolling, silent_link,
};
use tokio::time::Instant;

use crate::workspace;

/// How much, and of what.
#[derive(Args)]
pub struct Arguments {
    /// Rounds; each has every kind of fault once.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// The seed of the first round; those that follow count on from it. Without one: random.
    #[arg(long)]
    seed: Option<u64>,
    /// Only these kinds.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Kills of each program in a round of kills.
    #[arg(long, default_value_t = 25)]
    kills: u32,
    /// Rolling restarts in a round of them, in each of both primaries, one after the other; and restarts of PostgreSQL of each kind.
    #[arg(long, default_value_t = 4)]
    restarts: u32,
    /// Faults of each kind in a round on a foul link, at least.
    #[arg(long, default_value_t = 8)]
    faults: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Delays, stalls, ends in the middle, resets, half-open connections.
    Link,
    /// A link that falls silent for ever.
    Silence,
    /// SIGKILL of both programs.
    Kills,
    /// Rolling restarts of two primaries on one PostgreSQL.
    Rolling,
    /// Restarts of PostgreSQL under two primaries, in order and as by a crash.
    Database,
    /// A full disk.
    Full,
    /// A disk whose syncs and writes fail.
    Disk,
    /// Packets that are lost.
    Loss,
}

impl Kind {
    const fn title(self) -> &'static str {
        match self {
            Kind::Link => "foul link",
            Kind::Silence => "silent link",
            Kind::Kills => "kills",
            Kind::Rolling => "rolling restarts",
            Kind::Database => "restarts of PostgreSQL",
            Kind::Full => "full disk",
            Kind::Disk => "failing disk",
            Kind::Loss => "packet loss",
        }
    }
}

/// Runs them; fails at the first round that does.
pub fn run(arguments: &Arguments) -> Outcome<()> {
    workspace::build_programs()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut tally = Tally::default();
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = rounds(arguments, &mut tally) => ended,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    });
    println!("What happened:\n{tally}");
    ended
}

async fn rounds(arguments: &Arguments, tally: &mut Tally) -> Outcome<()> {
    let first = arguments.seed.unwrap_or_else(|| SystemRandom.u64());
    let databases: Vec<Database> = std::iter::once(Database::Sqlite)
        .chain(Database::postgres_in_environment())
        .collect();
    if databases.len() == 1 {
        let why = "SUPPLYSYNC_TEST_POSTGRES is not set".to_owned();
        tally.merge(&Round::Skipped(why).told("a primary on PostgreSQL"));
    }
    let started = Instant::now();
    for number in 0..arguments.rounds {
        let seed = first.wrapping_add(number);
        for kind in Kind::value_variants() {
            if !arguments.only.is_empty() && !arguments.only.contains(kind) {
                continue;
            }
            for database in &databases {
                // Disks and packets are the satellite's, or the same for every database.
                let once = matches!(kind, Kind::Full | Kind::Disk | Kind::Loss);
                // Two primaries share a PostgreSQL only.
                let other = match kind {
                    Kind::Rolling | Kind::Database => *database == Database::Sqlite,
                    _ => once && *database != Database::Sqlite,
                };
                if other {
                    continue;
                }
                let round = match kind {
                    Kind::Link => foul_weather(database, seed, arguments.faults).await,
                    Kind::Silence => silent_link(database, seed).await,
                    Kind::Kills => kills(database, seed, arguments.kills).await,
                    Kind::Rolling => rolling(database, seed, arguments.restarts).await,
                    Kind::Database => database_restarts(seed, arguments.restarts).await,
                    Kind::Full => full_disk(seed).await,
                    Kind::Disk => failing_disk(seed).await,
                    Kind::Loss => packet_loss(seed).await,
                };
                let (title, name) = (kind.title(), database.name());
                let round =
                    round.map_err(|trouble| format!("{title}, primary on {name}, seed {seed}: {trouble}"))?;
                tally.merge(&round.told(title));
                println!(
                    "round {} of {}, {:>6.0} s: {title}, primary on {name}: all is well",
                    number + 1,
                    arguments.rounds,
                    started.elapsed().as_secs_f64()
                );
            }
        }
    }
    Ok(())
}
