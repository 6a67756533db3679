//! The page's section "Synchronize parameters": Sync ID, user name and password, Sync with.

use std::fs;
use std::path::Path;

use serde_json::json;
use supplysync_api::v1::{ListSitesRequest, PeerState};
use supplysync_tests::{Called, Client, Site, run};

use super::{Country, holds, refusal, satellite, shown, typed, unchanged};
use crate::joining::join;
use crate::world::{COMMAND_LIMIT, World};

const NUMBER: &str = "You choose this - a number between 1 and 64.";
const UNIQUE: &str = "This must be unique to each store to be synchronized.";
const RESERVED: &str =
    "ID 1 is reserved for the primary server (so, if this is the primary server put 1 in here).";
const AUTHENTICATED: &str = "Communication between the primary and satellite servers is authenticated. This user name and the \
                             password field must match what the primary server is expecting.";
const ANY: &str = "So, you can enter any valid username and password in these fields but they must all be the same for the primary \
                   and satellite servers.";
const LIST: &str = "This list contains the names of the servers to synchronize with. If this is the primary server all the satellite \
                    servers will be identified in this table.";
const PRIMARY_ONLY: &str =
    "If this is a satellite server then the primary server only will be identified in here.";
const ADD: &str = "Click on the '+' button to add a server to the list (takes you to another window where you enter the Sync ID, Name, \
                   Store and URL for the server to synchronize.";
const SAME_VALUES: &str = "Note that these values, except URL will have been entered in this page on the servers hosting the stores \
                           selected. Make sure you enter the right values!";
const REMOVE: &str = "and the '-' button to delete a server you have selected in the list).";
const FULL_URL: &str = "The URL field contains the full URL of the server hosting the store to synchronize";

#[tokio::test]
async fn a_sync_id_is_a_number_of_its_own() {
    let mut world = World::with_primary().await;
    let own = shown(world.network.primary_command(), &["status"]).await;
    assert_eq!(
        (&own["sync_id"], &own["role"]),
        (&json!(1), &json!("primary")),
        "{RESERVED}"
    );
    let init = [
        "init",
        "--sync-id",
        "1",
        "--name",
        "X",
        "--primary-url",
        "https://h:1",
        "--certs",
        "c",
    ];
    let satellite = world.network.new_satellite(1, "X").unwrap();
    assert_eq!(
        typed(satellite.command(), &init).await.code,
        Some(2),
        "{RESERVED}"
    );

    for (number, taken) in [("2", "2"), ("64", "64")] {
        let name = format!("Clinic {number}");
        world
            .network
            .unlocked(&["sites", "add", number, "--name", &name])
            .await
            .expect(NUMBER);
        let before = shown(world.network.primary_command(), &["sites", "list"]).await;
        let again = add(&world, taken, &["--name", "Another"]).await;
        assert_eq!(refusal(&again).0, "SYNC_ID_TAKEN", "{UNIQUE}");
        let after = shown(world.network.primary_command(), &["sites", "list"]).await;
        unchanged(UNIQUE, &before, &after);
    }
    let before = shown(world.network.primary_command(), &["sites", "list"]).await;
    for (number, sentence) in [("1", RESERVED), ("65", NUMBER), ("1000", NUMBER)] {
        let refused = add(&world, number, &["--name", "Another"]).await;
        assert_eq!(refusal(&refused).0, "SYNC_ID_OUT_OF_RANGE", "{sentence} {number}");
    }
    for number in ["0", "-1", "two", "2.5", "70000"] {
        let refused = add(&world, number, &["--name", "Another"]).await;
        assert_eq!(refused.code, Some(2), "{NUMBER} {number}: {refused:?}");
    }
    unchanged(
        NUMBER,
        &before,
        &shown(world.network.primary_command(), &["sites", "list"]).await,
    );
    world.network.stop().await.unwrap();
}

/// Types `sites add`, with the right authorisation code.
async fn add(world: &World, number: &str, more: &[&str]) -> supplysync_tests::Finished {
    let code = world.network.folder().join("code");
    let code = ["--code-file", code.to_str().unwrap()];
    let arguments = [&["sites", "add"], more, &code, &["--", number]].concat();
    let mut command = world.network.primary_command();
    command.args(["--output", "json"]).args(arguments);
    run(command, COMMAND_LIMIT).await.unwrap()
}

#[tokio::test]
async fn user_name_and_password_must_be_the_same_everywhere() {
    let mut world = World::with_primary().await;
    let added = world.network.register(2, "Northern clinic").await.unwrap();
    let mut north = world.network.new_satellite(2, "Northern clinic").unwrap();
    let token = added["join_token"].as_str().unwrap();
    join(&world, &north, token).await.success().unwrap();
    crate::joining::operator(&world.network, &north).await;
    let password = north.folder().join("password");
    let right = fs::read_to_string(&password).unwrap();
    // Those that were chosen for this network, whatever they are.
    assert_eq!(right.trim_end(), world.network.credential().1, "{ANY}");

    fs::write(&password, "another password\n").unwrap();
    north.start().await.unwrap();
    let first = refused(&north).await;
    fs::write(&password, &right).unwrap();
    north.stop().await.unwrap();
    north.set("SUPPLYSYNC_SYNC__USER_NAME", "somebody");
    north.start().await.unwrap();
    let second = refused(&north).await;
    assert_eq!(
        first, second,
        "{AUTHENTICATED} Who guesses is not told which of the two was wrong."
    );
    let primary = world.network.primary().client().await.unwrap();
    let seen = primary.peer(2).await.unwrap();
    assert!(
        seen.channels.is_empty() && seen.last_success_time.is_empty(),
        "{AUTHENTICATED} {seen:?}"
    );

    north.stop().await.unwrap();
    north.set("SUPPLYSYNC_SYNC__USER_NAME", world.network.credential().0);
    north.start().await.unwrap();
    connected(ANY, &north).await;
    north.stop().await.unwrap();
    world.network.stop().await.unwrap();
}

#[tokio::test]
async fn the_old_password_passes_until_it_is_retired() {
    let mut world = World::with_satellite().await;
    let (chosen, code) = (
        world.folder.path().join("chosen"),
        world.folder.path().join("code"),
    );
    fs::write(&chosen, "another horse\n").unwrap();
    let set = [
        "prefs",
        "set",
        "password",
        "--value-file",
        chosen.to_str().unwrap(),
    ];
    let north = world.network.satellite(2).unwrap();
    connected(ANY, north).await;
    north.stop().await.unwrap();
    let held = north.folder().join("password");
    let old = fs::read_to_string(&held).unwrap();
    world.network.unlocked(&set).await.unwrap();
    assert_eq!(fs::read_to_string(&held).unwrap(), old, "{ANY}");
    let north = world.network.satellite(2).unwrap();
    north.start().await.unwrap();
    connected(ANY, north).await;

    let retire = ["prefs", "set", "accept-previous", "false"];
    world.network.unlocked(&retire).await.unwrap();
    let north = world.network.satellite(2).unwrap();
    let mut words = Vec::new();
    for password in [old.as_str(), "a guess\n"] {
        north.stop().await.unwrap();
        fs::write(&held, password).unwrap();
        north.start().await.unwrap();
        words.push(refused(north).await);
    }
    assert_eq!(
        words[0], words[1],
        "{AUTHENTICATED} It is one of many wrong ones now."
    );
    let set = [&set[..], &["--code-file", code.to_str().unwrap()]].concat();
    shown(north.command(), &set).await;
    connected(ANY, north).await;
    world.network.stop().await.unwrap();
}

/// Waits until the primary has refused a site; in which words.
async fn refused(site: &Site) -> String {
    let client = site.client().await.unwrap();
    holds(AUTHENTICATED, || async {
        Ok(client.peer(1).await?.state() == PeerState::Refused)
    })
    .await;
    client.peer(1).await.unwrap().reason
}

async fn connected(sentence: &str, site: &Site) {
    let client = site.client().await.unwrap();
    holds(sentence, || async {
        let peer = client.peer(1).await?;
        Ok(peer.state() == PeerState::Connected && peer.pull_caught_up)
    })
    .await;
}

#[tokio::test]
async fn the_list_of_servers_to_synchronise_with() {
    let mut country = Country::new().await;
    let primary = country.primary().await;
    assert_eq!(
        peers(&primary).await,
        [(2, "Northern clinic".into()), (3, "Eastern clinic".into())],
        "{LIST}"
    );
    for site in [&country.north, &country.east] {
        connected(PRIMARY_ONLY, site).await;
        let client = site.client().await.unwrap();
        assert_eq!(
            peers(&client).await,
            [(1, "Head office".into())],
            "{PRIMARY_ONLY}"
        );
        let listed = client.sites().list_sites(ListSitesRequest::default()).await;
        assert!(listed.refusal().is_ok(), "{PRIMARY_ONLY}");
    }

    // The '+' button: Sync ID, name, store, URL.
    let stores = "code,name,name_code,mode,disabled\nWEST,Western store,CUS,store,false\n";
    let file = country.world.folder.path().join("stores.csv");
    fs::write(&file, stores).unwrap();
    shown(
        country.world.network.primary_command(),
        &["import", "stores", file.to_str().unwrap()],
    )
    .await;
    let url = "https://west.example.org:8444";
    let registered = ["--name", "Western clinic", "--store", "WEST", "--url", url];
    let add_all = [&["sites", "add", "4"], &registered[..]].concat();
    country.world.network.unlocked(&add_all).await.expect(ADD);
    let site = shown(country.world.network.primary_command(), &["sites", "show", "4"]).await;
    let values = (&site["sync_id"], &site["name"], &site["stores"], &site["url"]);
    let entered = (&json!(4), &json!("Western clinic"), &json!(["WEST"]), &json!(url));
    assert_eq!(values, entered, "{ADD}");
    let names = [
        (2, "Northern clinic"),
        (3, "Eastern clinic"),
        (4, "Western clinic"),
    ];
    let names = names.map(|(id, name)| (id, name.to_owned()));
    assert_eq!(peers(&primary).await, names, "{LIST}");

    // Wrong values are refused with the field, and nothing is added.
    let before = shown(country.world.network.primary_command(), &["sites", "list"]).await;
    let nowhere = add(&country.world, "5", &["--name", "Fifth", "--store", "NOWHERE"]).await;
    let not_there = ("RECORD_NOT_FOUND".to_owned(), vec!["stores".to_owned()]);
    assert_eq!(refusal(&nowhere), not_there, "{ADD} {nowhere:?}");
    let wrong: [(&str, &str, &[&str]); 4] = [
        (FULL_URL, "url", &["--name", "Fifth", "--url", "west.example.org"]),
        (
            FULL_URL,
            "url",
            &["--name", "Fifth", "--url", "http://west.example.org"],
        ),
        (ADD, "stores", &["--name", "Fifth", "--store", "WEST"]),
        (ADD, "name", &["--name", "Western clinic"]),
    ];
    for (sentence, field, arguments) in wrong {
        let (_, fields) = refusal(&add(&country.world, "5", arguments).await);
        assert!(
            fields.iter().any(|wrong| wrong.starts_with(field)),
            "{sentence} {arguments:?}: {fields:?}"
        );
    }
    unchanged(
        ADD,
        &before,
        &shown(country.world.network.primary_command(), &["sites", "list"]).await,
    );

    // Changing one, and the '-' button.
    let edit = [
        "sites",
        "edit",
        "4",
        "--name",
        "Far west",
        "--url",
        "https://far.example.org:8444",
    ];
    country.world.network.unlocked(&edit).await.expect(REMOVE);
    let site = shown(country.world.network.primary_command(), &["sites", "show", "4"]).await;
    assert_eq!(site["name"], "Far west", "{REMOVE}");
    let remove = ["sites", "remove", "4"];
    let refused = country
        .world
        .network
        .unlocked(&remove)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("SITE_IN_USE"), "{REMOVE} {refused}");
    let away = ["stores", "move", "WEST", "--to", "1", "--force"];
    country.world.network.unlocked(&away).await.expect(REMOVE);
    country.world.network.unlocked(&remove).await.expect(REMOVE);
    assert_eq!(peers(&primary).await, names[..2], "{REMOVE}");
    let again = ["sites", "add", "4", "--name", "Western clinic"];
    country.world.network.unlocked(&again).await.expect(REMOVE);
    country.stop().await;
}

#[tokio::test]
async fn what_the_other_end_says_otherwise_is_shown() {
    let mut world = World::with_primary().await;
    let mut north = satellite(&world, 2, &["--name", "Northern clinic"], &[]).await;
    let edit = ["sites", "edit", "2", "--name", "Northern hospital"];
    world.network.unlocked(&edit).await.unwrap();
    // It says its name when it begins a session.
    north.stop().await.unwrap();
    north.start().await.unwrap();
    let primary = world.network.primary().client().await.unwrap();
    let there = north.client().await.unwrap();
    for (client, peer) in [(&primary, 2), (&there, 1)] {
        holds(SAME_VALUES, || async {
            let told = client.peer(peer).await?.mismatches.join(" ");
            Ok(told.contains("Northern hospital") && told.contains("Northern clinic"))
        })
        .await;
    }
    north.stop().await.unwrap();
    world.network.stop().await.unwrap();
}

/// With whom a site synchronises, as its status has it.
async fn peers(client: &Client) -> Vec<(u32, String)> {
    let peers = client.status().await.unwrap().peers;
    peers.into_iter().map(|peer| (peer.sync_id, peer.name)).collect()
}

#[tokio::test]
async fn a_changed_password_is_delivered_and_the_old_one_retired_when_every_site_has_shown_the_new() {
    let mut world = World::with_satellite().await;
    world.network.add_satellite(3, "Southern clinic").await.unwrap();
    let south = world.network.satellite(3).unwrap();
    connected(ANY, south).await;
    let southern = south.folder().join("password");
    south.stop().await.unwrap();
    let old = fs::read_to_string(&southern).unwrap();

    let chosen = world.folder.path().join("chosen");
    fs::write(&chosen, "tamarind-and-lime\n").unwrap();
    let chosen = chosen.to_str().unwrap();
    let set = ["prefs", "set", "password", "--value-file", chosen];
    world.network.unlocked(&set).await.unwrap();
    let northern = world.network.satellite(2).unwrap().folder().join("password");
    let new = |file: &Path| fs::read_to_string(file).is_ok_and(|held| held == "tamarind-and-lime\n");
    holds(ANY, || async { Ok(new(&northern)) }).await;
    assert!(new(&world.network.primary().folder().join("password")), "{ANY}");
    assert!(previous(&world).await, "{ANY} Site 3 has not shown the new one.");
    assert_eq!(fs::read_to_string(&southern).unwrap(), old, "{ANY}");

    world.network.satellite(3).unwrap().start().await.unwrap();
    holds(ANY, || async { Ok(new(&southern)) }).await;
    holds(ANY, || async { Ok(!previous(&world).await) }).await;
    let south = world.network.satellite(3).unwrap();
    connected(ANY, south).await;
    let told = shown(south.command(), &["audit", "list", "--principal", "site/1"]).await;
    assert_eq!(told["entries"][0]["subject"], "password", "{ANY} {told}");
    let text = told.to_string();
    assert!(!text.contains("tamarind"), "{ANY} {text}");
    world.network.stop().await.unwrap();
}

/// Whether the user name and password from before the last change are accepted still.
async fn previous(world: &World) -> bool {
    let shown = shown(world.network.primary_command(), &["prefs", "show"]).await;
    shown["previous_credential_accepted"] == true
}
