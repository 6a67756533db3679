//! Act 5: a change on the primary, and how long it takes to be everywhere; an item retired while a clinic has it in stock.

use std::time::Duration;

use supplysync_api::v1::{
    CreateTransactionRequest, DeleteItemRequest, Item, Transaction, TransactionLine, TransactionType,
    UpdateItemRequest,
};
use supplysync_tests::{Called, Client, Outcome, eventually, within};
use tokio::time::Instant;

use super::cast::{ARRIVAL_LIMIT, Cast, SATELLITES};
use super::movements::confirmed;
use super::script::{CHANGED_ITEM, RETIRED_ITEM};
use super::stage::Stage;

/// How closely the clock is read while a change travels.
const GLANCE: Duration = Duration::from_millis(2);
/// The clinic that has the retired item in stock, and its site.
const CLINIC: (u16, &str) = (3, "ERH");
const CLINICS_SUPPLIER: &str = "SU005";

/// Shows both.
pub async fn play(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("One item changed, another retired");
    change(cast, stage).await?;
    retire(cast, stage).await
}

async fn change(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    let primary = cast.primary()?;
    let before = primary.item(CHANGED_ITEM).await?;
    let name = format!("{} (film-coated)", before.name);
    let started = Instant::now();
    let request = UpdateItemRequest {
        item: Some(Item {
            name: name.clone(),
            ..before.clone()
        }),
        update_mask: Some(mask(&["name"])),
    };
    let after = primary
        .master_data()
        .update_item(request)
        .await
        .answer()?
        .item
        .unwrap_or_default();
    let committed = started.elapsed();
    let clients = SATELLITES.map(|sync_id| cast.client(sync_id));
    let mut arrivals = Vec::new();
    for client in clients {
        arrivals.push(seen(client?, &after, started));
    }
    let arrivals = within(
        "the change to be everywhere",
        ARRIVAL_LIMIT,
        futures::future::try_join_all(arrivals),
    )
    .await?;
    stage.say(&format!(
        "{CHANGED_ITEM} is now {name:?}; committed on the primary after {} ms",
        committed.as_millis()
    ));
    for (sync_id, arrival) in SATELLITES.into_iter().zip(&arrivals) {
        stage.say(&format!(
            "{:22} has it after {} ms",
            cast.name(sync_id)?,
            arrival.as_millis()
        ));
    }
    let last = arrivals.iter().max().copied().unwrap_or_default();
    stage.fact("milliseconds_until_everywhere", u64::try_from(last.as_millis())?);
    stage.must(
        "a_change_is_everywhere",
        arrivals.len() == SATELLITES.len(),
        &format!(
            "every satellite has it, {} ms after it was asked for",
            last.as_millis()
        ),
        String::new,
    )
}

async fn seen(client: &Client, version: &Item, started: Instant) -> Outcome<Duration> {
    while client.item(&version.id).await?.etag != version.etag {
        tokio::time::sleep(GLANCE).await;
    }
    Ok(started.elapsed())
}

async fn retire(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    let primary = cast.primary()?;
    let item = primary.item(RETIRED_ITEM).await?;
    let request = DeleteItemRequest {
        id: item.id.clone(),
        etag: item.etag.clone(),
    };
    primary.master_data().delete_item(request).await.answer()?;
    let (site, store) = CLINIC;
    let clinic = cast.client(site)?;
    let there = &item;
    eventually(
        "the clinic to know that the item is retired",
        ARRIVAL_LIMIT,
        || async move { Ok(clinic.item(&there.id).await?.retired.then_some(())) },
    )
    .await?;
    stage.say(&format!(
        "{RETIRED_ITEM} {:?} is retired on the primary; what {store} sees:",
        item.name
    ));
    let lines = clinic.stock_lines(store).await?;
    let line = lines
        .into_iter()
        .find(|line| line.item_id == item.id)
        .ok_or("the clinic has lost its stock of it")?;
    let shown = format!(
        "its {} packs (batch {}, expiry {}) are still on the shelf, marked retired",
        line.packs_total, line.batch, line.expiry_date
    );
    stage.must(
        "retired_stock_stays_readable",
        line.item_retired && line.item_name == item.name,
        &shown,
        || format!("{line:?}"),
    )?;

    let store_id = clinic.store(store).await?.id;
    let receipt = Transaction {
        store_id: store_id.clone(),
        r#type: TransactionType::SupplierInvoice.into(),
        other_party_id: clinic.name(CLINICS_SUPPLIER).await?.id,
        lines: vec![TransactionLine {
            item_id: item.id.clone(),
            batch: "NEW".into(),
            packs: "1".into(),
            ..TransactionLine::default()
        }],
        ..Transaction::default()
    };
    let refusal = clinic
        .stock()
        .create_transaction(CreateTransactionRequest {
            transaction: Some(receipt),
        })
        .await
        .refusal()?;
    let shown = format!("a new receipt is refused: {}", refusal.message);
    stage.must(
        "no_new_receipts",
        refusal.reason == "ITEM_RETIRED",
        &shown,
        || format!("{refusal:?}"),
    )?;

    let issue = Transaction {
        store_id,
        r#type: TransactionType::Prescription.into(),
        patient_reference: "Maternity card 118".into(),
        lines: vec![TransactionLine {
            item_id: item.id,
            stock_line_id: line.id.clone(),
            packs: "0.1".into(),
            ..TransactionLine::default()
        }],
        ..Transaction::default()
    };
    confirmed(clinic, issue).await?;
    let left = clinic
        .stock_lines(store)
        .await?
        .into_iter()
        .find(|left| left.id == line.id)
        .map(|left| left.packs_total);
    stage.must(
        "what_is_there_can_be_used",
        left.as_ref().is_some_and(|left| *left != line.packs_total),
        &format!(
            "a patient still gets it: {} packs are left",
            left.clone().unwrap_or_default()
        ),
        || format!("{left:?}"),
    )
}

fn mask(paths: &[&str]) -> prost_types::FieldMask {
    prost_types::FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}
