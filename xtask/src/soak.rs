//! `cargo xtask soak load`: many records over loopback from a primary to a satellite that starts empty. Resident memory
//! of each process must stay under its limit all the while (the kernel keeps the peak); the speed is shown.

use std::time::Duration;

use clap::{Args, Subcommand};
use supplysync_api::v1::MasterDataKind;
use supplysync_tests::{
    Binaries, Client, Memory, Network, Outcome, differences, eventually, generated_names,
};
use tokio::time::Instant;

use crate::workspace;

/// What to run.
#[derive(Subcommand)]
pub enum Soak {
    /// Load a new satellite, and the live one beside it.
    Load(Load),
}

/// How much.
#[derive(Args)]
pub struct Load {
    /// Records to load.
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// The most resident memory that a process may have, in megabytes (10^6 bytes).
    #[arg(long, default_value_t = 150)]
    megabytes: u64,
}

/// Records in one import.
const IMPORT: u64 = 5_000;
const MASTER: &str = "master";
/// The satellite that is connected from the beginning, and the one that comes when everything is there.
const LIVE: u16 = 2;
const NEW: u16 = 3;

/// Runs it; fails above the limit.
pub fn run(soak: &Soak) -> Outcome<()> {
    let Soak::Load(load) = soak;
    workspace::build_programs()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            result = run_load(load) => result,
            _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        }
    })
}

async fn run_load(load: &Load) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut network = Network::start(Binaries::beside_this_program()?, folder.path(), "Soak").await?;
    network.add_satellite(LIVE, "Live satellite").await?;
    let primary = network.primary().client().await?;
    let before = primary.records(MASTER).await?;
    let limit = Duration::from_secs(60 + load.records / 500);

    let started = Instant::now();
    let mut first = 1;
    while first <= load.records {
        let count = IMPORT.min(load.records - first + 1);
        let names = generated_names(usize::try_from(first)?, usize::try_from(count)?);
        primary.import_all(vec![(MasterDataKind::Name, names)]).await?;
        first += count;
    }
    let total = primary.records(MASTER).await?;
    if total < before + load.records {
        return Err(format!("{total} records on the primary, not {}", before + load.records).into());
    }
    rate("imported into the primary", load.records, started);
    let live = network.satellite(LIVE)?.client().await?;
    arrived(&primary, &live, total, limit).await?;
    rate("imported, and on the live satellite", load.records, started);

    let url = network.primary().url();
    let mut new = network.set_up_satellite(NEW, "New satellite", url).await?;
    let started = Instant::now();
    new.start().await?;
    arrived(&primary, &new.client().await?, total, limit).await?;
    rate(
        "loaded by a new satellite, its start included",
        load.records,
        started,
    );

    let mut over = Vec::new();
    for site in network.sites().chain([&new]) {
        let Memory { resident, peak } = site.memory()?;
        println!(
            "{:16} {:>5.1} MB at most, {:>5.1} MB now",
            site.name(),
            megabytes(peak),
            megabytes(resident)
        );
        if peak > load.megabytes * 1_000_000 {
            over.push(site.name().to_owned());
        }
    }
    new.stop().await?;
    network.stop().await?;
    if over.is_empty() {
        Ok(())
    } else {
        Err(format!("more than {} MB: {}", load.megabytes, over.join(", ")).into())
    }
}

/// Waits until a satellite has everything and equals the primary.
async fn arrived(primary: &Client, satellite: &Client, total: u64, limit: Duration) -> Outcome<()> {
    eventually(
        "everything to arrive, equal to the primary's",
        limit,
        || async move {
            if satellite.records(MASTER).await? < total {
                return Ok(None);
            }
            Ok(differences(primary, satellite).await?.is_empty().then_some(()))
        },
    )
    .await
}

fn rate(what: &str, records: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{records} records {what}: {seconds:.1} s, {:.0} records/s",
        records as f64 / seconds.max(f64::EPSILON)
    );
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
