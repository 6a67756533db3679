//! Certificates renew by themselves, at both ends and without a restart; a site that was off past the end of its own gets
//! a new one when it comes back.

use supplysync_model::{Clock, Timestamp};
use supplysync_net::certificate::{self, Description};
use supplysync_runtime::SystemClock;
use supplysync_tests::{Site, eventually, shown_certificate};
use tokio::time::Duration;

use crate::joining::{in_step, joined, restart_with};
use crate::world::World;

const LIFE: &str = "20s";
const LIMIT: Duration = Duration::from_secs(90);

/// What the site's server shows to whoever comes.
async fn shown(site: &Site) -> Description {
    shown_certificate(site.grpc(), &site.certificate().authority)
        .await
        .unwrap()
}

async fn shows_another(site: &Site, than: &Description) -> Description {
    let what = format!("{} to show another certificate", site.name());
    let shows = eventually(&what, LIMIT, || async {
        let shown = shown_certificate(site.grpc(), &site.certificate().authority).await?;
        Ok((shown.serial != than.serial).then_some(shown))
    });
    shows.await.unwrap()
}

/// Certificates are valid to the end of the second, so a little longer.
async fn passed(moment: Timestamp) {
    let moment = Timestamp(moment.0 + 2_000);
    let waited = eventually("that moment to pass", LIMIT, || async {
        Ok((SystemClock.now() > moment).then_some(()))
    });
    waited.await.unwrap();
}

#[tokio::test]
async fn both_ends_renew_before_the_end_without_a_restart() {
    let mut world = World::with_primary().await;
    restart_with(&mut world, "SUPPLYSYNC_ENROLMENT__CERTIFICATE_LIFE", LIFE)
        .await
        .unwrap();
    let mut satellite = joined(&mut world, 2, "Northern clinic").await;
    let first = shown(&satellite).await;
    let firsts = shown(world.network.primary()).await;
    let process = satellite.process_id().unwrap();
    let renewed = shows_another(&satellite, &first).await;
    assert!(SystemClock.now() < first.not_after, "it renewed too late");
    assert!(renewed.not_after > first.not_after);
    assert_eq!((renewed.identity, renewed.names), (first.identity, first.names));
    let primarys = shows_another(world.network.primary(), &firsts).await;
    assert_eq!(
        (primarys.identity, primarys.names),
        (firsts.identity, firsts.names)
    );

    // Both of the first certificates are over now: a new connection shows that others are in use.
    passed(first.not_after).await;
    world.network.primary().stop().await.unwrap();
    world.network.primary().start().await.unwrap();
    in_step(&mut world, &satellite).await;
    assert_eq!(satellite.process_id().unwrap(), process);
    satellite.stop().await.unwrap();
}

#[tokio::test]
async fn a_site_that_was_off_past_the_end_renews_when_it_comes_back() {
    let mut world = World::with_primary().await;
    restart_with(&mut world, "SUPPLYSYNC_ENROLMENT__CERTIFICATE_LIFE", LIFE)
        .await
        .unwrap();
    let mut satellite = joined(&mut world, 2, "Northern clinic").await;
    in_step(&mut world, &satellite).await;
    satellite.stop().await.unwrap();
    let held = certificate::describe_file(&satellite.certificate().certificate).unwrap();
    passed(held.not_after).await;
    // The primary was off too, past the end of its own.
    world.network.primary().stop().await.unwrap();
    let own = certificate::describe_file(&world.network.primary().certificate().certificate).unwrap();
    passed(own.not_after).await;
    satellite.start().await.unwrap();
    world.network.primary().start().await.unwrap();
    in_step(&mut world, &satellite).await;
    let renewed = shows_another(&satellite, &held).await;
    assert_eq!(renewed.identity, held.identity);
    satellite.stop().await.unwrap();
}
