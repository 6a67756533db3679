//! Accepting a transaction that was written elsewhere: what it says, as steps of the owner's own, under the owner's rules.

use supplysync_model::{Fault, StockLine, Transaction, TransactionStatus, TransactionType};
use uuid::Uuid;

use super::confirm::{supplier_of, unstocked};
use super::draft::{DraftLine, TransactionDraft};
use super::{Act, Effect, Facts, Header, confirm, create, finalise, require, revise};

/// What the owner writes of a proposed version: created, changed, confirmed and finalised as far as that went, with who did
/// it then and when. `None` where the owner has all of it already. `number` is for a transaction that it does not have.
///
/// # Errors
/// Those of the steps; `WRONG_STATUS` where the owner's version has gone on another way.
pub fn accept(
    held: Option<&Transaction>,
    proposed: &Transaction,
    number: u64,
    facts: &Facts,
    new_id: impl FnMut() -> Uuid,
) -> Result<Option<Effect>, Fault> {
    let same = held.is_some_and(|held| content(held) == content(proposed));
    if same && held.is_some_and(|held| held.status >= proposed.status) {
        return Ok(None);
    }
    let mut facts = facts.clone();
    let draft = draft(proposed, &facts);
    let mut effect = match held {
        None => {
            let header = Header {
                id: proposed.id,
                store: proposed.store,
                number,
            };
            create(header, &draft, &facts, act(proposed, TransactionStatus::New))?
        }
        Some(held) if same => Effect {
            transaction: held.clone(),
            deleted: false,
            stock: Vec::new(),
            warnings: Vec::new(),
        },
        Some(held) => {
            require(held, TransactionStatus::New, "changed")?;
            revise(held, &draft, &facts)?
        }
    };
    if effect.transaction.status == TransactionStatus::New && proposed.status > TransactionStatus::New {
        receive_as_proposed(&mut effect.transaction, proposed, &mut facts)?;
        for line in &effect.stock {
            facts.stock.insert(line.id, line.clone());
        }
        let done = act(proposed, TransactionStatus::Confirmed);
        let confirmed = confirm(&effect.transaction, &facts, done, new_id)?;
        effect.transaction = confirmed.transaction;
        let touched = |line: &StockLine| confirmed.stock.iter().any(|newer| newer.id == line.id);
        effect.stock.retain(|line| !touched(line));
        effect.stock.extend(confirmed.stock);
    }
    if effect.transaction.status == TransactionStatus::Confirmed
        && proposed.status == TransactionStatus::Finalised
    {
        let done = act(proposed, TransactionStatus::Finalised);
        effect.transaction = finalise(&effect.transaction, done)?.transaction;
    }
    Ok(Some(effect))
}

/// Goods came to stock lines that others of the refused changes name, so they come to the same ones here.
fn receive_as_proposed(
    transaction: &mut Transaction,
    proposed: &Transaction,
    facts: &mut Facts,
) -> Result<(), Fault> {
    if !proposed.transaction_type.adds_stock() {
        return Ok(());
    }
    for (index, (line, said)) in transaction.lines.iter_mut().zip(&proposed.lines).enumerate() {
        let Some(id) = said.stock_line else {
            continue;
        };
        let known = facts
            .stock
            .entry(id)
            .or_insert_with(|| unstocked(id, said, proposed.store, supplier_of(proposed)));
        if known.item != line.item {
            return Err(Fault::field(
                format!("lines[{index}].stock_line_id"),
                "is a stock line of another item here",
            ));
        }
        line.stock_line = Some(id);
    }
    Ok(())
}

/// The content as somebody would ask for it: goods received get their stock lines when they are confirmed.
fn draft(proposed: &Transaction, facts: &Facts) -> TransactionDraft {
    let mut draft = TransactionDraft::of(proposed);
    if proposed.transaction_type.adds_stock() {
        let named = |line: &DraftLine| line.stock_line.is_some_and(|id| facts.stock.contains_key(&id));
        for line in &mut draft.lines {
            if proposed.transaction_type == TransactionType::SupplierInvoice || !named(line) {
                line.stock_line = None;
            }
        }
    }
    draft
}

/// What two versions must have in common to be steps of one: all but how far they are, and their number.
fn content(transaction: &Transaction) -> Transaction {
    Transaction {
        number: 0,
        status: TransactionStatus::New,
        status_changes: Vec::new(),
        ..transaction.clone()
    }
}

fn act(proposed: &Transaction, status: TransactionStatus) -> Act {
    let reached = proposed
        .status_changes
        .iter()
        .find(|change| change.status == status);
    let last = reached.or(proposed.status_changes.last());
    Act {
        by: last.map(|change| change.by.clone()).unwrap_or_default(),
        at: last.map(|change| change.at).unwrap_or_default(),
    }
}
