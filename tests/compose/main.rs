//! The compose files of `deploy`, run for real with a container engine: up with nothing done by hand, the main job, faults,
//! proof, down. `tests/compose/run` makes the images first, and is what to start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is test code, also what is outside test functions"
)]

mod network;
mod shops;
mod stack;

use std::time::Duration;

use supplysync_tests::Outcome;
use tokio::time::Instant;

use network::Network;
use stack::Stack;

/// How long anything may take to converge: a link that comes back is noticed, dialled and caught up.
const CONVERGES: Duration = Duration::from_secs(90);
/// The promise of the compose files.
const IN_STEP: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs a container engine and images: tests/compose/run"]
async fn two_primaries_on_postgresql_and_three_satellites() {
    many_sites().await.unwrap();
}

#[tokio::test]
#[ignore = "needs a container engine and images: tests/compose/run"]
async fn one_primary_on_sqlite_and_one_satellite() {
    one_clinic().await.unwrap();
}

async fn many_sites() -> Outcome<()> {
    let sites = [("north", 2), ("east", 3), ("lake", 4)];
    let started = Instant::now();
    let stack = Stack::up("compose.yaml", &["PRIMARY", "JOINING", "NORTH", "EAST", "LAKE"]).await?;
    let network = Network::of(&stack, "primary-1", &sites).await?;
    network.in_step(IN_STEP).await?;
    println!(
        "compose.yaml: in step {:.1} s after `up`",
        started.elapsed().as_secs_f32()
    );

    let services = [
        "primary-1",
        "primary-2",
        "north",
        "east",
        "lake",
        "postgres",
        "balancer",
    ];
    stack.tell_memory("at rest", &services).await?;
    shops::open(&network).await?;
    shops::trade(&network, &["north", "east", "lake"]).await?;
    network.prove(CONVERGES).await?;
    stack.tell_memory("after the main job", &services).await?;

    // A clinic's link is cut: it goes on, and so do the others.
    stack.cut("north").await?;
    shops::trade(&network, &["north", "east"]).await?;
    network.change(2).await?;
    stack.mend("north").await?;
    network.prove(CONVERGES).await?;

    // Another password, by one primary: the other goes by it, too, and hands it out.
    stack.new_password("primary-1").await?;
    network.one_password(CONVERGES).await?;

    // A primary dies: its satellites find the other.
    let dead = Instant::now();
    stack
        .engine(&["kill", &stack.container("primary-1").await?])
        .await?;
    shops::trade(&network, &["north", "east", "lake"]).await?;
    network.change(3).await?;
    network.prove(CONVERGES).await?;
    println!(
        "a primary is killed: all equal {:.1} s later",
        dead.elapsed().as_secs_f32()
    );
    stack.start("primary-1").await?;

    let restarted = Instant::now();
    stack
        .engine(&["restart", &stack.container("postgres").await?])
        .await?;
    shops::trade(&network, &["lake"]).await?;
    network.change(4).await?;
    network.prove(CONVERGES).await?;
    println!(
        "PostgreSQL restarts: all equal {:.1} s later",
        restarted.elapsed().as_secs_f32()
    );

    // What is started again goes on as it was: no secret, certificate or registration is made a second time.
    let before = stack.kept(&["north", "primary-1"]).await?;
    stack
        .engine(&["restart", &stack.container("north").await?])
        .await?;
    stack.again().await?;
    shops::trade(&network, &["north"]).await?;
    network.prove(CONVERGES).await?;
    assert_eq!(
        stack.kept(&["north", "primary-1"]).await?,
        before,
        "keys, certificates and secrets"
    );
    assert_eq!(network.joined().await?, 3, "each satellite has joined once");

    stack
        .is_confined(&["primary-1", "primary-2", "north", "east", "lake"])
        .await?;
    stack.tells_no_secret(&["north", "primary-1"]).await?;
    stack.tell_memory("in the end", &services).await?;
    stack.down().await
}

async fn one_clinic() -> Outcome<()> {
    let started = Instant::now();
    let stack = Stack::up("compose.small.yaml", &["PRIMARY", "JOINING", "CLINIC"]).await?;
    let network = Network::of(&stack, "primary", &[("clinic", 2)]).await?;
    network.in_step(IN_STEP).await?;
    println!(
        "compose.small.yaml: in step {:.1} s after `up`",
        started.elapsed().as_secs_f32()
    );
    stack.tell_memory("at rest", &["primary", "clinic"]).await?;
    shops::open(&network).await?;
    shops::trade(&network, &["clinic"]).await?;
    network.prove(CONVERGES).await?;
    stack
        .tell_memory("after the main job", &["primary", "clinic"])
        .await?;

    // The clinic's machine starts while there is no primary to be asked: its users are served.
    stack
        .engine(&["stop", &stack.container("primary").await?])
        .await?;
    stack
        .engine(&["restart", &stack.container("clinic").await?])
        .await?;
    shops::trade(&network, &["clinic"]).await?;
    stack.start("primary").await?;
    network.prove(CONVERGES).await?;
    assert_eq!(network.joined().await?, 1, "the clinic has joined once");
    stack.is_confined(&["primary", "clinic"]).await?;
    stack.tells_no_secret(&["clinic", "primary"]).await?;
    stack.down().await
}
