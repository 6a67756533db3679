//! P11 where a database was changed behind the program's back: `verify` finds it, `verify --repair` makes it good from the owner,
//! and both are told in the audit log.

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use supplysync_api::v1::{
    Finding, LastVerification, PlaceState, RepairState, StandingState, TraceRecordRequest, VerifyRequest,
    VerifyResponse,
};
use supplysync_tests::{Called, Client, Site, eventually, prove_equal, run};
use tokio::process::Command;
use tokio::time::Duration;

use crate::page::{self, refusal, shown};
use crate::shelves::{self, confirm, receipt};
use crate::world::{COMMAND_LIMIT, World, database};

const WARNING: &str =
    "the daily verification found what is not as it should be: `verify --repair` puts right what can be";
const ARRIVAL: Duration = Duration::from_secs(60);

/// Store `NORTH` is active on satellite 2 and has stock; the primary holds a copy.
async fn two_sites() -> (World, Client, Client) {
    trading(World::with_satellite().await).await
}

async fn trading(mut world: World) -> (World, Client, Client) {
    let primary = world.network.primary().client().await.unwrap();
    let satellite = world.network.satellite(2).unwrap().client().await.unwrap();
    shelves::import(&primary).await;
    shelves::assign(&world, &primary, "NORTH", 2).await;
    let clinic = &satellite;
    eventually("the store to be active at the clinic", ARRIVAL, || async move {
        Ok((clinic.store("NORTH").await?.active_site == 2).then_some(()))
    })
    .await
    .unwrap();
    for item in ["PARA", "AMOX"] {
        let received = receipt(&satellite, "NORTH", item).await;
        confirm(&satellite, received).await;
    }
    prove_equal(&primary, &satellite, ARRIVAL).await.unwrap();
    (world, primary, satellite)
}

/// Changes a database that its program has open.
fn behind_the_back(database: &Path, statements: &[&str]) {
    let connection = Connection::open(database).unwrap();
    connection.busy_timeout(COMMAND_LIMIT).unwrap();
    for sql in statements {
        let changed = connection.execute(sql, []).unwrap();
        assert!(changed > 0, "{sql}");
    }
}

async fn deep(client: &Client) -> VerifyResponse {
    let request = VerifyRequest { deep: true };
    client.diagnostics().verify(request).await.answer().unwrap()
}

fn messages(findings: &[Finding]) -> String {
    let found = findings.iter().map(|finding| finding.message.as_str());
    found.collect::<Vec<_>>().join("\n")
}

/// `verify --repair` as it is typed; what it says.
async fn repair(mut command: Command) -> Value {
    command.args(["verify", "--repair", "--output", "json"]);
    let said = run(command, COMMAND_LIMIT).await.unwrap().success().unwrap();
    serde_json::from_str(&said).unwrap()
}

fn typed(site: &Site, command: &str) -> Command {
    let mut program = site.command();
    program.arg(command);
    program
}

async fn actions(site: &Site) -> Vec<String> {
    let mut command = site.command();
    command.args(["audit", "list", "--action", "repair.", "--output", "json"]);
    let said = run(command, COMMAND_LIMIT).await.unwrap().success().unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    let entries = said["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect()
}

/// What is kept of the daily verification, as if none was done since 1970.
const LONG_AGO: &str = "UPDATE preference SET value = CAST('{\"since\":0,\"begun\":null,\"ended\":null,\"ok\":true,\
    \"records\":0,\"differs\":[],\"total\":0}' AS BLOB) WHERE key = 'verify.nightly'";

/// Has the daily verification be due, and waits for it.
async fn verified_by_itself(client: &Client, database: &Path) -> LastVerification {
    eventually("the first look at what is due", ARRIVAL, || async move {
        let connection = Connection::open(database)?;
        let sql = "SELECT COUNT(*) FROM preference WHERE key = 'verify.nightly'";
        let known: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok((known > 0).then_some(()))
    })
    .await
    .unwrap();
    behind_the_back(database, &[LONG_AGO]);
    eventually("the daily verification", ARRIVAL, || async move {
        Ok(client.status().await?.verification)
    })
    .await
    .unwrap()
}

/// Waits until every repair at a site has ended well, and nothing differs.
async fn repaired(client: &Client, copies: usize) {
    eventually("the repair to be done and proven", ARRIVAL, || async move {
        let answer = deep(client).await;
        let done = answer
            .repairs
            .iter()
            .filter(|repair| repair.state() == RepairState::Equal);
        match answer.ok && answer.findings.is_empty() && done.count() == copies {
            true => Ok(Some(())),
            false => Err(format!("{:?} {:?}", answer.repairs, answer.findings).into()),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_was_changed_in_a_satellites_copy_is_found_and_comes_again_from_the_primary() {
    let (mut world, primary, satellite) = two_sites().await;
    let before = satellite.item("PARA").await.unwrap();
    let site = world.network.satellite(2).unwrap();
    behind_the_back(
        &database(site),
        &[
            // One item says what the other says; one is called otherwise in the typed table only; a name is gone.
            "UPDATE record SET body = (SELECT r.body FROM record r JOIN item i ON i.id = r.id AND r.kind = 2 \
             WHERE i.code = 'PARA') WHERE kind = 2 AND id = (SELECT id FROM item WHERE code = 'AMOX')",
            "UPDATE item SET name = 'Something else' WHERE code = 'PARA'",
            "DELETE FROM record WHERE kind = 3 AND id = (SELECT id FROM name WHERE code = 'CUS')",
        ],
    );
    let found = deep(&satellite).await;
    assert!(!found.ok);
    let words = messages(&found.findings);
    for expected in [
        "the record is not what its hash says",
        "the row in the typed tables differs from the record",
        "a row in the typed tables that no record accounts for",
        "the digest kept is not that of the records",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    let said = repair(site.command()).await;
    assert_eq!(said["left"], Value::Array(Vec::new()), "{said}");
    assert_eq!(said["asked"][0]["channel"], "master", "{said}");
    repaired(&satellite, 1).await;
    assert_eq!(satellite.item("PARA").await.unwrap(), before);
    satellite.name("CUS").await.unwrap();
    prove_equal(&primary, &satellite, ARRIVAL).await.unwrap();
    let told = actions(world.network.satellite(2).unwrap()).await;
    for action in ["repair.rows", "repair.begin", "repair.end"] {
        assert!(told.iter().any(|told| told == action), "{action}: {told:?}");
    }
}

#[tokio::test]
async fn what_was_changed_in_the_primarys_copy_is_found_and_comes_again_from_the_stores_site() {
    let (mut world, primary, satellite) = trading(World::with_satellite_on_a_file().await).await;
    behind_the_back(
        &database(world.network.primary()),
        &[
            "UPDATE record SET deleted = 1 WHERE kind = 20 AND id = (SELECT MIN(id) FROM record WHERE kind = 20)",
            "DELETE FROM record WHERE kind = 21 AND id = (SELECT MIN(id) FROM record WHERE kind = 21)",
            "UPDATE stock_line SET packs_total = packs_total + 1000000",
        ],
    );
    let found = deep(&primary).await;
    assert!(!found.ok);
    let said = repair(world.network.primary_command()).await;
    assert_eq!(said["left"], Value::Array(Vec::new()), "{said}");
    let asked = said["asked"].as_array().unwrap();
    let asked: Vec<_> = asked.iter().map(|row| row["channel"].as_str().unwrap()).collect();
    assert_eq!(asked, ["NORTH stock", "NORTH history"]);
    repaired(&primary, 2).await;
    prove_equal(&primary, &satellite, ARRIVAL).await.unwrap();
    // What is written there afterwards comes as before.
    let received = receipt(&satellite, "NORTH", "PARA").await;
    confirm(&satellite, received).await;
    prove_equal(&primary, &satellite, ARRIVAL).await.unwrap();
    let told = actions(world.network.primary()).await;
    assert_eq!(
        told.iter().filter(|told| *told == "repair.end").count(),
        2,
        "{told:?}"
    );
}

#[tokio::test]
async fn the_status_says_of_each_store_as_of_when_it_is_identical_to_its_owner() {
    let (mut world, primary, satellite) = two_sites().await;
    for (client, store, owner, holder) in [
        (&primary, "NORTH", 2, 1),
        (&satellite, "NORTH", 2, 1),
        (&satellite, "", 1, 2),
        (&primary, "", 1, 2),
    ] {
        eventually("a copy to be told identical", ARRIVAL, || async move {
            let stores = client.status().await?.stores;
            let found = stores
                .iter()
                .find(|row| row.store_code == store && row.holder == holder);
            let found = found.ok_or("it is not told of")?;
            assert_eq!(found.owner, owner);
            match found.state() {
                StandingState::Identical if found.seq > 0 && !found.time.is_empty() => Ok(Some(())),
                _ => Err(found.summary.clone().into()),
            }
        })
        .await
        .unwrap();
    }
    let status = run(
        typed(world.network.satellite(2).unwrap(), "status"),
        COMMAND_LIMIT,
    );
    let said = status.await.unwrap().success().unwrap();
    assert!(said.contains("identical to its owner at seq "), "{said}");
}

#[tokio::test]
async fn each_site_verifies_by_itself_and_the_status_says_what_differs() {
    let (mut world, _, satellite) = two_sites().await;
    let site = world.network.satellite(2).unwrap();
    let place = database(site);
    behind_the_back(
        &place,
        &["UPDATE item SET name = 'Something else' WHERE code = 'PARA'"],
    );
    let found = verified_by_itself(&satellite, &place).await;
    assert!(
        !found.ok && found.total == 1 && found.records_checked > 10,
        "{found:?}"
    );
    assert!(
        found.differs[0].contains("the row in the typed tables differs"),
        "{found:?}"
    );
    let warned = site.logged(WARNING).unwrap();
    assert_eq!(warned.len(), 1);
    assert_eq!(warned[0]["level"], "WARN");
    let said = repair(site.command()).await;
    assert_eq!(said["channels"][0]["channel"], "master", "{said}");
    assert_eq!(said["asked"], Value::Array(Vec::new()), "{said}");
    let found = verified_by_itself(&satellite, &place).await;
    assert!(found.ok && found.differs.is_empty(), "{found:?}");
}

#[tokio::test]
async fn damaged_tables_are_made_again_while_the_program_runs() {
    let (mut world, _, satellite) = two_sites().await;
    let site = world.network.satellite(2).unwrap();
    behind_the_back(
        &database(site),
        &[
            "UPDATE item SET name = 'Something else'",
            "DELETE FROM name",
            "UPDATE stock_line SET packs_total = 0",
            "DELETE FROM stock_transaction_line",
            "UPDATE unit SET id = randomblob(16)",
        ],
    );
    assert!(!deep(&satellite).await.ok);
    let rebuilt = run(typed(site, "rebuild-projections"), COMMAND_LIMIT);
    let said = rebuilt.await.unwrap().success().unwrap();
    assert!(said.contains("records were made again"), "{said}");
    let after = deep(&satellite).await;
    assert!(after.ok && after.findings.is_empty(), "{after:?}");
    assert_eq!(satellite.item("PARA").await.unwrap().name, "Paracetamol");
}

#[tokio::test]
async fn a_trace_says_of_each_site_which_version_it_has() {
    let (mut world, primary, satellite) = two_sites().await;
    let places = async |client: &Client, record: &str| {
        let request = TraceRecordRequest {
            record: record.to_owned(),
            ..TraceRecordRequest::default()
        };
        let traced = client.diagnostics().trace_record(request).await.answer().unwrap();
        let places = traced.records[0].places.iter();
        places
            .map(|place| (place.sync_id, place.state(), !place.version.is_empty()))
            .collect::<Vec<_>>()
    };
    let line = satellite.stock_lines("NORTH").await.unwrap()[0].id.clone();
    let (applied, there) = (PlaceState::Applied, PlaceState::Acknowledged);
    assert_eq!(
        places(&satellite, &line).await,
        [(1, there, true), (2, applied, true)]
    );
    assert_eq!(
        places(&primary, &line).await,
        [(1, applied, true), (2, there, true)]
    );
    assert_eq!(
        places(&primary, "PARA").await,
        [(1, applied, true), (2, there, true)]
    );
    assert_eq!(
        places(&satellite, "PARA").await,
        [(1, there, true), (2, applied, true)]
    );
    // A transaction is known by store and number, and its lines by the codes of their items.
    let traced = shown(
        world.network.primary().command(),
        &["trace", "1", "--store", "NORTH"],
    )
    .await;
    let record = &traced["records"][0];
    assert_eq!(record["name"], "supplier invoice 1 of NORTH");
    assert_eq!(record["body"]["lines"][0]["item_code"], "PARA");
    for (number, reason) in [("77", "RECORD_NOT_FOUND"), ("one", "INVALID_FIELDS")] {
        let refused = page::typed(
            world.network.primary().command(),
            &["trace", number, "--store", "NORTH"],
        )
        .await;
        assert_eq!(refusal(&refused).0, reason);
    }
}
