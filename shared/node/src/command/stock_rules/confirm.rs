//! Confirming: the one step that moves stock.

use supplysync_model::{
    Amount, Fault, NameId, Reason, StockLine, StockLineId, StoreId, Transaction, TransactionLine,
    TransactionStatus, TransactionType,
};
use uuid::Uuid;

use super::draft::{check_issue, check_party, check_receipt};
use super::shelf::Shelf;
use super::{Act, Effect, Facts, reached, require};
use crate::command::problems::Problems;

/// Moves the stock of a `new` transaction: receipts get stock lines, issues come off the total.
/// What has changed since it was written down (a hold, an expiry, a retired item) counts as it is now.
pub fn confirm(
    before: &Transaction,
    facts: &Facts,
    act: Act,
    mut new_id: impl FnMut() -> Uuid,
) -> Result<Effect, Fault> {
    require(before, TransactionStatus::New, "confirmed")?;
    let mut problems = Problems::default();
    if before.lines.is_empty() {
        problems.rule(
            Reason::WRONG_STATUS,
            "lines",
            "there are none: nothing to confirm",
        );
    }
    check_party(before.transaction_type, before.other_party, facts, &mut problems);
    let mut transaction = reached(before, TransactionStatus::Confirmed, act);
    let mut shelf = Shelf::new(&facts.stock);
    if before.transaction_type.adds_stock() {
        for index in 0..transaction.lines.len() {
            receive(
                &mut transaction,
                index,
                facts,
                &mut shelf,
                &mut new_id,
                &mut problems,
            );
        }
    } else {
        check_issues(&transaction, facts, &mut problems);
        shelf.take_for(&transaction, &mut problems);
    }
    problems.finish()?;
    Ok(Effect {
        transaction,
        deleted: false,
        stock: shelf.changed(),
        warnings: Vec::new(),
    })
}

fn receive(
    transaction: &mut Transaction,
    index: usize,
    facts: &Facts,
    shelf: &mut Shelf<'_>,
    new_id: &mut impl FnMut() -> Uuid,
    problems: &mut Problems,
) {
    let store = transaction.store;
    let supplier = supplier_of(transaction);
    let line = &mut transaction.lines[index];
    if let Some(id) = line.stock_line {
        shelf.add(id, line.packs, index, problems);
        return;
    }
    let path = format!("lines[{index}]");
    match facts.items.get(&line.item) {
        Some(item) => check_receipt(&path, item, problems),
        None => problems.invalid(format!("{path}.item_id"), "no item with this id"),
    }
    let wanted = unstocked(StockLineId::new(new_id()), line, store, supplier);
    let id = shelf.find(|stock| takes(stock, &wanted)).unwrap_or_else(|| {
        let id = wanted.id;
        shelf.put_up(wanted);
        id
    });
    line.stock_line = Some(id);
    shelf.add(id, line.packs, index, problems);
}

/// The stock line that goods of a transaction's line would make, with nothing on it yet.
pub(super) fn unstocked(
    id: StockLineId,
    line: &TransactionLine,
    store: StoreId,
    supplier: Option<NameId>,
) -> StockLine {
    StockLine {
        id,
        store,
        item: line.item,
        batch: line.batch.clone(),
        expiry_date: line.expiry_date,
        pack_size: line.pack_size,
        packs_total: Amount::ZERO,
        packs_available: Amount::ZERO,
        cost_price: line.cost_price,
        sell_price: line.sell_price,
        supplier,
        location_code: String::new(),
        on_hold: false,
    }
}

/// Who supplied the goods of a transaction, if that is known.
pub(super) fn supplier_of(transaction: &Transaction) -> Option<NameId> {
    match transaction.transaction_type {
        TransactionType::SupplierInvoice => transaction.other_party,
        _ => None,
    }
}

/// Whether goods that would make the line `wanted` belong on `stock`: the same in every way but where it lies.
fn takes(stock: &StockLine, wanted: &StockLine) -> bool {
    let same = StockLine {
        id: wanted.id,
        packs_total: wanted.packs_total,
        packs_available: wanted.packs_available,
        location_code: wanted.location_code.clone(),
        ..stock.clone()
    };
    same == *wanted
}

fn check_issues(transaction: &Transaction, facts: &Facts, problems: &mut Problems) {
    for (index, TransactionLine { stock_line, .. }) in transaction.lines.iter().enumerate() {
        let path = format!("lines[{index}]");
        match stock_line.and_then(|id| facts.stock.get(&id)) {
            Some(stock) => check_issue(&path, transaction.transaction_type, stock, facts, problems),
            None => problems.invalid(
                format!("{path}.stock_line_id"),
                "no such stock line in this store",
            ),
        }
    }
}
