//! Rounds in which PostgreSQL itself is restarted under two primaries, in order and as by a crash, while changes go through
//! both and through a satellite: what it had not committed is asked for again, and what it had is there once.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use super::ground::{ARRIVAL, Database, Ground, dial_on, while_writing};
use super::rolling::worked_on;
use super::writer::{Pulse, Writer};
use super::{Round, Tally};
use crate::{Outcome, PostgresServer, Stop, eventually};

/// A round with so many restarts of each kind.
pub async fn database_restarts(seed: u64, each: u32) -> Outcome<Round> {
    let folder = tempfile::tempdir()?;
    let mut server = PostgresServer::start(folder.path()).await?;
    let database = Database::Postgres(server.url("127.0.0.1"));
    let mut ground = Ground::prepare_replicated(&database, seed).await?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let pulses = <[Pulse; 3]>::default();
    let second = ground.network.replica()?.client().await?;
    let [head, north] = ground.writers(seed).await?;
    let also_head = Writer::new(&second, "HEAD", true, seed ^ 2).await?;
    let satellite = ground.satellite.clone();
    let head_office = [&pulses[0], &pulses[1]];
    let story = async {
        let mut left = [(Stop::Fast, each), (Stop::Immediate, each)];
        while left.iter().any(|(_, restarts)| *restarts > 0) {
            let (how, restarts) = &mut left[random.random_range(0..2)];
            if *restarts == 0 {
                continue;
            }
            *restarts -= 1;
            tokio::select! {
                worked = worked_on(&pulses, &mut random) => worked?,
                () = dial_on(&satellite) => {}
            }
            let asked = pulses[..2].iter().any(Pulse::asking);
            let began = Instant::now();
            server.restart(*how).await?;
            write_again(head_office).await?;
            let title = match how {
                Stop::Fast => "restarts of PostgreSQL in order",
                Stop::Immediate => "restarts of PostgreSQL as by a crash",
            };
            tally.add(title, 1);
            tally.add(format!("{title}: with a call unanswered"), asked.into());
            tally.add(
                format!("{title}: milliseconds until both primaries wrote again"),
                u64::try_from(began.elapsed().as_millis())?,
            );
        }
        tokio::select! {
            worked = worked_on(&pulses, &mut random) => worked,
            () = dial_on(&satellite) => Ok(()),
        }
    };
    let ((), written) = while_writing([head, also_head, north], &pulses, story).await?;
    let began = Instant::now();
    ground.prove(&written, &mut tally).await?;
    tally.add(
        "rounds of them: milliseconds until all was proven after the last",
        u64::try_from(began.elapsed().as_millis())?,
    );
    for written in &written {
        written.is_at(&second, "the second primary").await?;
    }
    ground.end(tally).await
}

/// Waits until each was answered with yes once more.
async fn write_again(pulses: [&Pulse; 2]) -> Outcome<()> {
    let before = pulses.map(Pulse::acknowledged);
    eventually("both primaries to write again", ARRIVAL, || async {
        let mut now = pulses.iter().zip(before);
        Ok(now
            .all(|(pulse, before)| pulse.acknowledged() > before)
            .then_some(()))
    })
    .await
}
