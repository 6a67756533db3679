//! Transactions as use cases: read the facts, ask the rules, write the effect, in one database transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use supplysync_model::{
    Fault, FaultCode, ItemId, Kind, NameId, Reason, RecordKey, StockLineId, Store, StoreId, Transaction,
    TransactionId, TransactionStatus,
};
use supplysync_record_codec::RecordBody;
use supplysync_store::query::Versioned;
use supplysync_store::{Etag, OwnChange, Queries, Store as RecordStore, WriteTx};

use super::caller::Caller;
use super::kept;
use super::lookup;
use super::master;
use super::ownership::require_active;
use super::stock_rules::{self, Act, Effect, Facts, Header, Known, TransactionDraft, Warning};

/// A transaction after a step, and what should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    /// The transaction.
    pub transaction: Versioned<Transaction>,
    /// Allowed, but worth a look.
    pub warnings: Vec<Warning>,
}

/// What an update does to the draft of the transaction that it finds.
pub type Revision = Arc<dyn Fn(&mut TransactionDraft) + Send + Sync>;

/// Creates a transaction in the status `new`.
pub async fn create(
    store: &RecordStore,
    at: StoreId,
    draft: TransactionDraft,
    caller: Caller,
) -> Result<Stepped, Fault> {
    store
        .write("create transaction", move |tx| {
            let (draft, caller) = (draft.clone(), caller.clone());
            Box::pin(async move {
                require_active(tx, at).await?;
                let facts = facts(tx, at, Wanted::by_draft(&draft)).await?;
                let header = Header {
                    id: TransactionId::new(tx.new_id()),
                    store: at,
                    number: tx.next_transaction_number(at, draft.transaction_type).await?,
                };
                let effect = stock_rules::create(header, &draft, &facts, act(tx, caller))?;
                write(tx, effect, None).await
            })
        })
        .await
}

/// Changes a transaction that is still `new`.
pub async fn update(
    store: &RecordStore,
    id: TransactionId,
    expected: Option<Etag>,
    revision: Revision,
) -> Result<Stepped, Fault> {
    store
        .write("update transaction", move |tx| {
            let revision = revision.clone();
            Box::pin(async move {
                let before = current(tx, id, expected).await?;
                let mut draft = TransactionDraft::of(&before);
                revision(&mut draft);
                let wanted = Wanted::by_draft(&draft).and(Wanted::by_transaction(&before));
                let facts = facts(tx, before.store, wanted).await?;
                let effect = stock_rules::revise(&before, &draft, &facts)?;
                write(tx, effect, expected).await
            })
        })
        .await
}

/// Moves the stock.
pub async fn confirm(
    store: &RecordStore,
    id: TransactionId,
    expected: Option<Etag>,
    caller: Caller,
) -> Result<Stepped, Fault> {
    store
        .write("confirm transaction", move |tx| {
            let caller = caller.clone();
            Box::pin(async move {
                let before = current(tx, id, expected).await?;
                require_recovered(tx).await?;
                let facts = facts(tx, before.store, Wanted::by_transaction(&before)).await?;
                let act = act(tx, caller);
                let effect = stock_rules::confirm(&before, &facts, act, || tx.new_id())?;
                write(tx, effect, expected).await
            })
        })
        .await
}

/// Closes a transaction for good; one that is still `new` is confirmed first.
pub async fn finalise(
    store: &RecordStore,
    id: TransactionId,
    expected: Option<Etag>,
    caller: Caller,
) -> Result<Stepped, Fault> {
    store
        .write("finalise transaction", move |tx| {
            let caller = caller.clone();
            Box::pin(async move {
                let before = current(tx, id, expected).await?;
                let act = act(tx, caller);
                let effect = if before.status == TransactionStatus::New {
                    require_recovered(tx).await?;
                    let facts = facts(tx, before.store, Wanted::by_transaction(&before)).await?;
                    let confirmed = stock_rules::confirm(&before, &facts, act.clone(), || tx.new_id())?;
                    Effect {
                        stock: confirmed.stock,
                        ..stock_rules::finalise(&confirmed.transaction, act)?
                    }
                } else {
                    stock_rules::finalise(&before, act)?
                };
                write(tx, effect, expected).await
            })
        })
        .await
}

/// Deletes a transaction that is still `new`; what it had reserved is free again.
pub async fn delete(
    store: &RecordStore,
    id: TransactionId,
    expected: Option<Etag>,
) -> Result<Stepped, Fault> {
    store
        .write("delete transaction", move |tx| {
            Box::pin(async move {
                let before = current(tx, id, expected).await?;
                let facts = facts(tx, before.store, Wanted::by_transaction(&before)).await?;
                let effect = stock_rules::delete(&before, &facts)?;
                write(tx, effect, expected).await
            })
        })
        .await
}

/// Reads a transaction of a store that this site holds.
pub async fn get(tx: &Queries, id: TransactionId) -> Result<Option<Versioned<Transaction>>, Fault> {
    let found = kept::find(tx, key(id)).await?;
    Ok(found.and_then(|found| match found.value {
        RecordBody::Transaction(value) if !found.retired => Some(Versioned {
            value,
            etag: found.etag,
            retired: false,
        }),
        _ => None,
    }))
}

/// The transaction, if this site may change it: who owns it comes before what is wrong with the request.
async fn current(tx: &WriteTx, id: TransactionId, expected: Option<Etag>) -> Result<Transaction, Fault> {
    let found = get(tx, id).await?.ok_or_else(|| kept::not_found(key(id)))?;
    require_active(tx, found.value.store).await?;
    if expected.is_some_and(|etag| etag != found.etag) {
        return Err(kept::stale(key(id)));
    }
    Ok(found.value)
}

/// Stock moves only once a database that was restored from a backup has reached the primary: until then it may give out
/// what was given out already. Who restored it may have decided otherwise.
async fn require_recovered(tx: &WriteTx) -> Result<(), Fault> {
    let recovery = tx.recovery().await?;
    if recovery.is_none_or(|recovery| recovery.confirms || !recovery.holds_back()) {
        return Ok(());
    }
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::RECOVERY_PENDING,
        "this database was restored from a backup: nothing can be confirmed until it has taken back what the primary has, at \
         its next session; if the primary can't be reached for long, restore it again with --allow-confirm",
    ))
}

/// What must be looked up for a step.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    items: BTreeSet<ItemId>,
    stock: BTreeSet<StockLineId>,
    names: BTreeSet<NameId>,
    /// Whether goods come in, so that every line of these items may take them.
    receives: bool,
}

impl Wanted {
    fn by_draft(draft: &TransactionDraft) -> Wanted {
        Wanted {
            items: draft.lines.iter().filter_map(|line| line.item).collect(),
            stock: draft.lines.iter().filter_map(|line| line.stock_line).collect(),
            names: draft.other_party.into_iter().collect(),
            receives: false,
        }
    }

    pub(super) fn by_transaction(transaction: &Transaction) -> Wanted {
        Wanted {
            items: transaction.lines.iter().map(|line| line.item).collect(),
            stock: transaction
                .lines
                .iter()
                .filter_map(|line| line.stock_line)
                .collect(),
            names: transaction.other_party.into_iter().collect(),
            receives: transaction.transaction_type.adds_stock(),
        }
    }

    pub(super) fn and(mut self, other: Wanted) -> Wanted {
        self.items.extend(other.items);
        self.stock.extend(other.stock);
        self.names.extend(other.names);
        self.receives |= other.receives;
        self
    }
}

pub(super) async fn facts(tx: &WriteTx, at: StoreId, wanted: Wanted) -> Result<Facts, Fault> {
    let store = master::get::<Store>(tx, at.into()).await?.ok_or_else(|| {
        kept::not_found(RecordKey {
            kind: Kind::STORE,
            id: at.into(),
        })
    })?;
    let mut stock = lookup::stock_lines(tx, at, &wanted.stock).await?;
    if wanted.receives {
        stock.extend(lookup::stock_lines_of_items(tx, at, &wanted.items).await?);
    }
    Ok(Facts {
        today: tx.now().date(),
        store: Known {
            value: store.value,
            retired: store.retired,
        },
        items: lookup::items(tx, &wanted.items).await?,
        names: lookup::names(tx, &wanted.names).await?,
        stock,
    })
}

pub(super) async fn write(
    tx: &mut WriteTx,
    effect: Effect,
    expected: Option<Etag>,
) -> Result<Stepped, Fault> {
    let stock = effect.stock.into_iter().map(|line| OwnChange {
        body: RecordBody::StockLine(line),
        deleted: false,
        expected: None,
    });
    let transaction = OwnChange {
        body: RecordBody::Transaction(effect.transaction.clone()),
        deleted: effect.deleted,
        expected,
    };
    // Stock lines first: whoever follows the feed meets them before the transaction that names them.
    let written = tx
        .put(stock.chain(std::iter::once(transaction)).collect())
        .await?;
    let etag = written
        .iter()
        .find(|written| written.key == key(effect.transaction.id))
        .map(|written| written.etag)
        .ok_or_else(|| Fault::internal("a write that says nothing of its record"))?;
    Ok(Stepped {
        transaction: Versioned {
            value: effect.transaction,
            etag,
            retired: effect.deleted,
        },
        warnings: effect.warnings,
    })
}

fn act(tx: &WriteTx, caller: Caller) -> Act {
    Act {
        by: caller.principal,
        at: tx.now(),
    }
}

fn key(id: TransactionId) -> RecordKey {
    RecordKey {
        kind: Kind::TRANSACTION,
        id: id.into(),
    }
}
