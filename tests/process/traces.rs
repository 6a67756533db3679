//! Traces: one change over all the sites that it passes, and a collector that is away.

use std::net::SocketAddr;

use rusqlite::Connection;
use supplysync_api::v1::MasterDataKind;
use supplysync_tests::{Client, eventually, free_address, generated_names, metrics_of};

use crate::collector::{Collector, Told};
use crate::metrics::exposition::Exposition;
use crate::moves::{ARRIVAL, active_on};
use crate::shelves::{assign, import, receipt};
use crate::world::{World, database};

const DROPPED: &str = "supplysync_trace_spans_total{fate=\"dropped\"}";
const AWAY: &str = "the collector of traces takes no spans: they are dropped until it does; see that it runs at traces.endpoint";

/// A primary, `NORTH` on satellite 2, and a copy of it on satellite 3; all tell each step to the collector at that address.
async fn three_sites(collector: SocketAddr) -> World {
    let endpoint = format!("http://{collector}");
    let settings = [
        ("SUPPLYSYNC_TRACES__ENDPOINT", endpoint.as_str()),
        ("SUPPLYSYNC_TRACES__RATIO", "1"),
    ];
    let mut world = World::with_primary().await;
    let primary = world.network.primary();
    primary.stop().await.unwrap();
    for (variable, value) in settings {
        primary.set(variable, value);
    }
    primary.start().await.unwrap();
    let url = primary.url();
    for (number, name) in [(2, "Northern clinic"), (3, "Southern clinic")] {
        let satellite = world.network.set_up_satellite(number, name, url.clone()).await;
        let mut satellite = satellite.unwrap();
        for (variable, value) in settings {
            satellite.set(variable, value);
        }
        world.network.start_satellite(satellite).await.unwrap();
    }
    let primary = world.network.primary().client().await.unwrap();
    import(&primary).await;
    assign(&world, &primary, "NORTH", 2).await;
    let grant = ["copies", "set", "--site", "3", "--store", "NORTH"];
    world.network.unlocked(&grant).await.unwrap();
    for site in [2, 3] {
        active_on(&client(&mut world, site).await, 2).await;
    }
    world
}

async fn client(world: &mut World, site: u16) -> Client {
    world.network.satellite(site).unwrap().client().await.unwrap()
}

/// Writes a transaction at its owner, and waits until it is at the copy.
async fn travels(world: &mut World) -> String {
    let [north, south] = [client(world, 2).await, client(world, 3).await];
    let written = eventually("the first receipt", ARRIVAL, || async {
        let wanted = receipt(&north, "NORTH", "PARA").await;
        north.create(wanted).await.map(Some)
    });
    let id = written.await.unwrap().id;
    let arrived = eventually("it to arrive at the copy", ARRIVAL, || async {
        let held = south.transactions("NORTH").await?;
        Ok(held.iter().any(|held| held.id == id).then_some(()))
    });
    arrived.await.unwrap();
    id
}

/// Who told which steps of a record, once there are five.
async fn whole_trace(collector: &Collector, id: &str) -> Vec<Told> {
    let whole = eventually("the whole trace", ARRIVAL, || async {
        let told = collector.of_record(id);
        match told.len() {
            5 => Ok(Some(told)),
            _ => Err(format!("{told:#?}").into()),
        }
    });
    whole.await.unwrap()
}

#[tokio::test]
async fn a_change_is_one_trace_over_all_the_sites_that_it_passes() {
    let address = free_address().unwrap();
    let collector = Collector::start(address).await;
    let mut world = three_sites(address).await;
    // The first may travel twice, as channels are loaded and then followed.
    travels(&mut world).await;
    let id = travels(&mut world).await;
    let told = whole_trace(&collector, &id).await;
    let steps: Vec<_> = told
        .iter()
        .map(|told| (&*told.span.name, &*told.program, &*told.instance))
        .collect();
    assert_eq!(
        steps,
        [
            ("edit", "satellite-svc", "2"),
            ("push", "satellite-svc", "2"),
            ("apply", "primary-svc", "1"),
            ("route", "primary-svc", "1"),
            ("apply", "satellite-svc", "3"),
        ]
    );

    // One version, by its hash, and each step follows from the one before.
    let held = Connection::open(database(world.network.satellite(3).unwrap())).unwrap();
    let hash = "SELECT hash FROM record WHERE id = ?1";
    let bytes = u128::from_str_radix(&id.replace('-', ""), 16)
        .unwrap()
        .to_be_bytes();
    let hash: Vec<u8> = held.query_row(hash, [bytes], |row| row.get(0)).unwrap();
    let mut parent = Vec::new();
    for told in &told {
        assert_eq!(told.span.trace_id, hash, "{told:?}");
        assert_eq!(told.span.parent_span_id, parent, "{told:?}");
        parent.clone_from(&told.span.span_id);
        assert!(told.span.start_time_unix_nano <= told.span.end_time_unix_nano);
        assert_eq!(told.attribute("supplysync.origin").as_deref(), Some("2"));
        assert_eq!(told.attribute("supplysync.kind").as_deref(), Some("transaction"));
    }
    // Each has begun after the one before; and an ack comes after the commit at the other end.
    let ends = |at: usize| told[at].span.end_time_unix_nano;
    assert!(ends(2) <= ends(1) && ends(4) <= ends(3), "{told:#?}");
    assert!(told[1].attribute("supplysync.batch").is_some());

    // Master data is the primary's, and goes from its edit to each satellite.
    let primary = world.network.primary().client().await.unwrap();
    let names = vec![(MasterDataKind::Name, generated_names(1, 1))];
    primary.import_all(names).await.unwrap();
    let name = primary.name("GEN000001").await.unwrap().id;
    let spread = eventually("the name's trace", ARRIVAL, || async {
        let told = collector.of_record(&name);
        let mut steps: Vec<_> = told
            .iter()
            .map(|told| format!("{} {}", told.span.name, told.instance))
            .collect();
        steps.sort();
        match steps[..] == ["apply 2", "apply 3", "edit 1", "route 1", "route 1"] {
            true => Ok(Some(told)),
            false => Err(format!("{steps:?}").into()),
        }
    });
    let spread = spread.await.unwrap();
    let edit = &spread[0].span;
    let routes: Vec<_> = spread.iter().filter(|told| told.span.name == "route").collect();
    assert!(
        edit.name == "edit"
            && routes
                .iter()
                .all(|route| route.span.parent_span_id == edit.span_id)
    );

    // Stopped in order, each tells the last of it.
    let north = client(&mut world, 2).await;
    let last = north
        .create(receipt(&north, "NORTH", "AMOX").await)
        .await
        .unwrap();
    world.network.stop().await.unwrap();
    let told = collector.of_record(&last.id);
    assert_eq!(
        told.first().map(|told| &*told.span.name),
        Some("edit"),
        "{told:?}"
    );

    let text = collector.text();
    for secret in [
        "PARA",
        "AMOX",
        "Paracetamol",
        "NORTH",
        "Northern",
        "supplier",
        "B1",
        "Head office",
        "127.0.0.1",
        "localhost",
        world.network.credential().1,
    ] {
        assert!(!text.contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nothing_up_and_hears_what_comes_once_it_is_there() {
    let address = free_address().unwrap();
    let mut world = three_sites(address).await;
    travels(&mut world).await;
    let ports: Vec<_> = world.network.sites().map(|site| site.health()).collect();
    eventually("every site to count what it has dropped", ARRIVAL, || async {
        for port in &ports {
            let told = Exposition::read(&metrics_of(*port).await?)?;
            let dropped = told.value(DROPPED).unwrap_or_default();
            if dropped < 10.0 {
                return Err(format!("{port}: {dropped}").into());
            }
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
    travels(&mut world).await;
    for site in world.network.sites() {
        let said = site.logged(AWAY).unwrap();
        assert_eq!(said.len(), 1, "{said:?}");
    }

    let collector = Collector::start(address).await;
    let id = travels(&mut world).await;
    whole_trace(&collector, &id).await;
    world.network.stop().await.unwrap();
}
