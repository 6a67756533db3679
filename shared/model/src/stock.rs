//! Store data: stock lines, and transactions with their lines. Changed only where the store is active.

use crate::{Amount, Date, ItemId, NameId, StockLineId, StoreId, Timestamp, TransactionId};

/// One batch of an item, at one price, in one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLine {
    /// Its id.
    pub id: StockLineId,
    /// The store that holds it.
    pub store: StoreId,
    /// What it is.
    pub item: ItemId,
    /// The maker's batch number; empty when there is none.
    pub batch: String,
    /// The last day it may be issued.
    pub expiry_date: Option<Date>,
    /// Units in a pack; above zero.
    pub pack_size: Amount,
    /// Packs in the store.
    pub packs_total: Amount,
    /// Packs not reserved by unconfirmed issues; never more than the total.
    pub packs_available: Amount,
    /// What a pack cost.
    pub cost_price: Amount,
    /// What a pack is sold for.
    pub sell_price: Amount,
    /// Who supplied it.
    pub supplier: Option<NameId>,
    /// The shelf.
    pub location_code: String,
    /// Whether it may not be issued for now.
    pub on_hold: bool,
}

/// What a transaction does to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransactionType {
    /// Goods from a supplier: adds.
    SupplierInvoice,
    /// Goods to a customer: takes.
    CustomerInvoice,
    /// Medicine to a patient: takes.
    Prescription,
    /// Found at a count: adds.
    InventoryAddition,
    /// Missing at a count, broken or expired: takes.
    InventoryReduction,
    /// Back to the supplier: takes.
    SupplierReturn,
    /// Back from a customer: adds.
    CustomerReturn,
}

impl TransactionType {
    /// Whether confirming it adds stock; else it takes.
    pub const fn adds_stock(self) -> bool {
        matches!(
            self,
            TransactionType::SupplierInvoice
                | TransactionType::InventoryAddition
                | TransactionType::CustomerReturn
        )
    }
}

/// How far a transaction is. The order is the only way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransactionStatus {
    /// May be changed and deleted; issues reserve stock.
    New,
    /// Has moved stock.
    Confirmed,
    /// Immutable.
    Finalised,
}

/// When a status was reached, and who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// The status reached.
    pub status: TransactionStatus,
    /// When.
    pub at: Timestamp,
    /// The principal, as in the audit log.
    pub by: String,
}

/// A transaction with its lines: one record, whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its id.
    pub id: TransactionId,
    /// The store whose stock it moves.
    pub store: StoreId,
    /// Its number, unique per store and type, from 1.
    pub number: u64,
    /// What it does.
    pub transaction_type: TransactionType,
    /// Supplier or customer; none for prescriptions and inventory adjustments.
    pub other_party: Option<NameId>,
    /// Free text that tells which patient a prescription is for.
    pub patient_reference: String,
    /// How far it is.
    pub status: TransactionStatus,
    /// The other party's reference.
    pub their_reference: String,
    /// A comment.
    pub comment: String,
    /// One entry per status reached, in order.
    pub status_changes: Vec<StatusChange>,
    /// Its lines, in order.
    pub lines: Vec<TransactionLine>,
}

/// A line of a transaction. Packs are above zero; the type says which way they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionLine {
    /// What moves.
    pub item: ItemId,
    /// The stock line it moves. Incoming lines get one when they are confirmed.
    pub stock_line: Option<StockLineId>,
    /// The maker's batch number.
    pub batch: String,
    /// The last day it may be issued.
    pub expiry_date: Option<Date>,
    /// Packs moved.
    pub packs: Amount,
    /// Units in a pack.
    pub pack_size: Amount,
    /// What a pack cost.
    pub cost_price: Amount,
    /// What a pack is sold for.
    pub sell_price: Amount,
    /// A note.
    pub note: String,
}
