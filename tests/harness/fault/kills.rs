//! Rounds of SIGKILL, which to a process is what a power cut is: at random points of both programs, while both write and
//! both send and receive.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::ground::{ARRIVAL, Database, Ground, SATELLITE, dial_on, while_writing};
use super::writer::Pulse;
use super::{Round, Tally};
use crate::{Outcome, Site, eventually, turns};

/// Calls that a life answers before it ends, at most; those of the other site go on meanwhile.
const CALLS: u64 = 40;
/// Where in a call and in a batch it ends.
const TURNS: u32 = 20_000;
/// Lives that end before they have quite begun: one in so many.
const STILLBORN: u32 = 5;
/// How far such a start comes.
const START_MILLIS: u64 = 400;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The primary.
    Primary,
    /// The satellite.
    Satellite,
}

impl Victim {
    /// Both.
    pub const BOTH: [Victim; 2] = [Victim::Primary, Victim::Satellite];

    fn sync_id(self) -> u16 {
        match self {
            Victim::Primary => 1,
            Victim::Satellite => SATELLITE,
        }
    }

    /// What is counted of it in a [`Tally`].
    pub fn title(self, database: &Database) -> String {
        match self {
            Victim::Primary => format!("kills of the primary on {}", database.name()),
            Victim::Satellite => format!("kills of the satellite, primary on {}", database.name()),
        }
    }
}

/// A round with so many kills of each program.
pub async fn kills(database: &Database, seed: u64, each: u32) -> Outcome<Round> {
    let mut ground = Ground::prepare(database, seed).await?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let pulses = <[Pulse; 2]>::default();
    let writers = ground.writers(seed).await?;
    let satellite = ground.satellite.clone();
    let story = async {
        let mut left = Victim::BOTH.map(|victim| (victim, each));
        while left.iter().any(|(_, kills)| *kills > 0) {
            let (victim, kills) = &mut left[random.random_range(0..2)];
            if *kills > 0 {
                *kills -= 1;
                let pulse = &pulses[usize::from(*victim == Victim::Satellite)];
                let site = ground.site(victim.sync_id())?;
                let title = victim.title(database);
                let end = live_until_killed(site, pulse, &mut random, &mut tally, &title);
                tokio::select! {
                    end = end => end?,
                    () = dial_on(&satellite) => {}
                }
            }
        }
        Ok(())
    };
    let ((), written) = while_writing(writers, &pulses, story).await?;
    ground.prove(&written, &mut tally).await?;
    ground.end(tally).await
}

/// A site that runs works on for a while, is killed, and is started again.
async fn live_until_killed(
    site: &mut Site,
    pulse: &Pulse,
    random: &mut StdRng,
    tally: &mut Tally,
    title: &str,
) -> Outcome<()> {
    let lived = Exchanged::by(site)?;
    let target = pulse.acknowledged() + random.random_range(1..=CALLS);
    eventually("it to answer until the next kill", ARRIVAL, || async {
        Ok((pulse.acknowledged() >= target).then_some(()))
    })
    .await?;
    turns(random.random_range(0..TURNS)).await;
    let asked = pulse.asking();
    site.kill().await?;
    let now = Exchanged::by(site)?;
    tally.add(title, 1);
    tally.add(format!("{title}: with a call unanswered"), asked.into());
    tally.add(
        format!("{title}: of one that had received batches"),
        (now.received > lived.received).into(),
    );
    tally.add(
        format!("{title}: of one that had sent batches"),
        (now.sent > lived.sent).into(),
    );
    if random.random_ratio(1, STILLBORN) {
        let moment = Duration::from_millis(random.random_range(0..START_MILLIS));
        site.start_and_kill(moment).await?;
        tally.add(format!("{title}: once more while it started"), 1);
    }
    site.start().await
}

/// Batches over all lives, as the log has them.
struct Exchanged {
    received: usize,
    sent: usize,
}

impl Exchanged {
    fn by(site: &Site) -> Outcome<Exchanged> {
        Ok(Exchanged {
            received: site.logged("batch applied")?.len(),
            sent: site.logged("batch acknowledged")?.len(),
        })
    }
}
