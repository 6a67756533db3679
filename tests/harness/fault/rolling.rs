//! Rounds of rolling restarts: two primaries on one PostgreSQL, each asked to end in order and started again, one after the
//! other, while changes go through both and through a satellite that dials whichever is there.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use super::ground::{ARRIVAL, Database, Ground, dial_on, while_writing};
use super::writer::{Pulse, Writer};
use super::{Round, Tally};
use crate::{Client, Outcome, Site, eventually, prove_equal, turns};

/// Calls that each writer has answered between two restarts, at the most.
const CALLS: u64 = 20;
/// Where in a call and in a batch a restart begins.
const TURNS: u32 = 20_000;

/// A round with so many rolling restarts: in each, both primaries are restarted.
pub async fn rolling(database: &Database, seed: u64, restarts: u32) -> Outcome<Round> {
    let mut ground = Ground::prepare_replicated(database, seed).await?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let pulses = <[Pulse; 3]>::default();
    let second = ground.network.replica()?.client().await?;
    let [head, north] = ground.writers(seed).await?;
    let also_head = Writer::new(&second, "HEAD", true, seed ^ 2).await?;
    let satellite = ground.satellite.clone();
    let story = async {
        for _ in 0..restarts {
            for number in 0..2 {
                worked_on(&pulses, &mut random).await?;
                let site = match number {
                    0 => ground.network.primary(),
                    _ => ground.network.replica()?,
                };
                let began = Instant::now();
                let asked = pulses[number].asking();
                restart(site, &satellite).await?;
                tally.add("restarts of a primary", 1);
                tally.add("restarts of a primary: with a call unanswered", asked.into());
                tally.add(
                    "restarts of a primary: milliseconds until it was ready again",
                    u64::try_from(began.elapsed().as_millis())?,
                );
            }
            tally.add("rolling restarts", 1);
        }
        worked_on(&pulses, &mut random).await
    };
    let ((), written) = while_writing([head, also_head, north], &pulses, story).await?;
    ground.prove(&written, &mut tally).await?;
    // And as the other server tells it.
    prove_equal(&second, &ground.satellite, ARRIVAL).await?;
    for written in &written {
        written.is_at(&second, "the second primary").await?;
    }
    count_batches(&mut ground, &mut tally)?;
    ground.end(tally).await
}

/// Waits until every writer has been answered a while since.
pub(super) async fn worked_on(pulses: &[Pulse; 3], random: &mut StdRng) -> Outcome<()> {
    let targets = pulses
        .each_ref()
        .map(|pulse| pulse.acknowledged() + random.random_range(1..=CALLS));
    eventually("all three to answer until the next restart", ARRIVAL, || async {
        let mut reached = pulses.iter().zip(targets);
        Ok(reached
            .all(|(pulse, target)| pulse.acknowledged() >= target)
            .then_some(()))
    })
    .await?;
    turns(random.random_range(0..TURNS)).await;
    Ok(())
}

/// Its end must be in order, as SIGTERM asks for.
async fn restart(site: &mut Site, satellite: &Client) -> Outcome<()> {
    let restarted = async {
        site.stop().await?;
        site.start().await
    };
    tokio::select! {
        restarted = restarted => restarted,
        () = dial_on(satellite) => Ok(()),
    }
}

/// Both really took part.
fn count_batches(ground: &mut Ground, tally: &mut Tally) -> Outcome<()> {
    for (name, number) in [("first", 0), ("second", 1)] {
        let site = match number {
            0 => ground.network.primary(),
            _ => ground.network.replica()?,
        };
        let batches = site.logged("batch applied")?.len() as u64;
        if batches == 0 {
            return Err(format!("the satellite sent nothing through the {name} primary").into());
        }
        tally.add(format!("batches that came through the {name} primary"), batches);
    }
    Ok(())
}
