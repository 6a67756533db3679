//! Clocks so wrong that certificates are not valid yet: both programs and the commands say that it is the clock.

use std::time::Duration;

use supplysync_model::{Clock as _, SyncId, Timestamp};
use supplysync_net::authority::Issued;
use supplysync_net::pem_file::Overwrite;
use supplysync_net::{Authority, PeerIdentity, Role};
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_tests::{Certificate, run};

use crate::world::{COMMAND_LIMIT, World, refusal, words};

/// What a dead battery makes of the date.
const AHEAD: Duration = Duration::from_secs(400 * 24 * 60 * 60);

fn later() -> Timestamp {
    let now = SystemClock.now();
    Timestamp(now.0 + i64::try_from(AHEAD.as_millis()).unwrap())
}

fn replace(certificate: &Certificate, issued: &Issued) {
    issued
        .write(&certificate.certificate, &certificate.key, Overwrite::Replace)
        .unwrap();
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_valid_yet_blames_the_clock() {
    let mut world = World::with_satellite().await;
    let authority = Authority::load(&world.network.primary().folder().join("tls")).unwrap();
    world.network.primary().stop().await.unwrap();
    world.network.satellite(2).unwrap().stop().await.unwrap();
    let commands = [
        (1, world.network.primary().command()),
        (2, world.network.satellite(2).unwrap().command()),
    ];
    for (sync_id, serve) in commands {
        let site = world
            .network
            .sites()
            .find(|site| site.sync_id() == sync_id)
            .unwrap();
        let number = SyncId::new(sync_id).unwrap();
        let issued = authority
            .issue_site(number, &["localhost".into()], later(), &SystemRandom)
            .unwrap();
        replace(&site.certificate(), &issued);
        let said = words(&refusal(serve).await);
        assert!(said.contains("clock"), "site {sync_id}: {said}");
    }
}

#[tokio::test]
async fn a_command_whose_certificate_is_not_valid_yet_blames_the_clock() {
    let mut world = World::with_primary().await;
    let primary = world.network.primary();
    let authority = Authority::load(&primary.folder().join("tls")).unwrap();
    let identity = PeerIdentity::operator(Role::Admin, "early").unwrap();
    let issued = authority
        .issue_operator(&identity, later(), &SystemRandom)
        .unwrap();
    replace(&primary.operator(), &issued);
    let mut status = primary.command();
    status.arg("status");
    let finished = run(status, COMMAND_LIMIT).await.unwrap();
    assert_ne!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.contains("clock"), "{finished:?}");
}
