//! The rules of stock: what each step of a transaction does to stock lines, as pure functions.
//! Reading the facts and writing the effects is the commands' part.

mod accept;
mod confirm;
mod draft;
mod facts;
#[cfg(test)]
mod sequences;
mod shelf;

pub use accept::accept;
pub use confirm::confirm;
pub use draft::{DraftLine, TransactionDraft};
pub use facts::{Facts, Known};

use shelf::Shelf;
use supplysync_model::{
    Fault, FaultCode, Reason, StatusChange, StockLine, StoreId, Timestamp, Transaction, TransactionId,
    TransactionStatus, TransactionType,
};

use super::problems::Problems;

/// What a step changes: to be written in one database transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The transaction's new version.
    pub transaction: Transaction,
    /// Whether the transaction is deleted.
    pub deleted: bool,
    /// New and changed stock lines.
    pub stock: Vec<StockLine>,
    /// What is allowed and should be looked at.
    pub warnings: Vec<Warning>,
}

/// Something allowed that a person should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The path to the field, such as `lines[2].expiry_date`.
    pub field: String,
    /// What is the matter.
    pub description: String,
}

/// Who does a step, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The principal.
    pub by: String,
    /// The moment.
    pub at: Timestamp,
}

/// What a new transaction is given beside its draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its id.
    pub id: TransactionId,
    /// Its store.
    pub store: StoreId,
    /// Its number, unique per store and type.
    pub number: u64,
}

/// A new transaction; issues reserve their packs.
pub fn create(header: Header, draft: &TransactionDraft, facts: &Facts, act: Act) -> Result<Effect, Fault> {
    draft::refuse_unsupported(draft.transaction_type)?;
    let mut problems = Problems::default();
    if facts.store.retired || facts.store.value.disabled {
        problems.rule(
            Reason::WRONG_STATUS,
            "store_id",
            format!("store {} is closed for new transactions", facts.store.value.code),
        );
    }
    let checked = draft.check(header.store, facts, &mut problems);
    let mut shelf = Shelf::new(&facts.stock);
    let transaction = Transaction {
        id: header.id,
        store: header.store,
        number: header.number,
        transaction_type: draft.transaction_type,
        other_party: draft.other_party,
        patient_reference: draft.patient_reference.clone(),
        status: TransactionStatus::New,
        their_reference: draft.their_reference.clone(),
        comment: draft.comment.clone(),
        status_changes: vec![StatusChange {
            status: TransactionStatus::New,
            at: act.at,
            by: act.by,
        }],
        lines: checked.lines,
    };
    shelf.reserve_for(&transaction, &mut problems);
    problems.finish()?;
    Ok(Effect {
        transaction,
        deleted: false,
        stock: shelf.changed(),
        warnings: checked.warnings,
    })
}

/// Another content for a transaction that is still `new`; its store, type and number stay.
pub fn revise(before: &Transaction, draft: &TransactionDraft, facts: &Facts) -> Result<Effect, Fault> {
    require(before, TransactionStatus::New, "changed")?;
    let mut problems = Problems::default();
    if draft.transaction_type != before.transaction_type {
        problems.invalid("type", "can't change: delete this transaction and create another");
    }
    let checked = draft.check(before.store, facts, &mut problems);
    let mut shelf = Shelf::new(&facts.stock);
    shelf.release_for(before, &mut problems);
    let transaction = Transaction {
        other_party: draft.other_party,
        patient_reference: draft.patient_reference.clone(),
        their_reference: draft.their_reference.clone(),
        comment: draft.comment.clone(),
        lines: checked.lines,
        ..before.clone()
    };
    shelf.reserve_for(&transaction, &mut problems);
    problems.finish()?;
    Ok(Effect {
        transaction,
        deleted: false,
        stock: shelf.changed(),
        warnings: checked.warnings,
    })
}

/// Closes a confirmed transaction for good.
pub fn finalise(before: &Transaction, act: Act) -> Result<Effect, Fault> {
    require(before, TransactionStatus::Confirmed, "finalised")?;
    Ok(Effect {
        transaction: reached(before, TransactionStatus::Finalised, act),
        deleted: false,
        stock: Vec::new(),
        warnings: Vec::new(),
    })
}

/// Deletes a `new` transaction and gives back what it had reserved.
pub fn delete(before: &Transaction, facts: &Facts) -> Result<Effect, Fault> {
    require(before, TransactionStatus::New, "deleted")?;
    let mut problems = Problems::default();
    let mut shelf = Shelf::new(&facts.stock);
    shelf.release_for(before, &mut problems);
    problems.finish()?;
    Ok(Effect {
        transaction: before.clone(),
        deleted: true,
        stock: shelf.changed(),
        warnings: Vec::new(),
    })
}

fn reached(before: &Transaction, status: TransactionStatus, act: Act) -> Transaction {
    let mut transaction = before.clone();
    transaction.status = status;
    transaction.status_changes.push(StatusChange {
        status,
        at: act.at,
        by: act.by,
    });
    transaction
}

fn require(transaction: &Transaction, status: TransactionStatus, done: &str) -> Result<(), Fault> {
    if transaction.status == status {
        return Ok(());
    }
    let (is, needs) = (status_name(transaction.status), status_name(status));
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::WRONG_STATUS,
        format!(
            "transaction {} is {is}: only a {needs} one can be {done}",
            transaction.number
        ),
    )
    .with_metadata("status", is))
}

/// The word for a status in messages.
pub fn status_name(status: TransactionStatus) -> &'static str {
    match status {
        TransactionStatus::New => "new",
        TransactionStatus::Confirmed => "confirmed",
        TransactionStatus::Finalised => "finalised",
    }
}

/// The word for a type in messages.
pub fn type_name(transaction_type: TransactionType) -> &'static str {
    match transaction_type {
        TransactionType::SupplierInvoice => "supplier invoice",
        TransactionType::CustomerInvoice => "customer invoice",
        TransactionType::Prescription => "prescription",
        TransactionType::InventoryAddition => "inventory addition",
        TransactionType::InventoryReduction => "inventory reduction",
        TransactionType::SupplierReturn => "supplier return",
        TransactionType::CustomerReturn => "customer return",
    }
}
