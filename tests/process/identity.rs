//! P10 on real processes: certificate, Sync ID and credential agree, or nothing is exchanged; refusals that could help a
//! stranger to guess have the same words.

use supplysync_api::v1::GetSyncStatusRequest;
use supplysync_model::SyncId;
use supplysync_net::Authority;
use supplysync_net::pem_file::Overwrite;
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_tests::{Called, Certificate, Client, SessionAttempt, eventually, knock_without_certificate};
use tokio::time::Duration;

use crate::world::World;

const NORTH: &str = "Northern clinic";

/// A primary, and what sites 2 and 3 would need, but nobody who dials.
async fn two_registered() -> (World, Certificate, Certificate) {
    let world = World::with_primary().await;
    let url = world.network.sites().next().unwrap().url();
    let second = world
        .network
        .set_up_satellite(2, NORTH, url.clone())
        .await
        .unwrap();
    let third = world
        .network
        .set_up_satellite(3, "Eastern clinic", url)
        .await
        .unwrap();
    let (second, third) = (second.certificate(), third.certificate());
    (world, second, third)
}

#[tokio::test]
async fn without_a_certificate_nobody_gets_in() {
    let (mut world, second, _) = two_registered().await;
    let address = world.network.primary().grpc();
    let said = knock_without_certificate(address, &second.authority)
        .await
        .unwrap();
    assert!(said.contains("CertificateRequired"), "{said}");
    assert_nothing_exchanged(&mut world).await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (mut world, second, _) = two_registered().await;
    let folder = world.folder.path().join("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let now = supplysync_model::Clock::now(&SystemClock);
    let other = Authority::create("Elsewhere", now, &SystemRandom).unwrap();
    let site = SyncId::new(2).unwrap();
    let issued = other
        .issue_site(site, &["localhost".into()], now, &SystemRandom)
        .unwrap();
    let forged = Certificate {
        authority: second.authority,
        ..Certificate::in_folder(&folder, "site")
    };
    issued
        .write(&forged.certificate, &forged.key, Overwrite::Refuse)
        .unwrap();
    let url = world.network.primary().url();
    let refused = Client::connect(&url, &forged)
        .await
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("does not know the authority"), "{refused}");
    assert_nothing_exchanged(&mut world).await;
}

#[tokio::test]
async fn operators_do_not_sync_and_sites_do_not_operate() {
    let (mut world, second, _) = two_registered().await;
    let credential = world.network.credential();
    let operator = world.network.primary().client().await.unwrap();
    let refusal = SessionAttempt::new(2, NORTH, credential)
        .refusal(&operator)
        .await
        .unwrap();
    assert_eq!(refusal.reason, "ROLE_NOT_ALLOWED", "{refusal:?}");
    let site = Client::connect(&world.network.primary().url(), &second)
        .await
        .unwrap();
    let asked = site.diagnostics().get_sync_status(GetSyncStatusRequest {}).await;
    assert_eq!(asked.refusal().unwrap().reason, "ROLE_NOT_ALLOWED");
    assert_nothing_exchanged(&mut world).await;
}

#[tokio::test]
async fn what_does_not_agree_is_refused_in_the_same_words() {
    let (mut world, second, third) = two_registered().await;
    let (user, password) = world.network.credential();
    let url = world.network.primary().url();
    let unregistered = world.folder.path().join("certificates-9");
    world
        .network
        .issue("site", "9", &[], &unregistered)
        .await
        .unwrap();
    let unregistered = Certificate::in_folder(&unregistered, "site");
    // Who does not know the credential learns nothing of what was wrong.
    let strangers = [
        (
            "a wrong password",
            &second,
            SessionAttempt::new(2, NORTH, (user, "incorrect")),
        ),
        (
            "a wrong user name",
            &second,
            SessionAttempt::new(2, NORTH, ("nobody", password)),
        ),
        (
            "no user name and password",
            &second,
            SessionAttempt::new(2, NORTH, ("", "")),
        ),
    ];
    let mut words = std::collections::BTreeSet::new();
    for (what, certificate, attempt) in strangers {
        let client = Client::connect(&url, certificate).await.unwrap();
        let refusal = attempt.refusal(&client).await.unwrap();
        assert_eq!(refusal.reason, "IDENTITY_REFUSED", "{what}: {refusal:?}");
        words.insert(refusal.message);
    }
    assert_eq!(words.len(), 1, "{words:#?}");
    // Who does is told what to correct.
    let ours = [
        ("another site's certificate", &third, 2, "IDENTITY_REFUSED"),
        ("a Hello in the primary's name", &third, 1, "IDENTITY_REFUSED"),
        (
            "a site that is not registered",
            &unregistered,
            9,
            "SITE_NOT_FOUND",
        ),
    ];
    for (what, certificate, sync_id, reason) in ours {
        let client = Client::connect(&url, certificate).await.unwrap();
        let attempt = SessionAttempt::new(sync_id, NORTH, (user, password));
        let refusal = attempt.refusal(&client).await.unwrap();
        assert_eq!(refusal.reason, reason, "{what}: {refusal:?}");
    }
    assert_nothing_exchanged(&mut world).await;
}

#[tokio::test]
async fn a_satellite_with_a_wrong_password_says_so_and_lets_its_users_work() {
    let mut world = World::with_primary().await;
    let url = world.network.primary().url();
    let mut satellite = world.network.set_up_satellite(2, NORTH, url).await.unwrap();
    std::fs::write(satellite.folder().join("password"), "incorrect\n").unwrap();
    satellite.start().await.unwrap();
    let client = &satellite.client().await.unwrap();
    let peer = eventually("the refusal", Duration::from_secs(60), || async move {
        let peer = client.peer(1).await?;
        Ok((peer.state() == supplysync_api::v1::PeerState::Refused).then_some(peer))
    })
    .await
    .unwrap();
    assert!(peer.reason.contains("password"), "{}", peer.reason);
    assert!(
        supplysync_tests::is_ready(satellite.health()).await.unwrap(),
        "suspicion must not stop its users"
    );
    satellite.stop().await.unwrap();
}

/// No session with site 2 came to be, and it has nothing of it.
async fn assert_nothing_exchanged(world: &mut World) {
    let primary = world.network.primary().client().await.unwrap();
    let peer = primary.peer(2).await.unwrap();
    assert!(
        peer.channels.is_empty() && peer.last_success_time.is_empty(),
        "{peer:?}"
    );
}
