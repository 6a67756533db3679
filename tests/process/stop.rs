//! Ending: SIGTERM drains and ends with 0 within ten seconds, whatever streams are open.

use std::time::Duration;

use supplysync_tests::eventually;

use crate::world::World;

#[tokio::test]
async fn sigterm_ends_a_primary_with_a_live_satellite_in_order_and_a_satellite_too() {
    let mut world = World::with_satellite().await;
    // `stop` fails unless the exit code is 0 within ten seconds. The primary first: its stream is still open.
    world.network.primary().stop().await.unwrap();
    world.network.satellite(2).unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_satellite_starts_and_stops_without_its_primary() {
    let mut world = World::with_satellite().await;
    world.network.primary().kill().await.unwrap();
    let satellite = world.network.satellite(2).unwrap();
    satellite.stop().await.unwrap();
    satellite.start().await.unwrap();
    let health = satellite.health();
    eventually(
        "the satellite to be ready alone",
        Duration::from_secs(20),
        || async move { Ok(supplysync_tests::is_ready(health).await?.then_some(())) },
    )
    .await
    .unwrap();
    satellite.stop().await.unwrap();
}
