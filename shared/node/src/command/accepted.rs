//! Writing what a quarantined change says as a new change of the owner's own, in the caller's transaction. Who asked for
//! it and what becomes of the entry is in `quarantine`; proposals to this site are answered in `proposals`.

use supplysync_model::{
    Fault, FaultCode, Kind, Reason, Record, RecordKey, StockLine, StockLineId, StoreId, Timestamp,
    Transaction, TransactionId, TransactionStatus,
};
use supplysync_record_codec::RecordBody;
use supplysync_store::WriteTx;

use super::ownership::require_active;
use super::stock_rules::{self, Effect, status_name, type_name};
use super::transaction::{self, Wanted};
use super::{kept, stock_line};

/// Writes it, if this site may and the rules allow it. Says what was written, for people.
///
/// # Errors
/// Those of writing it by hand; `QUARANTINE_NOT_ACCEPTABLE` where that could never be done.
pub async fn accept_change(tx: &mut WriteTx, change: &Record) -> Result<String, Fault> {
    let store = require_acceptable(change)?;
    require_active(tx, store).await?;
    if change.deleted {
        return match change.key.kind {
            Kind::TRANSACTION => delete_transaction(tx, change.key.id.into()).await,
            _ => delete_stock_line(tx, change.key.id.into()).await,
        };
    }
    match RecordBody::of_record(change) {
        Ok(RecordBody::Transaction(proposed)) => accept_transaction(tx, proposed).await,
        Ok(RecordBody::StockLine(proposed)) => accept_stock_line(tx, proposed).await,
        Ok(_) => Err(not_acceptable("it is no transaction and no stock line")),
        Err(error) => Err(not_acceptable(format!("it can't be read here: {error}"))),
    }
}

/// The store whose data it would change; refuses what no owner could write.
pub fn require_acceptable(change: &Record) -> Result<StoreId, Fault> {
    let known = matches!(change.key.kind, Kind::TRANSACTION | Kind::STOCK_LINE);
    let store = change.channel.store().filter(|_| known);
    store.ok_or_else(|| not_acceptable("only transactions and stock lines of a store can be"))
}

fn not_acceptable(why: impl std::fmt::Display) -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::QUARANTINE_NOT_ACCEPTABLE,
        format!("the change can't be accepted: {why}; discard it once nobody needs it"),
    )
}

async fn accept_transaction(tx: &mut WriteTx, proposed: Transaction) -> Result<String, Fault> {
    let held = transaction::get(tx, proposed.id).await?.map(|found| found.value);
    let mut wanted = Wanted::by_transaction(&proposed);
    if let Some(held) = &held {
        wanted = wanted.and(Wanted::by_transaction(held));
    }
    let mut facts = transaction::facts(tx, proposed.store, wanted).await?;
    // What was in date when it was done may be recorded now.
    facts.today = facts.today.min(done_at(&proposed).date());
    let number = free_number(tx, &proposed).await?;
    let effect = stock_rules::accept(held.as_ref(), &proposed, number, &facts, || tx.new_id())?;
    let Some(effect) = effect else {
        return Ok("it is so here already".to_owned());
    };
    let words = described(&effect, proposed.number);
    transaction::write(tx, effect, None).await?;
    Ok(words)
}

fn described(effect: &Effect, proposed: u64) -> String {
    let Transaction {
        number,
        status,
        transaction_type,
        ..
    } = &effect.transaction;
    let mut words = format!(
        "written as {} {number}, {}",
        type_name(*transaction_type),
        status_name(*status)
    );
    if *number != proposed {
        words += &format!(" (it was number {proposed} where it was recorded, which is taken here)");
    }
    words
}

/// When the last step was done where it was recorded.
fn done_at(proposed: &Transaction) -> Timestamp {
    let confirmed = proposed
        .status_changes
        .iter()
        .find(|change| change.status == TransactionStatus::Confirmed);
    let done = confirmed.or(proposed.status_changes.last());
    done.map(|change| change.at).unwrap_or_default()
}

async fn free_number(tx: &WriteTx, proposed: &Transaction) -> Result<u64, Fault> {
    let (store, of_type) = (proposed.store, proposed.transaction_type);
    if tx.is_number_free(store, of_type, proposed.number).await? {
        return Ok(proposed.number);
    }
    tx.next_transaction_number(store, of_type).await
}

async fn delete_transaction(tx: &mut WriteTx, id: TransactionId) -> Result<String, Fault> {
    let Some(held) = transaction::get(tx, id).await? else {
        return Ok("it is not here: there is nothing to delete".to_owned());
    };
    let facts = transaction::facts(tx, held.value.store, Wanted::by_transaction(&held.value)).await?;
    let effect = stock_rules::delete(&held.value, &facts)?;
    let words = format!(
        "deleted {} {}",
        type_name(held.value.transaction_type),
        held.value.number
    );
    transaction::write(tx, effect, None).await?;
    Ok(words)
}

/// Packs follow the transactions; where the line lies, its price and whether it is on hold follow the change.
async fn accept_stock_line(tx: &mut WriteTx, proposed: StockLine) -> Result<String, Fault> {
    if stock_line::get(tx, proposed.id).await?.is_none() {
        let key = RecordKey {
            kind: Kind::STOCK_LINE,
            id: proposed.id.into(),
        };
        let fault = kept::not_found(key);
        let message = format!(
            "{}: accept the transaction that received it first",
            fault.message()
        );
        return Err(Fault::new(FaultCode::NotFound, fault.reason(), message));
    }
    let change = |line: &mut StockLine| {
        line.location_code = proposed.location_code.clone();
        line.on_hold = proposed.on_hold;
        line.sell_price = proposed.sell_price;
    };
    stock_line::revise(tx, proposed.id, None, &change).await?;
    Ok(
        "location, hold and price of the stock line are as proposed; its packs follow the transactions"
            .to_owned(),
    )
}

async fn delete_stock_line(tx: &mut WriteTx, id: StockLineId) -> Result<String, Fault> {
    if stock_line::get(tx, id).await?.is_none() {
        return Ok("it is not here: there is nothing to delete".to_owned());
    }
    stock_line::remove(tx, id, None).await?;
    Ok("deleted the empty stock line".to_owned())
}
