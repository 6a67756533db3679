//! P2, P4 and P5 against power cuts: a satellite killed at random points of a load always goes on from where it was, and
//! ends equal to the primary.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use supplysync_api::v1::{ChannelPhase, ChannelStatus, MasterDataKind};
use supplysync_model::Random as _;
use supplysync_runtime::SystemRandom;
use supplysync_tests::{Client, Outcome, Site, differences, eventually, generated_names, turns, within};
use tokio::time::Duration;

use crate::world::World;

const RECORDS: u64 = 20_000;
const KILLS: u32 = 20;
/// Kills of one load: more would leave too little of it to be cut in the middle.
const KILLS_A_LOAD: u32 = 5;
/// No life takes more than this part of a load, so that most kills are in the middle of it.
const STRIDES: u64 = 4;
/// What may have moved while it was loaded, and so come again when it is followed: the sites registered meanwhile.
const MOVED: u64 = 100;
const MASTER: &str = "master";
const ARRIVAL: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_satellite_killed_at_20_random_points_of_a_load_ends_equal_without_starting_over() {
    let seed = SystemRandom.u64();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut world = World::with_primary().await;
    let primary = world.network.primary().client().await.unwrap();
    let names = generated_names(1, usize::try_from(RECORDS).unwrap());
    primary
        .import_all(vec![(MasterDataKind::Name, names)])
        .await
        .unwrap();
    let (mut killed, mut in_the_middle) = (0, 0);
    let mut sync_id = 2;
    while killed < KILLS {
        let url = world.network.primary().url();
        let site = world
            .network
            .set_up_satellite(sync_id, &format!("Victim {sync_id}"), url)
            .await
            .unwrap();
        // Each site that is registered is a record, too.
        let total = primary.records(MASTER).await.unwrap();
        let mut victim = Victim {
            site,
            progress: Progress::default(),
        };
        for _ in 0..KILLS_A_LOAD.min(KILLS - killed) {
            let records = victim.live_until_killed(total, &mut random).await.unwrap();
            killed += 1;
            in_the_middle += u32::from(0 < records && records < total);
        }
        victim.ends_equal(&primary, total).await.unwrap();
        sync_id += 1;
    }
    // A fast machine may finish a load between two looks, but not most of the time.
    assert!(
        in_the_middle >= KILLS / 2,
        "only {in_the_middle} of {KILLS} kills were in the middle of a load"
    );
    println!(
        "{killed} kills in {} loads, {in_the_middle} of them in the middle",
        sync_id - 2
    );
}

struct Victim {
    site: Site,
    progress: Progress,
}

/// How far the satellite has come, over all its lives.
#[derive(Debug, Default)]
struct Progress {
    records: u64,
    phase: i32,
    /// Its own feed.
    head: u64,
}

impl Victim {
    /// One life: from the start until a random moment after a random number of records. Returns what was seen last.
    async fn live_until_killed(&mut self, total: u64, random: &mut StdRng) -> Outcome<u64> {
        self.site.start().await?;
        let client = self.site.client().await?;
        let most = total.min(self.progress.records + total / STRIDES);
        let target = random.random_range(self.progress.records.min(most)..=most);
        let progress = &mut self.progress;
        let reached = async {
            loop {
                progress.observe(&client).await?;
                if progress.records >= target {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        };
        within("the load to come to the point of the next kill", ARRIVAL, reached).await?;
        // Anywhere in the batch that is on its way, too.
        turns(random.random_range(0..30_000)).await;
        self.site.kill().await?;
        Ok(self.progress.records)
    }

    /// Records that came in batches, over all lives, those that were there already included.
    fn received(&self) -> Outcome<u64> {
        let applied = self.site.logged("batch applied")?;
        let count = |line: &serde_json::Value, field: &str| line[field].as_u64().unwrap_or_default();
        Ok(applied
            .iter()
            .map(|line| count(line, "applied") + count(line, "duplicates"))
            .sum())
    }

    async fn ends_equal(&mut self, primary: &Client, total: u64) -> Outcome<()> {
        self.site.start().await?;
        let client = self.site.client().await?;
        self.progress.observe(&client).await?;
        let copy = &client;
        eventually("the load to end", ARRIVAL, || async move {
            Ok((copy.records(MASTER).await? >= total).then_some(()))
        })
        .await?;
        eventually(
            "the satellite to be equal to the primary",
            ARRIVAL,
            || async move {
                match differences(primary, copy).await?.as_slice() {
                    [] => Ok(Some(())),
                    some => Err(some.join("; ").into()),
                }
            },
        )
        .await?;
        self.site.stop().await?;
        let received = self.received()?;
        if received > total + MOVED {
            return Err(format!("{received} records were received for {total}: it has started over").into());
        }
        Ok(())
    }
}

impl Progress {
    /// Looks, and fails if anything has gone back since the last look, in this life or the one before.
    async fn observe(&mut self, client: &Client) -> Outcome<()> {
        let status = client.status().await?;
        let channels: BTreeMap<String, ChannelStatus> = status
            .peers
            .into_iter()
            .flat_map(|peer| peer.channels)
            .map(|channel| (channel.channel.clone(), channel))
            .collect();
        let Some(master) = channels.get(MASTER) else {
            if self.records > 0 {
                return Err(format!("the cursor is gone after {} records", self.records).into());
            }
            return Ok(());
        };
        let now = Progress {
            records: master.records_done,
            phase: master.phase,
            head: status.head_seq,
        };
        if now.records < self.records || now.phase < self.phase || now.head < self.head {
            return Err(format!("it went back: {now:?} after {self:?}").into());
        }
        let known = [ChannelPhase::Loading, ChannelPhase::Following];
        assert!(known.contains(&master.phase()), "{master:?}");
        *self = now;
        Ok(())
    }
}
