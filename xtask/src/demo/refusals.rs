//! Act 6: what is forbidden is tried, and each refusal is shown in its own words.

use supplysync_api::fault::Refusal;
use supplysync_api::v1::{Item, SetCopiesRequest, StockLine, UpdateItemRequest, UpdateStockLineRequest};
use supplysync_tests::{Called, Client, Outcome, SessionAttempt, knock_without_certificate};

use super::cast::{Cast, PRIMARY};
use super::script::{CHANGED_ITEM, COPIED_STORE};
use super::stage::Stage;

/// Tries it all.
pub async fn play(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("What is forbidden");
    item_on_a_satellite(cast, stage).await?;
    stock_where_not_active(cast, stage).await?;
    identities(cast, stage).await?;
    copies_without_the_code(cast, stage).await
}

async fn item_on_a_satellite(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    let clinic = cast.client(4)?;
    let item = clinic.item(CHANGED_ITEM).await?;
    let changed = Item {
        name: "Changed at the clinic".into(),
        ..item.clone()
    };
    let request = UpdateItemRequest {
        item: Some(changed),
        update_mask: None,
    };
    let refusal = clinic.master_data().update_item(request).await.refusal()?;
    show(
        stage,
        "item_on_a_satellite",
        "An item edited on a satellite",
        "MASTER_DATA_IS_PRIMARY_ONLY",
        cast.name(PRIMARY)?,
        &refusal,
    )?;
    let unchanged = clinic.item(CHANGED_ITEM).await?.etag == item.etag;
    stage.must("item_unchanged", unchanged, "", || {
        "the item was changed all the same".into()
    })
}

async fn stock_where_not_active(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    for (sync_id, place) in [(PRIMARY, "the primary"), (3, "the satellite that keeps a copy")] {
        let client = cast.client(sync_id)?;
        let line = first_line(client).await?;
        let moved = StockLine {
            location_code: "ELSEWHERE".into(),
            ..line.clone()
        };
        let request = UpdateStockLineRequest {
            stock_line: Some(moved),
            update_mask: None,
        };
        let refusal = client.stock().update_stock_line(request).await.refusal()?;
        let name = format!("stock_not_active_on_site_{sync_id}");
        let what = format!("Stock of {COPIED_STORE} edited on {place}");
        show(
            stage,
            &name,
            &what,
            "STORE_NOT_ACTIVE_HERE",
            cast.name(2)?,
            &refusal,
        )?;
        let unchanged = first_line(client).await?.etag == line.etag;
        stage.must("stock_unchanged", unchanged, "", || {
            "the stock line was changed all the same".into()
        })?;
    }
    Ok(())
}

async fn first_line(client: &Client) -> Outcome<StockLine> {
    let lines = client.stock_lines(COPIED_STORE).await?;
    lines.into_iter().next().ok_or_else(|| "no stock line".into())
}

async fn identities(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    let network = &cast.network;
    let site = |sync_id: u16| {
        network
            .sites()
            .find(move |site| site.sync_id() == sync_id)
            .ok_or("no such site")
    };
    let (primary, third) = (site(PRIMARY)?, site(3)?);
    let connection = Client::connect(&primary.url(), &third.certificate()).await?;
    let refusal = SessionAttempt::new(2, cast.name(2)?, network.credential())
        .refusal(&connection)
        .await?;
    show(
        stage,
        "another_sites_certificate",
        "Site 3's certificate used to speak for site 2",
        "IDENTITY_REFUSED",
        "",
        &refusal,
    )?;

    let said = knock_without_certificate(primary.grpc(), &third.certificate().authority).await?;
    let line = format!("No certificate at all: {said}");
    stage.must(
        "no_certificate",
        said.contains("CertificateRequired"),
        &line,
        || said.clone(),
    )
}

async fn copies_without_the_code(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    let request = SetCopiesRequest {
        sync_id: 4,
        stores: vec![COPIED_STORE.to_owned()],
        ..SetCopiesRequest::default()
    };
    let refusal = cast.primary()?.sites().set_copies(request).await.refusal()?;
    show(
        stage,
        "copies_without_the_code",
        "SetCopies without the authorisation code",
        "PREFERENCES_LOCKED",
        "",
        &refusal,
    )
}

/// Shows a refusal, which must have this reason and name who may.
fn show(
    stage: &mut Stage,
    name: &str,
    what: &str,
    reason: &str,
    names: &str,
    refusal: &Refusal,
) -> Outcome<()> {
    let holds = refusal.reason == reason && refusal.message.contains(names);
    stage.must(name, holds, &format!("{what}: {}", refusal.message), || {
        format!("{refusal:?}")
    })?;
    stage.say(&format!("    {}", refusal.reason));
    Ok(())
}
