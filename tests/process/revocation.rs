//! A satellite that is shut out: its session ends at once, no certificate that it has gets it in, and a fresh token does.

use std::fs;

use supplysync_api::v1::PeerState;
use supplysync_tests::{Certificate, Client, Site, eventually};
use tokio::time::{Duration, Instant};

use crate::joining::{in_step, join, joined};
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(60);

async fn is(client: &Client, peer: u16, state: PeerState) {
    let what = format!("peer {peer} to be {state:?}");
    let looked = eventually(&what, LIMIT, || async {
        Ok((client.peer(peer).await?.state() == state).then_some(()))
    });
    looked.await.unwrap();
}

fn copy_of(world: &World, site: &Site) -> Certificate {
    let folder = world.folder.path().join("copy");
    fs::create_dir(&folder).unwrap();
    for name in ["site.crt", "site.key", "authority.crt"] {
        fs::copy(site.folder().join("tls").join(name), folder.join(name)).unwrap();
    }
    Certificate::in_folder(&folder, "site")
}

#[tokio::test]
async fn a_revoked_site_is_cut_off_at_once_and_let_in_again_by_a_fresh_token() {
    let mut world = World::with_primary().await;
    let mut north = joined(&mut world, 2, "Northern clinic").await;
    let mut east = joined(&mut world, 3, "Eastern clinic").await;
    let primary = world.network.primary().client().await.unwrap();
    is(&primary, 2, PeerState::Connected).await;
    is(&primary, 3, PeerState::Connected).await;
    let old = copy_of(&world, &north);
    let kept_open = Client::connect(&world.network.primary().url(), &old)
        .await
        .unwrap();

    let before = Instant::now();
    let said = world.network.unlocked(&["sites", "revoke", "2"]).await.unwrap();
    assert_eq!(said["ended_sessions"], 1, "{said}");
    let seen = north.client().await.unwrap();
    let cut = eventually("the session to be cut", LIMIT, || async {
        Ok((seen.peer(1).await?.state() != PeerState::Connected).then_some(()))
    });
    cut.await.unwrap();
    println!("cut {:?} after the command began", before.elapsed());
    is(&seen, 1, PeerState::Refused).await;
    let told = seen.peer(1).await.unwrap().reason;
    assert!(told.contains("revoked"), "{told}");

    // Not on a connection that was open before, not on a new one, not on the enrolment port.
    let attempt = supplysync_tests::SessionAttempt::new(2, "Northern clinic", world.network.credential());
    let refusal = attempt.refusal(&kept_open).await.unwrap();
    assert_eq!(refusal.reason, "CERTIFICATE_REVOKED", "{refusal:?}");
    let port = world.network.primary().enrolment().unwrap().port();
    for url in [world.network.primary().url(), format!("https://localhost:{port}")] {
        let refused = Client::connect(&url, &old)
            .await
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(refused.contains("revoked"), "{url}: {refused}");
    }
    assert_eq!(primary.peer(3).await.unwrap().state(), PeerState::Connected);

    // Nor after a restart.
    world.network.primary().stop().await.unwrap();
    let file = fs::read_to_string(world.network.primary().folder().join("tls/revoked")).unwrap();
    assert!(file.starts_with("site/2 "), "{file}");
    world.network.primary().start().await.unwrap();
    let refused = Client::connect(&world.network.primary().url(), &old).await;
    assert!(refused.is_err());

    let token = world.network.unlocked(&["sites", "token", "2"]).await.unwrap();
    let token = token["join_token"].as_str().unwrap().to_owned();
    let process = north.process_id().unwrap();
    join(&world, &north, &token).await.success().unwrap();
    in_step(&mut world, &north).await;
    is(&seen, 1, PeerState::Connected).await;
    assert_eq!(north.process_id().unwrap(), process, "it was not restarted");
    let refused = Client::connect(&world.network.primary().url(), &old).await;
    assert!(refused.is_err(), "the old certificate lets nobody in");
    north.stop().await.unwrap();
    east.stop().await.unwrap();
}
