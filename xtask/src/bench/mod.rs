//! `cargo xtask bench apply`: records per second applied durably into a satellite's store, against the yardstick,
//! interleaved batch by batch on one machine so that both meet the same disk and the same neighbours.

mod compare;
mod master;
mod sides;
mod workload;
mod yardstick;

use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use supplysync_tests::Outcome;

use sides::{Pair, Times};
use workload::Workload;

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// Applying batches into the embedded database.
    Apply(Apply),
}

/// How thoroughly.
#[derive(Args)]
pub struct Apply {
    /// Few records, one round: checks that the data are right, and no times.
    #[arg(long)]
    quick: bool,
    /// Stock lines a round.
    #[arg(long, default_value_t = 50_000)]
    lines: usize,
    /// Rounds; the medians are shown.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
}

/// The scenarios, with the ratio that each must reach.
const SCENARIOS: [(&str, Option<f64>); 3] = [
    ("inserts in key order", Some(0.45)),
    ("shuffled updates", Some(0.6)),
    ("shuffled inserts", None),
];

const QUICK_LINES: usize = 6_000;

/// Measures; fails if the two sides end with different data, or (unless quick) below a ratio.
pub fn run(bench: &Bench) -> Outcome<()> {
    let Bench::Apply(apply) = bench;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(apply))
}

async fn measure(apply: &Apply) -> Outcome<()> {
    let (lines, rounds) = if apply.quick {
        (QUICK_LINES, 1)
    } else {
        (apply.lines, apply.rounds)
    };
    let mut times: [Vec<Times>; 3] = Default::default();
    for round in 0..rounds {
        for (seen, new) in times.iter_mut().zip(one_round(round, lines).await?) {
            seen.push(new);
        }
    }
    println!("Both sides hold equal records, projections, digests, cursors and heads.");
    if apply.quick {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY);
    table.set_header([
        "scenario",
        "store, records/s",
        "yardstick, records/s",
        "ratio",
        "at least",
    ]);
    let mut short = Vec::new();
    for ((name, least), times) in SCENARIOS.into_iter().zip(&times) {
        let ratio = median(times.iter().map(Times::ratio));
        if least.is_some_and(|least| ratio < least) {
            short.push(name);
        }
        table.add_row([
            name.to_owned(),
            format!("{:.0}", median(times.iter().map(|times| times.rate(times.store)))),
            format!(
                "{:.0}",
                median(times.iter().map(|times| times.rate(times.yardstick)))
            ),
            format!("{ratio:.2}"),
            least.map_or("(reported)".to_owned(), |least| format!("{least}")),
        ]);
    }
    println!("Medians of {rounds} rounds of {lines} stock lines, 2,500 a transaction:\n{table}");
    if short.is_empty() {
        Ok(())
    } else {
        Err(format!("below the ratio: {}", short.join(", ")).into())
    }
}

/// Every scenario once, on new databases.
async fn one_round(round: u64, lines: usize) -> Outcome<[Times; 3]> {
    let folder = tempfile::tempdir()?;

    let mut ordered = Pair::create(folder.path(), "ordered").await?;
    let mut workload = Workload::new(round, lines);
    let inserts = ordered.apply(workload.load()?).await?;
    ordered.compare(&workload)?;
    let updates = ordered.apply(workload.shuffled()?).await?;
    ordered.compare(&workload)?;
    ordered.close().await;

    let mut shuffled = Pair::create(folder.path(), "shuffled").await?;
    let mut workload = Workload::new(round + 1_000, lines);
    shuffled.apply(vec![workload.open()]).await?;
    let random = shuffled.apply(workload.shuffled()?).await?;
    shuffled.compare(&workload)?;
    shuffled.close().await;
    Ok([inserts, updates, random])
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
