//! Taking a site off the network: by force with what it leaves unfinished, and its Sync ID used again by another machine.

use serde_json::Value;
use supplysync_api::v1::{ListQuarantineRequest, PeerState};
use supplysync_tests::{Called, Client, Site, eventually};
use tokio::time::Duration;

use crate::joining::{in_step, join, joined, operator, register};
use crate::page::{refusal, shown, typed};
use crate::shelves::{self, assign, confirm, create, receipt};
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(60);

/// Waits until a site knows where the store `NORTH` is active.
async fn active_on(client: &Client, site: u32) {
    let what = format!("NORTH to be active on site {site}");
    let looked = eventually(&what, LIMIT, || async {
        Ok((client.store("NORTH").await?.active_site == site).then_some(()))
    });
    looked.await.unwrap();
}

/// Waits until the primary has turned a site away; in which words.
async fn turned_away(site: &Site, words: &str) {
    let client = site.client().await.unwrap();
    let looked = eventually(words, LIMIT, || async {
        let peer = client.peer(1).await?;
        match matches!(peer.state(), PeerState::Refused | PeerState::Frozen) && peer.reason.contains(words) {
            true => Ok(Some(())),
            false => Err(format!("{peer:?}").into()),
        }
    });
    looked.await.unwrap();
}

/// Goods that arrive at the site where the store is active.
async fn received(client: &Client, item: &str) {
    let goods = receipt(client, "NORTH", item).await;
    confirm(client, goods).await;
}

#[tokio::test]
async fn a_sync_id_that_is_used_again_starts_clean_and_the_old_database_does_no_harm() {
    let mut world = World::with_primary().await;
    let primary = world.network.primary().client().await.unwrap();
    shelves::import(&primary).await;
    let mut old = joined(&mut world, 2, "Northern clinic").await;
    assign(&world, &primary, "NORTH", 2).await;
    let client = old.client().await.unwrap();
    active_on(&client, 2).await;
    received(&client, "PARA").await;
    let away = ["stores", "move", "NORTH", "--to", "1"];
    world.network.unlocked(&away).await.unwrap();
    for site in [&primary, &client] {
        active_on(site, 1).await;
    }
    in_step(&mut world, &old).await;
    old.stop().await.unwrap();
    world.network.unlocked(&["sites", "remove", "2"]).await.unwrap();

    // Another machine under the same Sync ID: nothing is left of the one before.
    let token = register(&world.network, 2, "Northern clinic").await;
    let mut new = world.network.another_machine(2, "Northern clinic").unwrap();
    join(&world, &new, &token).await.success().unwrap();
    operator(&world.network, &new).await;
    new.start().await.unwrap();
    in_step(&mut world, &new).await;
    let client = new.client().await.unwrap();
    let held = client.held().await.unwrap();
    assert!(
        !held.keys().any(|channel| channel.starts_with("store/")),
        "{held:?}"
    );
    let back = ["stores", "move", "NORTH", "--to", "2"];
    world.network.unlocked(&back).await.unwrap();
    active_on(&client, 2).await;
    received(&client, "AMOX").await;
    in_step(&mut world, &new).await;
    assert_eq!(primary.stock_lines("NORTH").await.unwrap().len(), 2);

    // The old machine comes back, as it was, and then with a certificate that was issued since.
    old.start().await.unwrap();
    turned_away(&old, "has revoked our certificate").await;
    old.stop().await.unwrap();
    let folder = old.folder().join("tls");
    let issued = world.network.issue("site", "2", &["--replace"], &folder);
    issued.await.unwrap();
    let before = primary.held().await.unwrap();
    old.start().await.unwrap();
    turned_away(&old, "restored from a backup or copied").await;
    let away = receipt(&old.client().await.unwrap(), "NORTH", "PARA").await;
    let refused = old
        .client()
        .await
        .unwrap()
        .stock()
        .create_transaction(create(away))
        .await;
    assert_eq!(refused.refusal().unwrap().reason, "STORE_NOT_ACTIVE_HERE");
    assert_eq!(primary.held().await.unwrap(), before);
    received(&client, "PARA").await;
    in_step(&mut world, &new).await;
    let quarantine = ListQuarantineRequest::default();
    let quarantine = primary.diagnostics().list_quarantine(quarantine).await.answer();
    assert_eq!(quarantine.unwrap().changes, []);
    for end in [world.network.primary_command(), new.command()] {
        let verified = typed(end, &["verify", "--deep"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
    }
    old.stop().await.unwrap();
    new.stop().await.unwrap();
}

#[tokio::test]
async fn a_site_that_is_removed_by_force_leaves_on_record_what_was_unfinished() {
    let mut world = World::with_satellite().await;
    let primary = world.network.primary().client().await.unwrap();
    shelves::import(&primary).await;
    assign(&world, &primary, "NORTH", 2).await;
    let client = world.network.satellite(2).unwrap().client().await.unwrap();
    active_on(&client, 2).await;
    received(&client, "PARA").await;
    world.network.satellite(2).unwrap().kill().await.unwrap();
    let taken = ["stores", "move", "NORTH", "--to", "1", "--force"];
    world.network.unlocked(&taken).await.unwrap();
    active_on(&primary, 1).await;

    let code = world.network.folder().join("code");
    let remove = ["sites", "remove", "2", "--code-file", code.to_str().unwrap()];
    let refused = typed(world.network.primary_command(), &remove).await;
    assert_eq!(refusal(&refused).0, "SITE_UNFINISHED");
    let by_force = [&remove[..], &["--force"]].concat();
    let removed = shown(world.network.primary_command(), &by_force).await;
    let unfinished: Vec<_> = removed["unfinished"].as_array().unwrap().iter().collect();
    let [Value::String(unfinished)] = unfinished[..] else {
        panic!("{removed}");
    };
    let words = "store NORTH was taken from it by force: site 2 was last heard";
    assert!(unfinished.starts_with(words), "{unfinished}");
    let audit = ["audit", "list", "--action", "sites.remove"];
    let audit = shown(world.network.primary_command(), &audit).await;
    let (entry, said) = (&audit["entries"][0], format!("removed by force: {unfinished}"));
    assert_eq!(
        (&entry["subject"], &entry["new_value"]),
        (&"2".into(), &said.into())
    );
    assert!(
        entry["principal"].as_str().unwrap().starts_with("operator/admin"),
        "{entry}"
    );

    let sites = shown(world.network.primary_command(), &["sites", "list"]).await;
    assert!(!sites.to_string().contains("Northern clinic"), "{sites}");
    let north = world.network.satellite(2).unwrap();
    north.start().await.unwrap();
    turned_away(north, "has revoked our certificate").await;
    world.network.stop().await.unwrap();
}
