//! Starts that must be refused, each with words that say what to do, and nothing changed.

use std::fs::{self, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use supplysync_tests::{Binaries, free_address, run};

use crate::world::{COMMAND_LIMIT, World, database, refusal, words};

#[tokio::test]
async fn a_port_in_use_is_named() {
    let mut world = World::with_primary().await;
    let primary = world.network.primary();
    primary.stop().await.unwrap();
    let taken = free_address().unwrap();
    let _holder = TcpListener::bind(taken).unwrap();
    for setting in ["SUPPLYSYNC_LISTEN__GRPC", "SUPPLYSYNC_LISTEN__HEALTH"] {
        let mut serve = primary.command();
        serve.env(setting, taken.to_string());
        let said = words(&refusal(serve).await);
        assert!(said.contains(&taken.port().to_string()), "{setting}: {said}");
    }
}

#[tokio::test]
async fn a_second_program_on_one_database_is_refused() {
    let mut world = World::with_primary().await;
    let primary = world.network.primary();
    let mut serve = primary.command();
    serve.env("SUPPLYSYNC_LISTEN__GRPC", free_address().unwrap().to_string());
    serve.env("SUPPLYSYNC_LISTEN__HEALTH", free_address().unwrap().to_string());
    let said = words(&refusal(serve).await);
    assert!(
        said.contains("DATABASE_IN_USE") || said.contains("another program"),
        "{said}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let mut world = World::with_primary_on_a_file().await;
    let primary = world.network.primary();
    primary.stop().await.unwrap();
    let file = database(primary);
    let foreign =
        b"PK\x03\x04 a spreadsheet, say; long enough to have a header of one hundred bytes ".repeat(4);
    fs::write(&file, &foreign).unwrap();
    let said = words(&refusal(primary.command()).await);
    assert!(said.contains("not a database of this program"), "{said}");
    assert_eq!(fs::read(&file).unwrap(), foreign);
}

#[tokio::test]
async fn a_database_from_a_newer_version_is_refused_and_left_alone() {
    let mut world = World::with_primary_on_a_file().await;
    let primary = world.network.primary();
    primary.stop().await.unwrap();
    let file = database(primary);
    // SQLite keeps `user_version` in bytes 60 to 63 of the file, and the versions of our schema there.
    let mut open = fs::File::options().write(true).open(&file).unwrap();
    open.seek(SeekFrom::Start(60)).unwrap();
    open.write_all(&9_999u32.to_be_bytes()).unwrap();
    drop(open);
    let before = fs::read(&file).unwrap();
    let said = words(&refusal(primary.command()).await);
    assert!(said.contains("9999") && said.contains("newer"), "{said}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn another_roles_database_is_refused() {
    let mut world = World::with_satellite().await;
    let binaries = Binaries::beside_this_program().unwrap();
    let satellite = world.network.satellite(2).unwrap();
    satellite.stop().await.unwrap();
    let mut serve = tokio::process::Command::new(binaries.primary);
    serve.env(
        "SUPPLYSYNC_DATABASE__URL",
        format!("sqlite://{}", database(satellite).display()),
    );
    serve.env("SUPPLYSYNC_DATA_DIR", world.network.primary().folder());
    serve.env("SUPPLYSYNC_LISTEN__GRPC", free_address().unwrap().to_string());
    serve.env("SUPPLYSYNC_LISTEN__HEALTH", free_address().unwrap().to_string());
    let said = words(&refusal(serve).await);
    assert!(
        said.contains("DATABASE_OTHER_SITE") || said.contains("belongs to"),
        "{said}"
    );
}

#[tokio::test]
async fn certificates_that_are_missing_or_broken_are_named() {
    let mut world = World::with_primary().await;
    let primary = world.network.primary();
    primary.stop().await.unwrap();
    for name in ["site.crt", "site.key", "authority.crt"] {
        let file = primary.folder().join("tls").join(name);
        let kept = fs::read(&file).unwrap();
        fs::write(&file, "not PEM").unwrap();
        let said = words(&refusal(primary.command()).await);
        assert!(said.contains(name), "broken {name}: {said}");
        fs::remove_file(&file).unwrap();
        let said = words(&refusal(primary.command()).await);
        assert!(said.contains(name), "missing {name}: {said}");
        fs::write(&file, kept).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }
    primary.start().await.unwrap();
}

#[tokio::test]
async fn every_wrong_setting_is_reported_at_once() {
    let mut world = World::with_primary().await;
    let primary = world.network.primary();
    let mut check = primary.command();
    check.args(["config", "check"]);
    check
        .env("SUPPLYSYNC_DATABASE__URL", "mysql://somewhere")
        .env("SUPPLYSYNC_LIMITS__MAX_SYNC_ID", "1");
    let finished = run(check, COMMAND_LIMIT).await.unwrap();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    let said = words(&finished);
    assert!(
        said.contains("database.url") && said.contains("limits.max_sync_id"),
        "{said}"
    );
}

#[tokio::test]
async fn a_second_init_refuses_and_changes_nothing() {
    let mut world = World::with_primary().await;
    let password = world.folder.path().join("password");
    let code = world.folder.path().join("code");
    let primary = world.network.primary();
    primary.stop().await.unwrap();
    let before = contents(primary.folder());
    let mut init = primary.command();
    init.args([
        "init",
        "--hostname",
        "localhost",
        "--name",
        "Another",
        "--user-name",
        "other",
    ]);
    init.arg("--password-file")
        .arg(password)
        .arg("--authorisation-code-file")
        .arg(code);
    let finished = run(init, COMMAND_LIMIT).await.unwrap();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(words(&finished).contains("nothing was changed"), "{finished:?}");
    assert_eq!(contents(primary.folder()), before);
}

/// All files of a data directory but the log and the lock, with what is in them.
fn contents(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.ends_with("log") && path.extension().is_none_or(|end| end != "lock") {
                found.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
