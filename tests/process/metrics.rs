//! `/metrics` of both programs while they work; and whether what alert rules, dashboard and documentation name is exported.

pub mod exposition;
mod named;

use std::collections::BTreeSet;
use std::path::Path;

use supplysync_tests::{Outcome, eventually, metrics_of};

use crate::moves::ARRIVAL;
use crate::shelves::{assign, confirm, import, receipt};
use crate::world::World;
use exposition::Exposition;
use named::{known, names_in};

const PAGE: &str = "docs/monitoring.md";

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A primary and a satellite that have exchanged something in both directions.
async fn at_work() -> World {
    let mut world = World::with_satellite().await;
    let primary = world.network.primary().client().await.unwrap();
    import(&primary).await;
    assign(&world, &primary, "NORTH", 2).await;
    let satellite = world.network.satellite(2).unwrap().client().await.unwrap();
    let items = eventually("the catalogue to arrive", ARRIVAL, || async {
        satellite.store("NORTH").await?;
        Ok(Some(satellite.name("SUP").await?))
    });
    items.await.unwrap();
    let ours = receipt(&satellite, "NORTH", "PARA").await;
    eventually("the first receipt", ARRIVAL, || async {
        satellite.create(ours.clone()).await.map(Some)
    })
    .await
    .unwrap();
    confirm(&satellite, ours).await;
    let arrived = eventually("it to arrive at the primary", ARRIVAL, || async {
        let held = primary.transactions("NORTH").await?.len();
        Ok((held == 2).then_some(()))
    });
    arrived.await.unwrap();
    world
}

/// What both export, once these series have these values.
async fn scraped(world: &mut World, wanted: &[(u16, &str, f64)]) -> [Exposition; 2] {
    let primary = world.network.primary().health();
    let satellite = world.network.satellite(2).unwrap().health();
    let both = eventually("the metrics to be as they should", ARRIVAL, || async {
        let both = [
            Exposition::read(&metrics_of(primary).await?)?,
            Exposition::read(&metrics_of(satellite).await?)?,
        ];
        for (site, series, value) in wanted {
            let found = both[usize::from(*site) - 1].value(series);
            if found != Some(*value) {
                return Err(format!("{series} of site {site} is {found:?}, not {value}").into());
            }
        }
        Ok(Some(both))
    });
    both.await.unwrap()
}

#[tokio::test]
async fn both_programs_export_what_is_documented_and_what_rules_and_dashboard_name() {
    let mut world = at_work().await;
    let mut wanted = Vec::new();
    for (site, peer) in [(1, 2), (2, 1)] {
        for (name, value) in [
            ("sync_pending_records", 0.0),
            ("sync_lag_seq", 0.0),
            ("sync_lag_seconds", 0.0),
            ("sync_refused_records", 0.0),
            ("sync_different_channels", 0.0),
            ("sync_loading_channels", 0.0),
            ("quarantined_entries", 0.0),
            ("parked_records", 0.0),
        ] {
            wanted.push((site, format!("supplysync_{name}{{site=\"{peer}\"}}"), value));
        }
        let connected = format!("supplysync_sync_state{{site=\"{peer}\",state=\"connected\"}}");
        wanted.push((site, connected, 1.0));
        wanted.push((site, "supplysync_ready".to_owned(), 1.0));
        wanted.push((site, "supplysync_readings_ok".to_owned(), 1.0));
    }
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(site, series, value)| (*site, series.as_str(), *value))
        .collect();
    let [primary, satellite] = scraped(&mut world, &wanted).await;
    if let Ok(place) = std::env::var("SUPPLYSYNC_TEST_SCRAPES") {
        for (site, health) in [
            ("primary", world.network.primary().health()),
            ("satellite", world.network.satellite(2).unwrap().health()),
        ] {
            std::fs::write(Path::new(&place).join(site), metrics_of(health).await.unwrap()).unwrap();
        }
    }

    for (exported, pushed) in [(&primary, "received"), (&satellite, "sent")] {
        let head = exported.value("supplysync_feed_head_seq").unwrap();
        assert!(head > 0.0);
        let batches = format!("supplysync_batch_records_count{{direction=\"push\",end=\"{pushed}\"}}");
        assert!(exported.value(&batches).unwrap() >= 1.0);
        let free = exported.value("supplysync_disk_free_bytes").unwrap();
        assert!(free > 0.0 && free <= exported.value("supplysync_disk_size_bytes").unwrap());
        let ends = exported
            .value("supplysync_certificate_expiry_timestamp_seconds{certificate=\"site\"}")
            .unwrap();
        let started = exported.value("supplysync_start_time_seconds").unwrap();
        assert!(ends > started + 86_400.0);
        assert_eq!(
            exported.value("supplysync_digest_comparisons_total{result=\"different\"}"),
            Some(0.0)
        );
        assert!(
            exported
                .value("supplysync_digest_comparisons_total{result=\"equal\"}")
                .unwrap()
                > 0.0
        );
    }
    assert!(
        satellite
            .value("supplysync_sync_records_total{direction=\"push\",fate=\"acknowledged\"}")
            .unwrap()
            >= 2.0
    );
    let writes = "supplysync_database_write_seconds_count{write=\"apply batch\"}";
    assert!(primary.value(writes).unwrap() >= 1.0);
    let told = [&primary, &satellite].map(|exported| exported.series.len());
    assert!(told.iter().all(|series| *series < 1_500), "{told:?} series");

    // Nothing of what is kept, and nobody's name or address.
    for site in world.network.sites() {
        let told = metrics_of(site.health()).await.unwrap();
        for secret in [
            "Northern",
            "Head office",
            "PARA",
            "NORTH",
            "localhost",
            "127.0.0.1",
        ] {
            assert!(!told.contains(secret), "{secret} is told");
        }
    }

    documented(&primary, &satellite);
    let all = primary.and(satellite);
    let mut used = BTreeSet::new();
    for path in [
        "deploy/prometheus/alerts.yaml",
        "deploy/grafana/supplysync.json",
        PAGE,
    ] {
        let named = names_in(&file(path));
        assert!(named.len() > 3, "{path} names {named:?}");
        let wrong: Vec<_> = named
            .iter()
            .filter_map(|named| known(named, &all).err())
            .collect();
        assert!(wrong.is_empty(), "{path}: {wrong:#?}");
        used.extend(named.into_iter().map(|named| named.family));
    }
    // The check itself: what does not exist is noticed.
    for (right, typo) in [
        ("supplysync_sync_lag_seconds", "supplysync_sync_lag_second"),
        ("state=\"frozen\"", "state=\"forzen\""),
        ("{state=\"frozen\"}", "{stat=\"frozen\"}"),
        ("(job, site)", "(job, sites)"),
        (
            "supplysync_database_write_seconds_bucket",
            "supplysync_database_write_seconds_buckets",
        ),
    ] {
        let rules = file("deploy/prometheus/alerts.yaml");
        assert!(rules.contains(right), "{right}");
        let mistyped = names_in(&rules.replacen(right, typo, 1));
        assert!(
            mistyped.iter().any(|named| known(named, &all).is_err()),
            "{typo} is not noticed"
        );
    }
}

/// Each row of the page's table says what one metric is, as the program itself says it; and none is missing.
fn documented(primary: &Exposition, satellite: &Exposition) {
    let page = file(PAGE);
    let rows = page.lines().filter(|line| line.starts_with("| `supplysync_"));
    let rows: BTreeSet<String> = rows.map(str::to_owned).collect();
    let mut exported = BTreeSet::new();
    let both = primary.clone().and(satellite.clone());
    for (name, family) in &both.families {
        let on = match (
            primary.families.contains_key(name),
            satellite.families.contains_key(name),
        ) {
            (true, true) => "both",
            (true, false) => "primary",
            _ => "satellite",
        };
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        exported.insert(format!(
            "| `{name}` | {} | {} | {on} | {} |",
            family.kind,
            labels.join(", "),
            family.help
        ));
    }
    let missing: Vec<_> = exported.difference(&rows).collect();
    let stale: Vec<_> = rows.difference(&exported).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "{PAGE} lacks {missing:#?}\nand says {stale:#?}"
    );
}

#[tokio::test]
async fn what_a_site_lacks_is_told_and_a_removed_site_is_told_no_more() -> Outcome<()> {
    let mut world = World::with_satellite().await;
    let of = |name: &str| format!("supplysync_{name}{{site=\"2\"}}");
    scraped(&mut world, &[(1, &of("sync_pending_records"), 0.0)]).await;
    world.network.satellite(2)?.stop().await?;
    let primary = world.network.primary();
    import(&primary.client().await?).await;
    let health = primary.health();
    eventually("the site to be behind", ARRIVAL, || async {
        let told = Exposition::read(&metrics_of(health).await?)?;
        let value = |name: &str| told.value(&of(name)).unwrap_or(-1.0);
        let behind = [value("sync_pending_records"), value("sync_lag_seq")]
            .iter()
            .all(|lack| *lack >= 9.0);
        // Since it was first seen: not before the next look.
        let late = value("sync_lag_seconds") > 0.0;
        let gone = told.value("supplysync_sync_state{site=\"2\",state=\"connected\"}") == Some(0.0);
        match behind && late && gone && value("sync_last_contact_timestamp_seconds") > 1e9 {
            true => Ok(Some(())),
            false => Err(format!(
                "{:?}",
                told.series
                    .iter()
                    .filter(|(name, _)| name.contains("site="))
                    .collect::<Vec<_>>()
            )
            .into()),
        }
    })
    .await?;
    world
        .network
        .unlocked(&["sites", "remove", "2", "--force"])
        .await?;
    eventually("it to be told no more", ARRIVAL, || async {
        let told = metrics_of(health).await?;
        Ok((!told.contains("site=\"2\"")).then_some(()))
    })
    .await
}
