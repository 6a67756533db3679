//! What a recovering site puts right once its own stores are back (DESIGN 7): stock is recomputed from the union of
//! transactions, and numbers that were given twice are given anew. Which record stays is decided in `sync-core`.

use std::collections::HashMap;

use supplysync_model::{Assignment, AssignmentState, Fault, StockLine, StoreId, TransactionType};
use supplysync_record_codec::RecordBody;
use supplysync_store::query::Reckoned;
use supplysync_store::{AuditEntry, OwnChange, RecoveryStep, Store, WriteTx};

use crate::command::stock_rules::type_name;

/// Lines named in one entry of the audit log; the rest are counted.
const NAMED: usize = 20;

/// Puts stock and numbers right if everything is back, and lets what this site has go up. One database transaction.
pub async fn settle(store: &Store) -> Result<(), Fault> {
    let due = store.recovery().await?;
    if due.is_none_or(|recovery| recovery.step != RecoveryStep::Loaded) {
        return Ok(());
    }
    store
        .write("settle a recovery", |tx| Box::pin(settle_in(tx)))
        .await?;
    tracing::info!("this database has taken back what the primary has of its stores");
    Ok(())
}

async fn settle_in(tx: &mut WriteTx) -> Result<(), Fault> {
    let Some(recovery) = tx.recovery().await? else {
        return Ok(());
    };
    let own = tx.stores_of_site(tx.sync_id()).await?;
    for found in tx.assignments(&own).await? {
        // One that is on its way elsewhere takes no change any more.
        if !found.retired && may_change(&found.value) {
            let store = found.value.store;
            renumber(tx, store, recovery.began).await?;
            match tx.unreadable_transactions(store).await? {
                0 => recompute(tx, store).await?,
                unreadable => {
                    let words = format!(
                        "not recomputed: {unreadable} transactions were written by a newer program; update this one and do a stock-take"
                    );
                    note(tx, "recovery.stock", store, vec![words]).await?;
                }
            }
        }
    }
    tx.recovery_settled().await
}

fn may_change(assignment: &Assignment) -> bool {
    assignment.state == AssignmentState::Active
}

/// Gives transactions of this database whose number the primary has on another one the next free number.
async fn renumber(tx: &mut WriteTx, store: StoreId, began: u64) -> Result<(), Fault> {
    let mut next: HashMap<TransactionType, u64> = HashMap::new();
    loop {
        let doubled = tx.doubled_transactions(store, began).await?;
        if doubled.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::with_capacity(doubled.len());
        let mut words = Vec::new();
        for found in tx.transactions(&doubled).await? {
            let mut transaction = found.value;
            let of_type = transaction.transaction_type;
            let free = match next.get(&of_type) {
                Some(free) => *free,
                None => tx.next_transaction_number(store, of_type).await?,
            };
            next.insert(of_type, free + 1);
            words.push(format!(
                "{} {} is {free} now",
                type_name(of_type),
                transaction.number
            ));
            transaction.number = free;
            changes.push(OwnChange {
                body: RecordBody::Transaction(transaction),
                deleted: false,
                expected: None,
            });
        }
        tx.put(changes).await?;
        note(tx, "recovery.renumber", store, words).await?;
    }
}

/// Makes the stock of a store what its transactions add up to.
async fn recompute(tx: &mut WriteTx, store: StoreId) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let page = tx.reckoned_stock(store, after).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.line.value.id);
        let wrong = page.into_iter().filter(|reckoned| {
            let line = &reckoned.line.value;
            (line.packs_total, line.packs_available) != (reckoned.total, reckoned.available)
        });
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() {
            continue;
        }
        let words = wrong.iter().map(in_words).collect();
        let changes = wrong.into_iter().map(|reckoned| OwnChange {
            body: RecordBody::StockLine(StockLine {
                packs_total: reckoned.total,
                packs_available: reckoned.available,
                ..reckoned.line.value
            }),
            deleted: false,
            expected: None,
        });
        tx.put(changes.collect()).await?;
        note(tx, "recovery.stock", store, words).await?;
    }
}

fn in_words(reckoned: &Reckoned) -> String {
    let StockLine {
        id,
        batch,
        packs_total,
        packs_available,
        ..
    } = &reckoned.line.value;
    let (total, available) = (reckoned.total, reckoned.available);
    let count = if total.is_negative() || available.is_negative() {
        ": below zero, do a stock-take"
    } else {
        ""
    };
    format!(
        "stock line {id} (batch {batch:?}) had {packs_total} packs, {packs_available} of them available; its \
         transactions make it {total} and {available}{count}"
    )
}

/// Tells the log and the audit log what was put right in a store.
async fn note(tx: &mut WriteTx, action: &str, store: StoreId, words: Vec<String>) -> Result<(), Fault> {
    let code = match tx.store(store).await? {
        Some(found) => found.value.code,
        None => store.to_string(),
    };
    tracing::warn!(
        store = code,
        changes = words.len(),
        "{action}: {}",
        words.join("; ")
    );
    let surplus = words.len().saturating_sub(NAMED);
    let mut text = words.into_iter().take(NAMED).collect::<Vec<_>>().join("; ");
    if surplus > 0 {
        text.push_str(&format!("; and {surplus} more"));
    }
    let at = tx.now();
    tx.audit(AuditEntry {
        at,
        principal: format!("site/{}", tx.sync_id()),
        from: "recovery".to_owned(),
        action: action.to_owned(),
        subject: code,
        old: String::new(),
        new: text,
    })
    .await
}
