//! Joining with a token, with the real programs: from nothing to in step, twice, and every way in which it is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::ExposeSecret;
use supplysync_api::v1::MasterDataKind;
use supplysync_model::{Clock, Timestamp};
use supplysync_net::JoinToken;
use supplysync_runtime::SystemClock;
use supplysync_tests::{Finished, Network, Outcome, Site, differences, eventually, generated_names, run};
use tokio::net::TcpStream;
use tokio::time::Duration;

use crate::world::{COMMAND_LIMIT, World};

/// So that each change is another.
static CHANGES: AtomicUsize = AtomicUsize::new(1);

const ARRIVAL: Duration = Duration::from_secs(60);

/// Registers a satellite; its token.
pub async fn register(network: &Network, sync_id: u16, name: &str) -> String {
    let added = network.register(sync_id, name).await.unwrap();
    added["join_token"].as_str().expect("no join token").to_owned()
}

/// Runs `join` with a token in a file.
pub async fn join(world: &World, satellite: &Site, token: &str) -> Finished {
    let file = world.folder.path().join(format!("token-{}", satellite.sync_id()));
    fs::write(&file, format!("{token}\n")).unwrap();
    let mut command = satellite.command();
    command
        .args(["join", "--output", "json", "--token-file"])
        .arg(file);
    run(command, COMMAND_LIMIT).await.unwrap()
}

/// A satellite that has joined and serves, with an operator's certificate.
pub async fn joined(world: &mut World, sync_id: u16, name: &str) -> Site {
    let token = register(&world.network, sync_id, name).await;
    let mut satellite = world.network.new_satellite(sync_id, name).unwrap();
    join(world, &satellite, &token).await.success().unwrap();
    operator(&world.network, &satellite).await;
    satellite.start().await.unwrap();
    satellite
}

/// Gives a site an operator's certificate.
pub async fn operator(network: &Network, site: &Site) {
    let folder = site.folder().join("tls");
    let arguments = ["--role", "admin", "--replace"];
    network
        .issue("operator", "admin", &arguments, &folder)
        .await
        .unwrap();
}

/// Waits until a change that is made now on the primary is on the satellite, and both hold the same: what they held
/// before proves no connection.
pub async fn in_step(world: &mut World, satellite: &Site) {
    let number = CHANGES.fetch_add(1, Ordering::SeqCst);
    let primary = world.network.primary();
    let names = generated_names(number, 1);
    let made = primary.client().await.unwrap();
    made.import_all(vec![(MasterDataKind::Name, names)])
        .await
        .unwrap();
    let what = format!("{} to be in step", satellite.name());
    let looked = eventually(&what, ARRIVAL, || async {
        let (primary, satellite) = (primary.client().await?, satellite.client().await?);
        Ok(differences(&primary, &satellite).await?.is_empty().then_some(()))
    });
    looked.await.unwrap();
}

fn refused(finished: &Finished, reason: &str) -> String {
    assert_ne!(finished.code, Some(0), "{finished:?}");
    let told: serde_json::Value = serde_json::from_str(&finished.stderr).expect("no JSON");
    assert_eq!(told["error"]["reason"], reason, "{finished:?}");
    told["error"]["message"].as_str().unwrap().to_owned()
}

fn secret_of(token: &str) -> Vec<u8> {
    let token = JoinToken::parse(&token.into()).unwrap();
    token.secret.expose_secret().to_vec()
}

fn files(site: &Site) -> Vec<String> {
    let listed = fs::read_dir(site.folder().join("tls")).unwrap();
    let mut names: Vec<_> = listed
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_satellite_joins_from_nothing_and_comes_in_step() {
    let mut world = World::with_primary_on_a_file().await;
    let token = register(&world.network, 2, "Northern clinic").await;
    let mut satellite = world.network.new_satellite(2, "Northern clinic").unwrap();
    let said = join(&world, &satellite, &token).await.success().unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (said["sync_id"].as_u64(), said["name"].as_str()),
        (Some(2), Some("Northern clinic"))
    );
    assert_eq!(
        files(&satellite),
        ["authority.crt", "joined", "site.crt", "site.key"]
    );
    for secret in ["tls/site.key", "password"] {
        let mode = fs::metadata(satellite.folder().join(secret))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    operator(&world.network, &satellite).await;
    satellite.start().await.unwrap();
    in_step(&mut world, &satellite).await;

    let mut list = world.network.primary_command();
    list.args(["audit", "list", "--output", "json"]);
    let audit = run(list, COMMAND_LIMIT).await.unwrap().success().unwrap();
    for action in ["sites.join_token", "enrolment.enrol"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    let log = fs::read_to_string(world.network.primary().log()).unwrap();
    let database = fs::read(crate::world::database(world.network.primary())).unwrap();
    assert!(
        !audit.contains(&token) && !log.contains(&token),
        "the token is in a log"
    );
    let secret = secret_of(&token);
    let kept = database.windows(secret.len()).any(|bytes| bytes == secret);
    assert!(!kept, "the primary keeps the token's secret");
    satellite.stop().await.unwrap();
}

#[tokio::test]
async fn joining_twice_does_no_harm_and_another_machine_does_not_get_in() {
    let mut world = World::with_primary().await;
    let token = register(&world.network, 2, "Northern clinic").await;
    let mut satellite = world.network.new_satellite(2, "Northern clinic").unwrap();
    // As an argument, then from a file, then from standard input.
    let mut command = satellite.command();
    command.args(["join", &token]);
    run(command, COMMAND_LIMIT).await.unwrap().success().unwrap();
    let kept = ["tls/site.key", "password", "supplysync.toml"];
    let read = |satellite: &Site| kept.map(|name| fs::read(satellite.folder().join(name)).unwrap());
    let before = read(&satellite);
    join(&world, &satellite, &token).await.success().unwrap();
    assert!(
        read(&satellite) == before,
        "a second run changed a key or a setting"
    );
    operator(&world.network, &satellite).await;
    satellite.start().await.unwrap();
    join(&world, &satellite, &token).await.success().unwrap();
    assert!(
        read(&satellite) == before,
        "a run beside the server changed a key or a setting"
    );
    in_step(&mut world, &satellite).await;

    let file = world.folder.path().join("token-2");
    let other = world.folder.path().join("elsewhere");
    let mut command = satellite.command();
    command
        .env("SUPPLYSYNC_DATA_DIR", &other)
        .args(["join", "--output", "json"]);
    command.stdin(fs::File::open(file).unwrap());
    let output = command.output().await.unwrap();
    let finished = Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    let message = refused(&finished, "TOKEN_USED");
    assert!(message.contains("sites token"), "{message}");
    assert!(!other.join("supplysync.toml").exists());
    satellite.stop().await.unwrap();
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_refused_with_its_reason() {
    let world = World::with_primary().await;
    let first = register(&world.network, 2, "Northern clinic").await;
    let satellite = world.network.new_satellite(2, "Northern clinic").unwrap();

    // Mistyped: nobody is asked, and nothing is written.
    let at = first.len() / 2;
    let other = if &first[at..=at] == "A" { "B" } else { "A" };
    let mut mistyped = first.clone();
    mistyped.replace_range(at..=at, other);
    let message = refused(&join(&world, &satellite, &mistyped).await, "TOKEN_MALFORMED");
    assert!(message.contains("mistyped"), "{message}");
    assert_eq!(fs::read_dir(satellite.folder()).unwrap().count(), 0);

    // Replaced by a fresh one; and with a wrong secret: one and the same words.
    let fresh = world.network.unlocked(&["sites", "token", "2"]).await.unwrap();
    let fresh = fresh["join_token"].as_str().unwrap().to_owned();
    let replaced = refused(&join(&world, &satellite, &first).await, "TOKEN_UNKNOWN");
    let mut wrong = JoinToken::parse(&fresh.clone().into()).unwrap();
    wrong.secret = vec![7; 32].into();
    let wrong = wrong.text().expose_secret().to_owned();
    assert_eq!(
        refused(&join(&world, &satellite, &wrong).await, "TOKEN_UNKNOWN"),
        replaced
    );

    // Of another network: the primary is not told the secret.
    let mut foreign = JoinToken::parse(&fresh.clone().into()).unwrap();
    foreign.authority = [7; 32];
    let foreign = foreign.text().expose_secret().to_owned();
    let message = refused(&join(&world, &satellite, &foreign).await, "CERTIFICATE_UNUSABLE");
    assert!(
        message.contains("not the primary that the join token is for"),
        "{message}"
    );

    // Another data directory's site.
    join(&world, &satellite, &fresh).await.success().unwrap();
    let third = register(&world.network, 3, "Eastern clinic").await;
    refused(&join(&world, &satellite, &third).await, "DATABASE_OTHER_SITE");

    // Guessing costs time.
    let stranger = world.network.new_satellite(9, "Nobody").unwrap();
    let limited = eventually("the limit", COMMAND_LIMIT, || async {
        let finished = join(&world, &stranger, &wrong).await;
        Ok(finished.stderr.contains("RATE_LIMITED").then_some(()))
    });
    limited.await.unwrap();
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let mut world = World::with_primary().await;
    restart_with(&mut world, "SUPPLYSYNC_ENROLMENT__TOKEN_LIFE", "1s")
        .await
        .unwrap();
    let added = world.network.register(2, "Northern clinic").await.unwrap();
    let expires = Timestamp::parse(added["join_token_expires"].as_str().unwrap()).unwrap();
    let over = eventually("the token's end", COMMAND_LIMIT, || async {
        Ok((SystemClock.now() > expires).then_some(()))
    });
    over.await.unwrap();
    let satellite = world.network.new_satellite(2, "Northern clinic").unwrap();
    let token = added["join_token"].as_str().unwrap();
    refused(&join(&world, &satellite, token).await, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn enrolment_that_is_off_or_has_no_key_says_so() {
    let mut world = World::with_primary().await;
    let key = world.network.primary().folder().join("tls/authority.key");
    let aside: PathBuf = world.folder.path().join("authority.key");
    fs::rename(&key, &aside).unwrap();
    let added = world.network.register(2, "Northern clinic").await.unwrap();
    assert!(added["join_token"].is_null(), "{added}");
    assert!(
        added["no_join_token"].as_str().unwrap().contains("authority.key"),
        "{added}"
    );
    fs::rename(&aside, &key).unwrap();
    assert!(world.network.unlocked(&["sites", "token", "2"]).await.is_ok());

    restart_with(&mut world, "SUPPLYSYNC_ENROLMENT__ENABLED", "false")
        .await
        .unwrap();
    let refused = world
        .network
        .unlocked(&["sites", "token", "2"])
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("ENROLMENT_UNAVAILABLE"), "{refused}");
    let port = world.network.primary().enrolment().unwrap();
    assert!(TcpStream::connect(port).await.is_err(), "the port is open");
}

/// Starts the primary again with a setting.
pub async fn restart_with(world: &mut World, variable: &str, value: &str) -> Outcome<()> {
    let primary = world.network.primary();
    primary.stop().await?;
    primary.set(variable, value);
    primary.start().await
}

#[tokio::test]
async fn joining_and_serving_can_be_one_command() {
    let mut world = World::with_primary().await;
    let token = register(&world.network, 2, "Northern clinic").await;
    let mut satellite = world.network.new_satellite(2, "Northern clinic").unwrap();
    let mut command = satellite.command();
    command.args(["join", &token, "--serve"]);
    satellite.start_with(command).await.unwrap();
    operator(&world.network, &satellite).await;
    in_step(&mut world, &satellite).await;
    satellite.stop().await.unwrap();
}
