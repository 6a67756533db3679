//! A new authority takes over from the old one while everybody works: the commands of docs/certificates.md, one by one.

use supplysync_net::certificate;
use supplysync_net::pem_file;
use supplysync_tests::{Site, eventually, run};
use tokio::time::Duration;

use crate::joining::{in_step, joined, operator, restart_with};
use crate::world::{COMMAND_LIMIT, World};

const LIMIT: Duration = Duration::from_secs(60);

async fn rotate(world: &World, step: &str) {
    let mut command = world.network.primary_command();
    command.args(["certs", "rotate", step]);
    run(command, COMMAND_LIMIT).await.unwrap().success().unwrap();
}

async fn trusts(site: &Site, authorities: usize) {
    let what = format!("{} to trust {authorities}", site.name());
    let file = site.certificate().authority;
    let looked = eventually(&what, LIMIT, || async {
        let held = pem_file::read_certificates(&file)?;
        Ok((held.len() == authorities).then_some(()))
    });
    looked.await.unwrap();
}

async fn is_issued_by(site: &Site, issuer: &str) {
    let what = format!("{} to have a certificate of {issuer}", site.name());
    let file = site.certificate().certificate;
    let looked = eventually(&what, LIMIT, || async {
        Ok((certificate::describe_file(&file)?.issuer == issuer).then_some(()))
    });
    looked.await.unwrap();
}

#[tokio::test]
async fn a_new_authority_takes_over_step_by_step() {
    let mut world = World::with_primary().await;
    // Far from its own renewal, and asked for every few seconds.
    restart_with(&mut world, "SUPPLYSYNC_ENROLMENT__CERTIFICATE_LIFE", "5m")
        .await
        .unwrap();
    let mut satellite = joined(&mut world, 2, "Northern clinic").await;
    in_step(&mut world, &satellite).await;
    let tls = world.network.primary().folder().join("tls");
    let old = certificate::describe_file(&tls.join("authority.crt"))
        .unwrap()
        .subject;

    rotate(&world, "begin").await;
    trusts(&satellite, 2).await;
    is_issued_by(&satellite, &old).await;
    in_step(&mut world, &satellite).await;
    let new = pem_file::read_certificates(&tls.join("authority.crt")).unwrap();
    let new = certificate::describe(&new[1]).unwrap().subject;
    assert_ne!(new, old);

    rotate(&world, "switch").await;
    is_issued_by(&satellite, &new).await;
    is_issued_by(world.network.primary(), &new).await;
    operator(&world.network, world.network.sites().next().unwrap()).await;
    operator(&world.network, &satellite).await;
    in_step(&mut world, &satellite).await;
    let mut third = joined(&mut world, 3, "Eastern clinic").await;

    rotate(&world, "finish").await;
    for site in [&satellite, &third] {
        trusts(site, 1).await;
    }
    for site in [&mut satellite, &mut third] {
        site.stop().await.unwrap();
        site.start().await.unwrap();
    }
    world.network.primary().stop().await.unwrap();
    world.network.primary().start().await.unwrap();
    in_step(&mut world, &satellite).await;
    in_step(&mut world, &third).await;
    satellite.stop().await.unwrap();
    third.stop().await.unwrap();
}
