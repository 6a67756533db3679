//! Sites whose programs are of two versions: in step while they are upgraded one after the other, and refused in order on the
//! way back. The other version is built by `tests/upgrade/run`.

use std::path::Path;

use supplysync_api::v1::MasterDataKind;
use supplysync_tests::{Binaries, eventually, prove_equal, run};

use crate::moves::ARRIVAL;
use crate::shelves::{self, confirm, receipt};
use crate::world::{COMMAND_LIMIT, World, words};

/// Where the programs of the other version are.
const OTHER: &str = "SUPPLYSYNC_TEST_OTHER";

/// Satellite 2 has `NORTH`, satellite 3 `HEAD`.
const SATELLITES: [(u16, &str); 2] = [(2, "NORTH"), (3, "HEAD")];

fn both() -> (Binaries, Binaries) {
    let folder = std::env::var_os(OTHER).unwrap_or_else(|| panic!("{OTHER} names no folder"));
    let other = Binaries::in_folder(Path::new(&folder));
    let other = other.unwrap_or_else(|| panic!("no programs in {}", folder.display()));
    (other, Binaries::beside_this_program().unwrap())
}

#[tokio::test]
#[ignore = "needs the programs of another version: tests/upgrade/run"]
async fn sites_are_upgraded_one_after_the_other() {
    let (older, newer) = both();
    let mut world = World::of(older.clone()).await;
    set_up(&mut world).await;
    work_everywhere(&mut world).await;
    replace(&mut world, 1, &newer.primary).await;
    work_everywhere(&mut world).await;
    for (number, _) in SATELLITES {
        replace(&mut world, number, &newer.satellite).await;
        work_everywhere(&mut world).await;
    }
    back(&mut world, &older.satellite, &newer.satellite).await;
    work_everywhere(&mut world).await;
}

#[tokio::test]
#[ignore = "needs the programs of another version: tests/upgrade/run"]
async fn a_satellite_may_be_upgraded_before_its_primary() {
    let (older, newer) = both();
    let mut world = World::of(older).await;
    set_up(&mut world).await;
    replace(&mut world, 2, &newer.satellite).await;
    work_everywhere(&mut world).await;
    replace(&mut world, 1, &newer.primary).await;
    work_everywhere(&mut world).await;
}

async fn set_up(world: &mut World) {
    let primary = world.network.primary().client().await.unwrap();
    shelves::import(&primary).await;
    for (number, store) in SATELLITES {
        let satellite = world.network.add_satellite(number, store).await.unwrap();
        let client = satellite.client().await.unwrap();
        shelves::assign(world, &primary, store, number).await;
        let active = async || {
            let here = client.store(store).await?.active_site == u32::from(number);
            Ok(here.then_some(()))
        };
        eventually("the store to be active", ARRIVAL, active)
            .await
            .unwrap();
    }
}

/// Stock comes in at each satellite, the primary changes master data, and all are equal afterwards.
async fn work_everywhere(world: &mut World) {
    let primary = world.network.primary().client().await.unwrap();
    let (mut satellites, mut news) = (Vec::new(), String::new());
    for (number, store) in SATELLITES {
        let client = world.network.satellite(number).unwrap().client().await.unwrap();
        let wrote = receipt(&client, store, "AMOX").await;
        news = confirm(&client, wrote).await.id;
        satellites.push(client);
    }
    let changed = format!("name,description,index\ntablet,since {news},1\n");
    let files = vec![(MasterDataKind::Unit, changed)];
    primary.import_all(files).await.unwrap();
    for satellite in &satellites {
        prove_equal(&primary, satellite, ARRIVAL).await.unwrap();
    }
}

async fn replace(world: &mut World, number: u16, program: &Path) {
    let site = match number {
        1 => world.network.primary(),
        _ => world.network.satellite(number).unwrap(),
    };
    site.stop().await.unwrap();
    site.replace_program(program);
    site.start().await.unwrap();
}

/// An older program either goes on, or says that the database is too new for it and leaves it as it is.
async fn back(world: &mut World, older: &Path, newer: &Path) {
    let site = world.network.satellite(2).unwrap();
    site.stop().await.unwrap();
    site.replace_program(older);
    let mut serve = site.command();
    serve.arg("serve");
    match site.start_with(serve).await {
        Ok(()) => site.stop().await.unwrap(),
        Err(_) => {
            let mut serve = site.command();
            serve.arg("serve");
            let refused = run(serve, COMMAND_LIMIT).await.unwrap();
            assert!(words(&refused).contains("DATABASE_TOO_NEW"), "{refused:?}");
        }
    }
    site.replace_program(newer);
    site.start().await.unwrap();
}
