//! The command line as a person uses it: tables and JSON, exit codes that mean something, imports that are all or nothing.

use std::path::{Path, PathBuf};

use supplysync_tests::{Finished, free_address, run, sample};

use crate::shelves;
use crate::world::{COMMAND_LIMIT, World, database};

const HEADING: &str =
    "code,name,type,unit,strength,atc_code,ven_category,default_pack_size,vaccine,critical,active";

async fn command(world: &mut World, arguments: &[&str]) -> Finished {
    let mut command = world.network.primary().command();
    command.args(arguments);
    run(command, COMMAND_LIMIT).await.unwrap()
}

fn file(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn wrong_rows_are_all_told_with_their_lines_and_nothing_is_imported() {
    let mut world = World::with_primary().await;
    let units = file(&world, "units.csv", &sample("units.csv").unwrap());
    assert_eq!(
        command(&mut world, &["import", "units", text(&units)]).await.code,
        Some(0)
    );
    let rows = [
        HEADING,
        "OK1,Right,stock,tablet,,,vital,100,false,false,true",
        "BAD1,Unknown unit,stock,spoon,,,vital,100,false,false,true",
        "OK1,Twice,stock,tablet,,,vital,100,false,false,true",
        "BAD2,Too many places,stock,tablet,,,vital,1.1234567,false,false,true",
        "BAD3,Negative,stock,tablet,,,vital,-1,false,false,true",
        "BAD4,Not a flag,stock,tablet,,,vital,1,maybe,false,true",
        "BAD5,Too few fields,stock",
    ];
    let items = file(&world, "items.csv", &rows.join("\n"));
    let finished = command(&mut world, &["import", "items", text(&items)]).await;
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for told in [
        "nothing was imported",
        "line 3, unit: there is no unit \"spoon\"",
        "line 4, code",
        "line 5, default_pack_size",
        "line 6, default_pack_size",
        "line 7, vaccine",
        "line 8",
        "IMPORT_REJECTED",
    ] {
        assert!(finished.stderr.contains(told), "{told}: {finished:?}");
    }
    assert!(finished.stdout.is_empty(), "{finished:?}");
    let client = world.network.primary().client().await.unwrap();
    assert!(
        client.item("OK1").await.is_err(),
        "the right row was imported all the same"
    );

    let finished = command(&mut world, &["import", "items", text(&items), "--output", "json"]).await;
    let told: serde_json::Value = serde_json::from_str(&finished.stderr).unwrap();
    assert_eq!(told["error"]["reason"], "IMPORT_REJECTED");
    assert!(
        told["error"]["violations"].as_array().unwrap().len() >= 6,
        "{told}"
    );
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let mut world = World::with_primary().await;
    let units = file(&world, "units.csv", &sample("units.csv").unwrap());
    let arguments = ["import", "units", text(&units), "--dry-run", "--output", "json"];
    let before = world
        .network
        .primary()
        .client()
        .await
        .unwrap()
        .held()
        .await
        .unwrap();
    let finished = command(&mut world, &arguments).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let told: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        (told["dry_run"].as_bool(), told["created"].as_u64()),
        (Some(true), Some(29)),
        "{told}"
    );
    assert_eq!(
        world
            .network
            .primary()
            .client()
            .await
            .unwrap()
            .held()
            .await
            .unwrap(),
        before
    );

    let finished = command(&mut world, &["import", "units", text(&units)]).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let again = command(&mut world, &arguments).await;
    let told: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (told["created"].as_u64(), told["unchanged"].as_u64()),
        (Some(0), Some(29)),
        "{told}"
    );
}

#[tokio::test]
async fn every_reading_command_answers_in_tables_and_in_json() {
    let mut world = World::with_satellite().await;
    let primary = world.network.primary().client().await.unwrap();
    shelves::import(&primary).await;
    shelves::assign(&world, &primary, "HEAD", 1).await;
    let received = shelves::receipt(&primary, "HEAD", "PARA").await;
    shelves::confirm(&primary, received).await;
    let questions: &[(&[&str], &str)] = &[
        (&["status"], "Northern clinic"),
        (&["ledger"], "Northern clinic"),
        (&["verify"], "master"),
        (&["verify", "--deep"], "records were decoded"),
        (&["stock", "list", "--store", "HEAD"], "Paracetamol"),
        (&["report", "stock-on-hand"], "Paracetamol"),
        (&["trace", "PARA"], "Paracetamol"),
        (&["sites", "list"], "Northern clinic"),
        (&["sites", "show", "2"], "Northern clinic"),
        (&["quarantine"], ""),
        (&["config", "show"], "max_readers"),
    ];
    for (arguments, told) in questions {
        let table = command(&mut world, arguments).await;
        assert_eq!(table.code, Some(0), "{arguments:?}: {table:?}");
        assert!(table.stdout.contains(told), "{arguments:?}: {table:?}");
        let json = command(&mut world, &[arguments, &["--output", "json"][..]].concat()).await;
        assert_eq!(json.code, Some(0), "{arguments:?}: {json:?}");
        serde_json::from_str::<serde_json::Value>(&json.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {json:?}"));
    }
}

#[tokio::test]
async fn exit_codes_tell_what_happened() {
    let mut world = World::with_primary().await;
    let nobody = format!("https://localhost:{}", free_address().unwrap().port());
    let missing = world.folder.path().join("none.csv");
    let cases: &[(&[&str], i32)] = &[
        (&["status"], 0),
        (&["trace", "NO-SUCH-CODE"], 1),
        (&["sites", "show", "40"], 1),
        (&["frobnicate"], 2),
        (&["import", "items", text(&missing)], 2),
        (&["status", "--certificate", "/nowhere/operator.crt"], 2),
        (&["status", "--server", &nobody], 3),
    ];
    for (arguments, code) in cases {
        let finished = command(&mut world, arguments).await;
        assert_eq!(finished.code, Some(*code), "{arguments:?}: {finished:?}");
        assert_eq!(
            finished.stderr.is_empty(),
            *code == 0,
            "{arguments:?}: {finished:?}"
        );
        assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    }
}

#[tokio::test]
async fn a_row_edited_behind_the_products_back_is_found() {
    let mut world = World::with_primary_on_a_file().await;
    let primary = world.network.primary().client().await.unwrap();
    shelves::import(&primary).await;
    world.network.primary().stop().await.unwrap();
    let path = database(world.network.primary());
    let mut bytes = std::fs::read(&path).unwrap();
    // The strength of Amoxicillin: once in its record, once in its row.
    let places: Vec<_> = (0..bytes.len() - 6)
        .filter(|at| &bytes[*at..*at + 6] == b"250 mg")
        .collect();
    assert_eq!(places.len(), 2, "the database was laid out otherwise");
    bytes[places[0]] = b'9';
    std::fs::write(&path, bytes).unwrap();
    world.network.primary().start().await.unwrap();
    let found = command(&mut world, &["verify", "--deep"]).await;
    assert_eq!(found.code, Some(4), "{found:?}");
    let item = primary.item("AMOX").await.unwrap();
    assert!(found.stdout.contains(&item.id), "{found:?}");
}

#[tokio::test]
async fn help_tells_every_command_and_the_exit_codes() {
    let mut world = World::with_primary().await;
    let help = command(&mut world, &["--help"]).await;
    assert_eq!(help.code, Some(0));
    for told in [
        "serve",
        "init",
        "import",
        "ledger",
        "verify",
        "sites",
        "certs",
        "Exit codes",
    ] {
        assert!(help.stdout.contains(told), "{told}: {}", help.stdout);
    }
    assert!(
        help.stdout.lines().all(|line| line.chars().count() <= 120),
        "{}",
        help.stdout
    );
}
