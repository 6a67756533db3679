//! Act 8: stock on hand as the primary sees it, with each copy's freshness; the proof of equality for each copy; the ledger.

use supplysync_api::v1::{ChannelVerification, CopyState};
use supplysync_tests::{Outcome, differing, eventually, settled, unbalanced, verified};

use super::cast::{ARRIVAL_LIMIT, Cast, PRIMARY, SATELLITES};
use super::stage::Stage;

/// Shows it all.
pub async fn play(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("What the primary can prove");
    stock_on_hand(cast, stage).await?;
    verify(cast, stage).await?;
    ledger(cast, stage).await?;
    where_to_look(stage);
    Ok(())
}

async fn stock_on_hand(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    let primary = cast.primary()?;
    let report = eventually(
        "every copy on the primary to be proven",
        ARRIVAL_LIMIT,
        || async move {
            let report = primary.stock_on_hand().await?;
            let unproven = report
                .stores
                .iter()
                .find(|store| !matches!(store.state(), CopyState::ActiveHere | CopyState::Proven));
            match unproven {
                None => Ok(Some(report)),
                Some(store) => Err(format!("{}: {}", store.store_code, store.summary).into()),
            }
        },
    )
    .await?;
    stage.say("Stock on hand:");
    let mut rows: Vec<_> = report.rows.iter().collect();
    rows.sort_by_key(|row| (&row.item_code, &row.store_code));
    let rows = rows.into_iter().map(|row| {
        let mark = if row.item_retired { " (retired)" } else { "" };
        let item = format!("{}{mark}", row.item_name);
        vec![
            row.item_code.clone(),
            item,
            row.store_code.clone(),
            row.packs.clone(),
            row.units.clone(),
            row.earliest_expiry.clone(),
        ]
    });
    stage.table(
        &["item", "name", "store", "packs", "units", "first expiry"],
        rows.collect(),
    );
    stage.say("How fresh each store's copy is:");
    let rows = report.stores.iter().map(|store| {
        vec![
            store.store_code.clone(),
            store.active_site_name.clone(),
            store.summary.clone(),
        ]
    });
    stage.table(&["store", "active on", "on the primary"], rows.collect());
    stage.fact("stock_rows", report.rows.len());
    let stores = report.stores.len();
    stage.must(
        "every_copy_is_proven",
        stores == 12 && !report.rows.is_empty(),
        &format!("{stores} stores: active here, or proven equal to their owner"),
        || format!("{stores} stores"),
    )
}

async fn verify(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.say("The proof of equality (Verify), asked at both ends; channels without records are left out:");
    let mut rows = Vec::new();
    let (mut compared, mut checked) = (0, 0);
    for sync_id in std::iter::once(PRIMARY).chain(SATELLITES) {
        let client = cast.client(sync_id)?;
        let answer = eventually("every copy to be compared", ARRIVAL_LIMIT, || verified(client)).await?;
        checked += answer.records_checked;
        let site = format!("site {sync_id}");
        stage.must(
            &format!("verified_on_site_{sync_id}"),
            answer.ok && answer.findings.is_empty(),
            "",
            || format!("{site}: {:?} {:?}", answer.findings, differing(&answer)),
        )?;
        let with_a_peer = answer.channels.iter().filter(|row| row.peer != 0);
        compared += with_a_peer.clone().count();
        let filled = with_a_peer.filter(|row| row.own_count + row.peer_count > 0);
        rows.extend(filled.map(|row| {
            let digest = row.own_digest.get(..12).unwrap_or_default();
            vec![
                site.clone(),
                channel_name(row),
                format!("site {}", row.peer),
                row.own_count.to_string(),
                row.peer_count.to_string(),
                format!("{digest}…"),
                row.seq.to_string(),
            ]
        }));
    }
    stage.table(
        &["asked", "channel", "with", "here", "there", "digest", "at seq"],
        rows,
    );
    stage.fact("comparisons", compared);
    stage.fact("records_checked", checked);
    stage.must("every_copy_is_equal", compared > 0, &format!("{compared} comparisons, all equal; {checked} records decoded, rehashed and compared with their rows"), String::new)
}

fn channel_name(row: &ChannelVerification) -> String {
    match row.channel.rsplit_once('/') {
        Some((_, part)) if !row.store_code.is_empty() => format!("{} {part}", row.store_code),
        _ => row.channel.clone(),
    }
}

async fn ledger(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    let mut rows = Vec::new();
    for sync_id in std::iter::once(PRIMARY).chain(SATELLITES) {
        let client = cast.client(sync_id)?;
        let counted = eventually("nothing to be pending", ARRIVAL_LIMIT, || settled(client)).await?;
        rows.extend(counted);
    }
    let unbalanced = unbalanced(&rows);
    let total = rows.len();
    stage.say("The ledger: what each owner has, and where it is, counted by each end for itself; empty stores are left out:");
    let filled = rows.iter().filter(|row| row.owner_records + row.held > 0);
    let shown = filled.map(|row| {
        let store = if row.store_code.is_empty() {
            &row.store_name
        } else {
            &row.store_code
        };
        vec![
            store.clone(),
            format!("site {}", row.receiver),
            format!("site {}", row.counted_by),
            row.owner_records.to_string(),
            row.held.to_string(),
            row.quarantined.to_string(),
            row.pending.to_string(),
        ]
    });
    let heading = [
        "store",
        "receiver",
        "counted by",
        "owner's records",
        "held",
        "quarantined",
        "pending",
    ];
    stage.table(&heading, shown.collect());
    stage.fact("ledger_rows", total);
    stage.must(
        "the_ledger_adds_up",
        unbalanced.is_empty() && total > 0,
        &format!(
            "{total} rows, all add up: owner's records = held + quarantined, nothing pending, nothing lost"
        ),
        || format!("{unbalanced:?}"),
    )
}

fn where_to_look(stage: &Stage) {
    stage.say("Where to look next:");
    stage.say("  README.md           how to set up a primary and a satellite of your own");
    stage.say("  ARCHITECTURE.md     the map, and what always holds");
    stage.say("  proto/supplysync/   every service and message");
    stage.say("  cargo demo -- --stay   leaves all this running, with grpcurl lines to try");
}
