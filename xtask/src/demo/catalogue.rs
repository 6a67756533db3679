//! Acts 1 and 2: a real catalogue goes into the primary and arrives on every satellite.

use std::collections::BTreeMap;

use supplysync_api::v1::{AssignStoreRequest, ImportMasterDataResponse, MasterDataKind};
use supplysync_tests::{Called, Outcome, eventually, sample, sample_rows};
use tokio::time::Instant;

use super::cast::{ARRIVAL_LIMIT, Cast, PRIMARY, SATELLITES};
use super::stage::Stage;

/// The channel of master data.
pub const MASTER: &str = "master";

/// Imports units, items, names and stores, and makes each store active on its site.
pub async fn import(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("A real catalogue from CSV into the primary");
    let files = [
        (MasterDataKind::Unit, "units.csv"),
        (MasterDataKind::Item, "items.csv"),
        (MasterDataKind::Name, "names.csv"),
        (MasterDataKind::Store, "stores.csv"),
    ];
    let primary = cast.primary()?;
    let started = Instant::now();
    let mut texts = Vec::new();
    for (kind, file) in files {
        texts.push((kind, sample(file)?));
    }
    let answer = primary.import_all(texts).await?;
    for (kind, file) in files {
        let created = created(&answer, kind);
        stage.say(&format!("{file:10}  {created:>4} rows"));
        stage.fact(file, created);
    }
    let milliseconds = started.elapsed().as_millis();
    stage.say(&format!("one transaction, all or nothing, {milliseconds} ms"));
    let (items, names) = (
        created(&answer, MasterDataKind::Item),
        created(&answer, MasterDataKind::Name),
    );
    stage.must(
        "at_least_400_items_and_60_names",
        items >= 400 && names >= 60,
        "",
        || format!("{items} items, {names} names"),
    )?;

    let unlocked = primary.unlock(cast.network.authorisation_code()).await?;
    let mut active: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for row in sample_rows("assignments.csv")? {
        let (store, sync_id): (&str, u16) = (&row[0], row[1].parse()?);
        let request = AssignStoreRequest {
            store: store.to_owned(),
            sync_id: sync_id.into(),
        };
        unlocked.sites().assign_store(request).await.answer()?;
        active.entry(sync_id).or_default().push(store.to_owned());
    }
    for (sync_id, stores) in &active {
        stage.say(&format!(
            "active on {:22} {}",
            cast.name(*sync_id)?,
            stores.join(", ")
        ));
    }
    let stores = created(&answer, MasterDataKind::Store);
    let assigned = active.values().map(Vec::len).sum::<usize>() as u64;
    stage.must(
        "every_store_is_active_somewhere",
        stores == 12 && assigned == 12,
        "12 stores, each active on one site",
        || format!("{stores} stores, {assigned} assigned"),
    )
}

/// Shows all of it arriving on every satellite.
pub async fn arrive(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("All of it on every satellite");
    let total = cast.primary()?.records(MASTER).await?;
    for sync_id in SATELLITES {
        let client = cast.client(sync_id)?;
        let progress = &std::cell::RefCell::new(stage.progress(cast.name(sync_id)?, total));
        let what = format!("{total} records on site {sync_id}");
        eventually(&what, ARRIVAL_LIMIT, || async move {
            let records = client.records(MASTER).await?;
            progress.borrow_mut().at(records);
            Ok((records >= total).then_some(()))
        })
        .await?;
        progress.borrow_mut().done();
        stage.fact(&format!("records_on_site_{sync_id}"), total);
    }
    cast.in_step().await?;
    let digest = cast
        .client(PRIMARY)?
        .held()
        .await?
        .remove(MASTER)
        .map(|held| held.digest)
        .unwrap_or_default();
    let mut equal = 0;
    for sync_id in SATELLITES {
        let there = cast.client(sync_id)?.held().await?;
        equal += u64::from(
            there
                .get(MASTER)
                .is_some_and(|held| held.digest == digest && held.records >= total),
        );
    }
    let line = format!(
        "{total} records, digest {}…, the same on the primary and all 3 satellites",
        digest.get(..12).unwrap_or_default()
    );
    stage.must("equal_everywhere", equal == 3, &line, || {
        format!("{equal} of 3 satellites have the digest {digest}")
    })
}

fn created(answer: &ImportMasterDataResponse, kind: MasterDataKind) -> u64 {
    let counts = answer.counts.iter().filter(|counts| counts.kind() == kind);
    counts.map(|counts| counts.created).sum()
}
