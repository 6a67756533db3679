//! Stock lines beside their packs: where they lie, whether they are on hold, what they are sold for; and clearing
//! away empty ones. Packs change through transactions only.

use std::sync::Arc;

use supplysync_model::{Fault, FaultCode, Kind, Reason, RecordKey, StockLine, StockLineId};
use supplysync_record_codec::RecordBody;
use supplysync_store::query::Versioned;
use supplysync_store::{Etag, OwnChange, Queries, Store as RecordStore, WriteTx};

use super::kept;
use super::ownership::require_active;
use super::problems::{Problems, TextLimit};

/// What an update does to the stock line that it finds; of its work only location, hold and sell price count.
pub type StockLineChange = Arc<dyn Fn(&mut StockLine) + Send + Sync>;

/// Changes a stock line.
pub async fn update(
    store: &RecordStore,
    id: StockLineId,
    expected: Option<Etag>,
    change: StockLineChange,
) -> Result<Versioned<StockLine>, Fault> {
    store
        .write("update stock line", move |tx| {
            let change = change.clone();
            Box::pin(async move { revise(tx, id, expected, change.as_ref()).await })
        })
        .await
}

/// The same in a transaction under way.
pub(super) async fn revise(
    tx: &mut WriteTx,
    id: StockLineId,
    expected: Option<Etag>,
    change: &(dyn Fn(&mut StockLine) + Send + Sync),
) -> Result<Versioned<StockLine>, Fault> {
    let before = current(tx, id, expected).await?;
    let mut asked = before.clone();
    change(&mut asked);
    let line = StockLine {
        location_code: asked.location_code,
        on_hold: asked.on_hold,
        sell_price: asked.sell_price,
        ..before
    };
    let mut problems = Problems::default();
    problems.text("location_code", &line.location_code, TextLimit::LINE);
    if line.sell_price.is_negative() {
        problems.invalid("sell_price", "must not be negative");
    }
    problems.finish()?;
    put(tx, line, false, expected).await
}

/// Deletes a stock line that holds nothing.
pub async fn delete(
    store: &RecordStore,
    id: StockLineId,
    expected: Option<Etag>,
) -> Result<Versioned<StockLine>, Fault> {
    store
        .write("delete stock line", move |tx| {
            Box::pin(async move { remove(tx, id, expected).await })
        })
        .await
}

/// The same in a transaction under way.
pub(super) async fn remove(
    tx: &mut WriteTx,
    id: StockLineId,
    expected: Option<Etag>,
) -> Result<Versioned<StockLine>, Fault> {
    let line = current(tx, id, expected).await?;
    if !line.packs_total.is_zero() {
        return Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::STOCK_LINE_NOT_EMPTY,
            format!(
                "the stock line still holds {} packs: issue them or write them off first",
                line.packs_total
            ),
        ));
    }
    put(tx, line, true, expected).await
}

/// Reads a stock line of a store that this site holds.
pub async fn get(tx: &Queries, id: StockLineId) -> Result<Option<Versioned<StockLine>>, Fault> {
    let found = kept::find(tx, key(id)).await?;
    Ok(found.and_then(|found| match found.value {
        RecordBody::StockLine(value) if !found.retired => Some(Versioned {
            value,
            etag: found.etag,
            retired: false,
        }),
        _ => None,
    }))
}

async fn current(tx: &WriteTx, id: StockLineId, expected: Option<Etag>) -> Result<StockLine, Fault> {
    let found = get(tx, id).await?.ok_or_else(|| kept::not_found(key(id)))?;
    require_active(tx, found.value.store).await?;
    if expected.is_some_and(|etag| etag != found.etag) {
        return Err(kept::stale(key(id)));
    }
    Ok(found.value)
}

async fn put(
    tx: &mut WriteTx,
    value: StockLine,
    deleted: bool,
    expected: Option<Etag>,
) -> Result<Versioned<StockLine>, Fault> {
    let body = RecordBody::StockLine(value.clone());
    let change = OwnChange {
        body,
        deleted,
        expected,
    };
    let written = tx.put(vec![change]).await?;
    let etag = written
        .first()
        .map(|written| written.etag)
        .ok_or_else(|| Fault::internal("a write that says nothing of its record"))?;
    Ok(Versioned {
        value,
        etag,
        retired: deleted,
    })
}

fn key(id: StockLineId) -> RecordKey {
    RecordKey {
        kind: Kind::STOCK_LINE,
        id: id.into(),
    }
}
