//! `/livez` and `/readyz`: plain HTTP, no data.

use supplysync_tests::status_of;

use crate::world::World;

#[tokio::test]
async fn both_programs_tell_that_they_live_and_are_ready_and_nothing_else() {
    let mut world = World::with_satellite().await;
    let addresses = [
        world.network.primary().health(),
        world.network.satellite(2).unwrap().health(),
    ];
    for address in addresses {
        for (path, status) in [
            ("/livez", 200),
            ("/readyz", 200),
            ("/", 404),
            ("/metrics/../etc", 404),
        ] {
            assert_eq!(status_of(address, path).await.unwrap(), status, "{path}");
        }
    }
    world.network.satellite(2).unwrap().stop().await.unwrap();
    assert!(status_of(addresses[1], "/livez").await.is_err());
}
