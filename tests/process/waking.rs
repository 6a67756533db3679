//! The primary wakes a satellite at its URL where it is reachable, and copes where it is not.

use serde_json::Value;
use supplysync_api::v1::{PeerState, SyncNowRequest};
use supplysync_tests::{
    Called, Certificate, Client, Outcome, Site, differences, eventually, generated_names,
};
use tokio::time::{Duration, Instant};

use crate::joining::{join, operator};
use crate::page::{refusal, shown, typed};
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(60);
/// Nobody listens there.
const DEAD: &str = "https://127.0.0.1:9";

/// A satellite that is paused, and has a URL on record; it serves, and has never synchronised.
async fn paused(world: &World) -> Site {
    let mut north = world.network.new_satellite(2, "Northern clinic").unwrap();
    let url = format!("https://127.0.0.1:{}", north.grpc().port());
    let add = [
        "sites",
        "add",
        "2",
        "--name",
        "Northern clinic",
        "--interval",
        "0",
        "--url",
        &url,
    ];
    let added = world.network.unlocked(&add).await.unwrap();
    join(world, &north, added["join_token"].as_str().unwrap())
        .await
        .success()
        .unwrap();
    operator(&world.network, &north).await;
    north.start().await.unwrap();
    north
}

async fn add(world: &World, number: &str, name: &str, url: &str) {
    let add = ["sites", "add", number, "--name", name, "--url", url];
    world.network.unlocked(&add).await.unwrap();
}

async fn equal(world: &mut World, north: &Site) {
    let primary = world.network.primary().client().await.unwrap();
    let looked = eventually("both to hold the same", LIMIT, || async {
        let differ: Outcome<Vec<_>> = differences(&primary, &north.client().await?).await;
        Ok(differ?.is_empty().then_some(()))
    });
    looked.await.unwrap();
}

/// What became of a satellite.
fn row(answer: &Value, sync_id: u16) -> (bool, &str) {
    let sites = answer["sites"].as_array().expect("no sites");
    let row = sites
        .iter()
        .find(|site| site["sync_id"] == sync_id)
        .expect("no such site");
    (
        row["reached"].as_bool().unwrap(),
        row["message"].as_str().unwrap(),
    )
}

#[tokio::test]
async fn a_paused_satellite_is_woken_at_its_url_and_others_are_told_of() {
    let mut world = World::with_primary().await;
    let mut north = paused(&world).await;
    let client = north.client().await.unwrap();
    assert_eq!(client.peer(1).await.unwrap().state(), PeerState::Paused);
    // Dead, without one, with that of another site, and with the primary's own.
    add(&world, "3", "Dead", DEAD).await;
    add(&world, "4", "Nowhere", "").await;
    add(&world, "5", "Elsewhere", &north.url()).await;
    let own = world.network.primary().url();
    add(&world, "6", "Myself", &own).await;
    let begun = Instant::now();
    let answer = shown(world.network.primary_command(), &["sync-now"]).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{answer}");
    let (reached, words) = row(&answer, 2);
    assert!(reached && words.contains("was woken"), "{answer}");
    let unreached = [
        (3, "nothing listens there"),
        (4, "no URL"),
        (5, "not the site that was dialled"),
        (6, "not the site that was dialled"),
    ];
    for (site, why) in unreached {
        let (reached, words) = row(&answer, site);
        assert!(!reached && words.contains(why), "{site}: {answer}");
    }
    equal(&mut world, &north).await;

    // One alone; it is paused all the while, and hears of nothing by itself.
    let primary = world.network.primary().client().await.unwrap();
    let names = vec![(supplysync_api::v1::MasterDataKind::Name, generated_names(1, 5))];
    primary.import_all(names).await.unwrap();
    let rests = eventually("the satellite to rest", LIMIT, || async {
        Ok((client.peer(1).await?.state() == PeerState::Paused).then_some(()))
    });
    rests.await.unwrap();
    let answer = shown(world.network.primary_command(), &["sync-now", "--site", "2"]).await;
    assert_eq!(answer["sites"].as_array().unwrap().len(), 1, "{answer}");
    equal(&mut world, &north).await;
    let refused = typed(world.network.primary_command(), &["sync-now", "--site", "9"]).await;
    assert_eq!(refusal(&refused).0, "SITE_NOT_FOUND");
    for (end, site) in [(world.network.primary_command(), "1"), (north.command(), "2")] {
        let refused = typed(end, &["sync-now", "--site", site]).await;
        assert_eq!(refusal(&refused).1, ["sync_id"]);
    }

    // A pause ends at once when the primary says so.
    let edit = ["sites", "edit", "2", "--interval", "9"];
    world.network.unlocked(&edit).await.unwrap();
    let heard = eventually("the pause to be over", LIMIT, || async {
        let shown = shown(north.command(), &["prefs", "show"]).await;
        Ok((shown["interval_minutes"] == 9).then_some(()))
    });
    heard.await.unwrap();
    let connected = eventually("a session that stays", LIMIT, || async {
        Ok((primary.peer(2).await?.state() == PeerState::Connected).then_some(()))
    });
    connected.await.unwrap();
    let answer = shown(world.network.primary_command(), &["sync-now", "--site", "2"]).await;
    assert_eq!(row(&answer, 2), (true, "is connected, and looks again"));
    north.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_but_the_primary_wakes_a_satellite_and_one_that_is_shut_out_is_not() {
    let mut world = World::with_primary().await;
    let mut north = paused(&world).await;
    let folder = world.folder.path().join("third");
    world.network.issue("site", "3", &[], &folder).await.unwrap();
    let certificates = [Certificate::in_folder(&folder, "site"), north.certificate()];
    for certificate in certificates {
        let site = Client::connect(&north.url(), &certificate).await.unwrap();
        let refused = site
            .diagnostics()
            .sync_now(SyncNowRequest::default())
            .await
            .refusal();
        assert_eq!(refused.unwrap().reason, "ROLE_NOT_ALLOWED");
    }
    world.network.unlocked(&["sites", "revoke", "2"]).await.unwrap();
    let answer = shown(world.network.primary_command(), &["sync-now"]).await;
    let (reached, words) = row(&answer, 2);
    assert!(!reached && words.contains("revoked"), "{answer}");
    let client = north.client().await.unwrap();
    assert!(client.peer(1).await.unwrap().last_success_time.is_empty());
    north.stop().await.unwrap();
    world.network.stop().await.unwrap();
}
