//! Two primaries on one PostgreSQL: what is committed through one reaches the satellites of the other at once, and a newer
//! session at one ends the older at the other, both of which would take up to ten seconds without notice; and each tells who
//! is connected to any.

use std::io::Write as _;
use std::time::Duration;

use supplysync_api::v1::{CreateUnitRequest, PeerState, PeerStatus, SyncNowRequest, Unit};
use supplysync_tests::{
    Binaries, Called, Certificate, Client, Network, Outcome, SessionAttempt, TestDatabase, eventually, within,
};
use tempfile::TempDir;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use crate::world;

const NORTH: &str = "Northern clinic";
/// Well below the ten seconds of the scans that would find it without notice.
const SOON: Duration = Duration::from_secs(4);
const CHANGES: u32 = 6;

pub struct Replicated {
    pub network: Network,
    database: TestDatabase,
    _folder: TempDir,
    _turn: SemaphorePermit<'static>,
}

/// `None`, and it is said, where no server is named.
pub async fn replicated() -> Option<Replicated> {
    let Ok(server) = std::env::var("SUPPLYSYNC_TEST_POSTGRES") else {
        let _ = writeln!(
            std::io::stderr(),
            "\n!!! SKIPPED: two primaries: SUPPLYSYNC_TEST_POSTGRES is not set !!!\n"
        );
        return None;
    };
    let turn = world::turn().await;
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::create(&server).await.unwrap();
    let settings = [("SUPPLYSYNC_DATABASE__URL", database.url())];
    let binaries = Binaries::beside_this_program().unwrap();
    let mut network = Network::start_with(binaries, folder.path(), "Head office", &settings)
        .await
        .unwrap();
    network.add_replica().await.unwrap();
    Some(Replicated {
        network,
        database,
        _folder: folder,
        _turn: turn,
    })
}

impl Replicated {
    pub async fn end(mut self) {
        self.network.stop().await.unwrap();
        self.database.drop().await.unwrap();
    }
}

pub async fn create_unit(client: &Client, name: &str) -> Outcome<()> {
    let unit = Unit {
        name: name.to_owned(),
        ..Unit::default()
    };
    let request = CreateUnitRequest { unit: Some(unit) };
    client.master_data().create_unit(request).await.answer().map(drop)
}

#[tokio::test]
async fn a_change_through_one_primary_reaches_the_satellites_of_the_other_at_once() {
    let Some(mut replicated) = replicated().await else {
        return;
    };
    let network = &mut replicated.network;
    let satellite = network
        .add_satellite(2, NORTH)
        .await
        .unwrap()
        .client()
        .await
        .unwrap();
    let first = network.primary().client().await.unwrap();
    let second = network.replica().unwrap().client().await.unwrap();
    let held = eventually("the satellite to be in step", SOON * 5, || async {
        let (there, here) = (first.records("master").await?, satellite.records("master").await?);
        Ok((there == here && here > 0).then_some(here))
    })
    .await
    .unwrap();
    for number in 1..=CHANGES {
        create_unit(&second, &format!("unit {number}")).await.unwrap();
        let asked = Instant::now();
        let copy = &satellite;
        eventually("the change to arrive", SOON, || async move {
            Ok((copy.records("master").await? == held + u64::from(number)).then_some(()))
        })
        .await
        .unwrap();
        println!(
            "change {number}: {} ms to a satellite of the other primary",
            asked.elapsed().as_millis()
        );
    }
    replicated.end().await;
}

/// What both say of the satellite.
async fn states(first: &Client, second: &Client) -> Outcome<(PeerStatus, PeerStatus)> {
    Ok((first.peer(2).await?, second.peer(2).await?))
}

#[tokio::test]
async fn who_is_connected_to_one_primary_is_told_by_the_other_too() {
    let Some(mut replicated) = replicated().await else {
        return;
    };
    let network = &mut replicated.network;
    network.add_satellite(2, NORTH).await.unwrap();
    let first = &network.primary().client().await.unwrap();
    let second = &network.replica().unwrap().client().await.unwrap();
    let states = || states(first, second);
    let connected = |peer: &PeerStatus| peer.state() == PeerState::Connected;
    let (there, here) = eventually("both to say that it is connected", SOON * 5, || async {
        let (there, here) = states().await?;
        Ok((connected(&there) && connected(&here)).then_some((there, here)))
    })
    .await
    .unwrap();
    assert_eq!((&*there.reason, here.session), ("", 0), "{there:?} {here:?}");
    assert!(here.reason.contains("another server"), "{here:?}");
    let now = SyncNowRequest::default();
    let woken = second.diagnostics().sync_now(now).await.answer().unwrap();
    assert!(
        woken.sites[0].reached && woken.sites[0].message.contains("another server"),
        "{woken:?}"
    );
    network.satellite(2).unwrap().kill().await.unwrap();
    eventually("both to say that it is gone", SOON * 5, || async {
        let (there, here) = states().await?;
        Ok((!connected(&there) && !connected(&here)).then_some(()))
    })
    .await
    .unwrap();
    replicated.end().await;
}

#[tokio::test]
async fn a_newer_session_at_one_primary_ends_the_older_at_the_other() {
    let Some(mut replicated) = replicated().await else {
        return;
    };
    let network = &mut replicated.network;
    let url = network.primary().url();
    let site = network.set_up_satellite(2, NORTH, url.clone()).await.unwrap();
    let certificate: Certificate = site.certificate();
    let attempt = SessionAttempt::new(2, NORTH, network.credential());
    let there = Client::connect(&url, &certificate).await.unwrap();
    let elsewhere = Client::connect(&network.replica().unwrap().url(), &certificate)
        .await
        .unwrap();
    let mut older = attempt.open(&there).await.unwrap().unwrap();
    older.become_ready().await.unwrap();
    older.take_everything().await.unwrap();

    let mut newer = attempt.again(&older).open(&elsewhere).await.unwrap().unwrap();
    newer.become_ready().await.unwrap();
    let since = Instant::now();
    let ended = within("the older session to end", SOON, async {
        loop {
            if let Err(refusal) = older.next().await {
                return Ok(refusal);
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(ended.reason, "SESSION_FENCED", "{ended:?}");
    println!(
        "the older session ended {} ms after the newer was ready",
        since.elapsed().as_millis()
    );
    // And the newer goes on.
    newer.take_everything().await.unwrap();
    let master = network.primary().client().await.unwrap();
    create_unit(&master, "one more").await.unwrap();
    within("the newer session to be sent a change", SOON, async {
        newer.next_batch().await.map(drop)
    })
    .await
    .unwrap();
    replicated.end().await;
}
