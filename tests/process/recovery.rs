//! `docs/recovery.md`, typed in order while what it is about really happens: backups put back, machines replaced, servers
//! copied. What was acknowledged is there afterwards, and what only the restored database had is, too.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use supplysync_api::v1::MasterDataKind;
use supplysync_tests::shelves::{assign_store, import_catalogue, issue, receipt};
use supplysync_tests::{Client, Finished, Site, eventually, prove_equal, run};
use tokio::time::Duration;

use crate::document::{Document, Step, unseen};
use crate::joining::operator;
use crate::world::{COMMAND_LIMIT, World, database};

const PAGE: &str = include_str!("../../docs/recovery.md");
const LIMIT: Duration = Duration::from_secs(90);
const NORTH: &str = "Northern clinic";

/// The page, and where its files are.
struct Page {
    steps: VecDeque<Step>,
    folder: PathBuf,
}

impl Page {
    fn of(folder: &Path) -> Page {
        Page {
            steps: Document::read(PAGE).steps.into(),
            folder: folder.to_owned(),
        }
    }

    /// Types the next command of the page, which must begin so, at a site; what the page shows is to be seen.
    async fn types(&mut self, begins: &str, site: &Site) -> Finished {
        let step = self.steps.pop_front().expect("the page has no more commands");
        assert!(
            step.command.starts_with(begins),
            "line {}: {}",
            step.line,
            step.command
        );
        let mut command = site.command();
        let mut words = step.command.split_whitespace().skip(1);
        while let Some(word) = words.next() {
            match word {
                "--data-dir" => drop(words.next()),
                "#" => break,
                file if ["north.backup", "central.backup", "token", "code.txt"].contains(&file) => {
                    command.arg(file);
                }
                word => drop(command.arg(word)),
            }
        }
        command.current_dir(&self.folder);
        let finished = run(command, COMMAND_LIMIT).await.unwrap();
        assert_eq!(finished.code, Some(0), "line {}: {finished:?}", step.line);
        assert_eq!(
            unseen(&step.shown, &finished.stdout),
            Vec::<&str>::new(),
            "line {}: {}",
            step.line,
            finished.stdout
        );
        finished
    }
}

/// A store that is active on the satellite, with twenty packs that the primary knows of.
async fn with_stock(world: &mut World) -> (Client, Client) {
    let primary = world.network.primary().client().await.unwrap();
    import_catalogue(&primary).await.unwrap();
    let unlocked = primary.unlock(world.network.authorisation_code()).await.unwrap();
    assign_store(&unlocked, "NORTH", 2).await.unwrap();
    let satellite = world.network.satellite(2).unwrap().client().await.unwrap();
    let arrived = eventually("the store to be active on the satellite", LIMIT, || async {
        let came = receipt(&satellite, "NORTH", "PARA").await;
        let Ok(came) = came else { return Ok(None) };
        Ok(satellite.create(came).await.ok())
    });
    let first = arrived.await.unwrap();
    satellite.confirm(&first.id).await.unwrap();
    receive(&satellite).await;
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    (primary, satellite)
}

/// Ten packs come in.
async fn receive(satellite: &Client) -> String {
    let made = receipt(satellite, "NORTH", "PARA").await.unwrap();
    let id = satellite.create(made).await.unwrap().id;
    satellite.confirm(&id).await.unwrap();
    id
}

/// Some packs go out.
async fn give(satellite: &Client, packs: &str) -> String {
    let made = issue(satellite, "NORTH", packs).await.unwrap();
    let id = satellite.create(made).await.unwrap().id;
    satellite.confirm(&id).await.unwrap();
    id
}

/// The packs of the store's stock lines, as a site has them.
async fn packs(client: &Client) -> Vec<String> {
    let lines = client.stock_lines("NORTH").await.unwrap();
    lines.into_iter().map(|line| line.packs_total).collect()
}

/// Waits until a site's line about another is so.
async fn until_state(client: &Client, of: u16, state: supplysync_api::v1::PeerState) {
    let what = format!("site {of} to be {state:?}");
    let looked = eventually(&what, LIMIT, || async {
        Ok((client.peer(of).await?.state() == state).then_some(()))
    });
    looked.await.unwrap();
}

#[tokio::test]
async fn the_recovery_page_does_what_it_says() {
    let mut world = World::with_satellite_on_a_file().await;
    let (primary, satellite) = with_stock(&mut world).await;
    let folder = world.folder.path().to_owned();
    let mut page = Page::of(&folder);

    // Back up; then the machine works on, sends that, and dies.
    page.types("satellite-svc backup", world.network.satellite(2).unwrap())
        .await;
    page.types("primary-svc backup", world.network.primary()).await;
    let sent = give(&satellite, "3").await;
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    world.network.satellite(2).unwrap().kill().await.unwrap();

    page.types("satellite-svc restore", world.network.satellite(2).unwrap())
        .await;
    // It can't reach the primary yet: people may write things down, and stock does not move.
    world.network.primary().stop().await.unwrap();
    world.network.satellite(2).unwrap().start().await.unwrap();
    let satellite = world.network.satellite(2).unwrap().client().await.unwrap();
    assert_eq!(packs(&satellite).await, ["20"], "the backup is of before");
    let draft = issue(&satellite, "NORTH", "2").await.unwrap();
    let draft = satellite.create(draft).await.unwrap();
    let refused = satellite.confirm(&draft.id).await.unwrap_err().to_string();
    assert!(refused.contains("restored from a backup"), "{refused}");
    let status = satellite.status().await.unwrap();
    assert!(status.recovery.contains("takes back"), "{}", status.recovery);
    world.network.primary().start().await.unwrap();
    let primary = world.network.primary().client().await.unwrap();
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    page.types("satellite-svc status", world.network.satellite(2).unwrap())
        .await;
    page.types("satellite-svc verify", world.network.satellite(2).unwrap())
        .await;
    page.types("satellite-svc audit list", world.network.satellite(2).unwrap())
        .await;
    assert_eq!(satellite.transaction(&sent).await.unwrap().id, sent);
    assert_eq!(packs(&satellite).await, ["17"]);
    assert_eq!(packs(&primary).await, ["17"]);
    // What was written down meanwhile went up, under a number of its own, and can be confirmed now.
    let (one, other) = (
        satellite.transaction(&sent).await.unwrap(),
        satellite.transaction(&draft.id).await.unwrap(),
    );
    assert_ne!(one.number, other.number, "a number was given twice");
    satellite.confirm(&draft.id).await.unwrap();
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    assert_eq!(packs(&primary).await, ["15"]);

    // The machine is gone for good.
    world.network.satellite(2).unwrap().kill().await.unwrap();
    std::fs::write(folder.join("code.txt"), world.network.authorisation_code()).unwrap();
    let said = page
        .types("primary-svc sites token", world.network.primary())
        .await;
    let token = said
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("ssjoin1_"))
        .expect("no token");
    std::fs::write(folder.join("token"), token).unwrap();
    let mut fresh = world.network.another_machine(2, NORTH).unwrap();
    page.types("satellite-svc join", &fresh).await;
    operator(&world.network, &fresh).await;
    fresh.start().await.unwrap();
    let satellite = fresh.client().await.unwrap();
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    assert_eq!(packs(&satellite).await, ["15"]);
    receive(&satellite).await;
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();

    // Its folder is put back by hand, and people work on before anybody notices.
    fresh.stop().await.unwrap();
    let path = database(&fresh);
    let image = folder.join("image");
    std::fs::copy(&path, &image).unwrap();
    fresh.start().await.unwrap();
    let satellite = fresh.client().await.unwrap();
    let lost_here = give(&satellite, "1").await;
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    fresh.stop().await.unwrap();
    std::fs::copy(&image, &path).unwrap();
    fresh.start().await.unwrap();
    let satellite = fresh.client().await.unwrap();
    until_state(&satellite, 1, supplysync_api::v1::PeerState::Frozen).await;
    until_state(&primary, 2, supplysync_api::v1::PeerState::Frozen).await;
    let only_here = give(&satellite, "4").await;
    page.types("satellite-svc status", &fresh).await;
    fresh.stop().await.unwrap();
    page.types("satellite-svc recover", &fresh).await;
    fresh.start().await.unwrap();
    let satellite = fresh.client().await.unwrap();
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    for id in [&lost_here, &only_here] {
        assert_eq!(&primary.transaction(id).await.unwrap().id, id);
    }
    page.types("primary-svc audit list", world.network.primary())
        .await;
    // 15 and 10 came to 25 packs, less 1 and 4.
    let total: f64 = packs(&primary)
        .await
        .iter()
        .map(|packs| packs.parse::<f64>().unwrap())
        .sum();
    assert!((total - 20.0).abs() < 1e-9, "{total}");
    the_primary_is_lost(&mut world, &mut page, &mut fresh).await;
    assert!(page.steps.is_empty(), "not typed: {:?}", page.steps);
    fresh.stop().await.unwrap();
}

/// The primary's disk dies, and its first backup is put back: what came after that is at the satellite.
async fn the_primary_is_lost(world: &mut World, page: &mut Page, fresh: &mut Site) {
    let primary = world.network.primary().client().await.unwrap();
    let satellite = fresh.client().await.unwrap();
    let list = "name,description,index\nbox,Boxes,99\n".to_owned();
    primary
        .import_all(vec![(MasterDataKind::Unit, list)])
        .await
        .unwrap();
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    let before = primary.held().await.unwrap();
    fresh.stop().await.unwrap();
    world.network.primary().kill().await.unwrap();

    page.types("primary-svc restore", world.network.primary()).await;
    world.network.primary().start().await.unwrap();
    page.types("primary-svc status", world.network.primary()).await;
    let primary = world.network.primary().client().await.unwrap();
    assert_ne!(primary.held().await.unwrap(), before, "the backup is of before");
    fresh.start().await.unwrap();
    let satellite = fresh.client().await.unwrap();
    let only_later = give(&satellite, "2").await;
    gathered(&primary).await;
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
    let now = primary.held().await.unwrap();
    assert_eq!(
        now.get("master").map(|held| held.records),
        before.get("master").map(|held| held.records)
    );
    assert_eq!(primary.transaction(&only_later).await.unwrap().id, only_later);

    // Put back by other means, with nobody to wait for.
    fresh.stop().await.unwrap();
    world.network.primary().stop().await.unwrap();
    let mut steps = std::mem::take(&mut page.steps);
    steps.swap(0, 1);
    page.steps = steps;
    page.types("primary-svc recover", world.network.primary()).await;
    page.types("primary-svc recover", world.network.primary()).await;
    world.network.primary().start().await.unwrap();
    fresh.start().await.unwrap();
    let primary = world.network.primary().client().await.unwrap();
    let satellite = fresh.client().await.unwrap();
    give(&satellite, "1").await;
    prove_equal(&primary, &satellite, LIMIT).await.unwrap();
}

/// Waits until every site has given back what a primary lost.
async fn gathered(primary: &Client) {
    let looked = eventually("every site to have given back what it has", LIMIT, || async {
        Ok(primary.status().await?.recovery.is_empty().then_some(()))
    });
    looked.await.unwrap();
}
