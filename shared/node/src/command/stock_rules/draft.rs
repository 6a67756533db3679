//! What a person asks a transaction to be, and whether that can be: every wrong field is named at once.

use std::fmt::Display;

use supplysync_model::{
    Amount, Date, Fault, FaultCode, Item, ItemId, ItemType, NameId, NameRole, Reason, StockLine, StockLineId,
    StoreId, Transaction, TransactionLine, TransactionType,
};

use super::{Facts, Known, Warning, type_name};
use crate::command::problems::{Problems, TextLimit};

/// The most lines of a transaction: with the longest texts it stays well under a record's limit.
const MAX_LINES: usize = 200;

/// The content of a transaction as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDraft {
    /// What it does.
    pub transaction_type: TransactionType,
    /// Supplier or customer.
    pub other_party: Option<NameId>,
    /// Which patient a prescription is for.
    pub patient_reference: String,
    /// The other party's reference.
    pub their_reference: String,
    /// A comment.
    pub comment: String,
    /// Its lines, in order.
    pub lines: Vec<DraftLine>,
}

/// A line as asked for. What is left out is taken from the stock line, or from the item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftLine {
    /// What moves; may be left out where a stock line says it.
    pub item: Option<ItemId>,
    /// The stock line; issues must name it, receipts must not.
    pub stock_line: Option<StockLineId>,
    /// The maker's batch number.
    pub batch: String,
    /// The last day it may be issued.
    pub expiry_date: Option<Date>,
    /// Packs moved, above zero.
    pub packs: Amount,
    /// Units in a pack.
    pub pack_size: Option<Amount>,
    /// What a pack cost.
    pub cost_price: Option<Amount>,
    /// What a pack is sold for.
    pub sell_price: Option<Amount>,
    /// A note.
    pub note: String,
}

/// The lines, complete, with what should be looked at.
pub(super) struct Checked {
    pub(super) lines: Vec<TransactionLine>,
    pub(super) warnings: Vec<Warning>,
}

/// Types that a later version does.
pub(super) fn refuse_unsupported(transaction_type: TransactionType) -> Result<(), Fault> {
    use TransactionType::*;
    match transaction_type {
        SupplierInvoice | CustomerInvoice | Prescription | InventoryAddition | InventoryReduction => Ok(()),
        SupplierReturn | CustomerReturn => Err(Fault::new(
            FaultCode::Unimplemented,
            Reason::NOT_IN_THIS_VERSION,
            format!("this version does not do a {}", type_name(transaction_type)),
        )),
    }
}

impl TransactionDraft {
    /// The draft that asks for what a transaction says.
    pub fn of(transaction: &Transaction) -> TransactionDraft {
        let lines = transaction.lines.iter().map(|line| DraftLine {
            item: Some(line.item),
            stock_line: line.stock_line,
            batch: line.batch.clone(),
            expiry_date: line.expiry_date,
            packs: line.packs,
            pack_size: Some(line.pack_size),
            cost_price: Some(line.cost_price),
            sell_price: Some(line.sell_price),
            note: line.note.clone(),
        });
        TransactionDraft {
            transaction_type: transaction.transaction_type,
            other_party: transaction.other_party,
            patient_reference: transaction.patient_reference.clone(),
            their_reference: transaction.their_reference.clone(),
            comment: transaction.comment.clone(),
            lines: lines.collect(),
        }
    }

    pub(super) fn check(&self, store: StoreId, facts: &Facts, problems: &mut Problems) -> Checked {
        problems.text("their_reference", &self.their_reference, TextLimit::LINE);
        problems.text("comment", &self.comment, TextLimit::PROSE);
        self.check_patient(problems);
        check_party(self.transaction_type, self.other_party, facts, problems);
        if self.lines.len() > MAX_LINES {
            problems.invalid(
                "lines",
                format!("has {} lines: the limit is {MAX_LINES}", self.lines.len()),
            );
        }
        let mut warnings = Vec::new();
        let lines = self.lines.iter().enumerate().map(|(index, line)| {
            let mut check = LineCheck {
                path: format!("lines[{index}]"),
                transaction_type: self.transaction_type,
                line,
                facts,
                problems,
                warnings: &mut warnings,
            };
            check.run(store)
        });
        let lines = lines.collect::<Vec<_>>().into_iter().flatten().collect();
        Checked { lines, warnings }
    }

    fn check_patient(&self, problems: &mut Problems) {
        let field = "patient_reference";
        if self.transaction_type == TransactionType::Prescription {
            problems.text(field, &self.patient_reference, TextLimit::NAME);
        } else if !self.patient_reference.is_empty() {
            problems.invalid(field, "is for prescriptions only");
        }
    }
}

/// The other party: there when the type needs one, with the right role, neither retired nor on hold.
pub(super) fn check_party(
    transaction_type: TransactionType,
    other_party: Option<NameId>,
    facts: &Facts,
    problems: &mut Problems,
) {
    let field = "other_party_id";
    let (role, word) = match transaction_type {
        TransactionType::SupplierInvoice | TransactionType::SupplierReturn => {
            (NameRole::Supplier, "a supplier")
        }
        TransactionType::CustomerInvoice | TransactionType::CustomerReturn => {
            (NameRole::Customer, "a customer")
        }
        TransactionType::Prescription
        | TransactionType::InventoryAddition
        | TransactionType::InventoryReduction => {
            if other_party.is_some() {
                problems.invalid(field, format!("a {} has none", type_name(transaction_type)));
            }
            return;
        }
    };
    let Some(id) = other_party else {
        problems.invalid(field, format!("a {} needs {word}", type_name(transaction_type)));
        return;
    };
    let Some(Known { value: name, retired }) = facts.names.get(&id) else {
        problems.invalid(field, "no name with this id");
        return;
    };
    if !name.roles.contains(&role) {
        problems.invalid(field, format!("{} is not {word}", name.code));
    }
    if *retired {
        problems.invalid(field, format!("{} is retired", name.code));
    }
    if name.on_hold {
        problems.rule(Reason::ON_HOLD, field, format!("{} is on hold", name.code));
    }
    if facts.store.value.name_id == Some(id) {
        problems.invalid(field, "a store can't be its own other party");
    }
}

struct LineCheck<'a> {
    path: String,
    transaction_type: TransactionType,
    line: &'a DraftLine,
    facts: &'a Facts,
    problems: &'a mut Problems,
    warnings: &'a mut Vec<Warning>,
}

impl LineCheck<'_> {
    fn run(&mut self, store: StoreId) -> Option<TransactionLine> {
        let path = self.path.clone();
        self.problems
            .text(format!("{path}.batch"), &self.line.batch, TextLimit::LINE);
        self.problems
            .text(format!("{path}.note"), &self.line.note, TextLimit::LINE);
        if self.line.packs <= Amount::ZERO {
            self.problems.invalid(
                format!("{path}.packs"),
                format!("is {}: must be above zero", self.line.packs),
            );
        }
        self.not_negative("cost_price", self.line.cost_price);
        self.not_negative("sell_price", self.line.sell_price);
        match self.line.stock_line {
            Some(_) if self.transaction_type == TransactionType::SupplierInvoice => {
                self.wrong(
                    "stock_line_id",
                    "must be left out: goods received get a stock line when confirmed",
                );
                None
            }
            Some(id) => self.on_stock_line(id, store),
            None if self.transaction_type.adds_stock() => self.received(),
            None => {
                self.wrong(
                    "stock_line_id",
                    format!(
                        "a {} names the stock line that it takes from",
                        type_name(self.transaction_type)
                    ),
                );
                None
            }
        }
    }

    fn on_stock_line(&mut self, id: StockLineId, store: StoreId) -> Option<TransactionLine> {
        let stock = self.facts.stock.get(&id).filter(|stock| stock.store == store);
        let Some(stock) = stock else {
            self.wrong("stock_line_id", "no such stock line in this store");
            return None;
        };
        self.agrees(stock);
        if !self.transaction_type.adds_stock() {
            check_issue(
                &self.path,
                self.transaction_type,
                stock,
                self.facts,
                self.problems,
            );
        }
        Some(TransactionLine {
            item: stock.item,
            stock_line: Some(id),
            batch: stock.batch.clone(),
            expiry_date: stock.expiry_date,
            packs: self.line.packs,
            pack_size: stock.pack_size,
            cost_price: stock.cost_price,
            sell_price: self.line.sell_price.unwrap_or(stock.sell_price),
            note: self.line.note.clone(),
        })
    }

    /// What the line says beside its stock line must be what the stock line says.
    fn agrees(&mut self, stock: &StockLine) {
        let line = self.line;
        if line.item.is_some_and(|item| item != stock.item) {
            self.wrong("item_id", "is not the stock line's item");
        }
        if !line.batch.is_empty() && line.batch != stock.batch {
            self.wrong("batch", format!("the stock line's batch is {:?}", stock.batch));
        }
        if line.expiry_date.is_some() && line.expiry_date != stock.expiry_date {
            self.wrong("expiry_date", "is not the stock line's expiry date");
        }
        if line.pack_size.is_some_and(|size| size != stock.pack_size) {
            self.wrong(
                "pack_size",
                format!("the stock line's pack size is {}", stock.pack_size),
            );
        }
        if line.cost_price.is_some_and(|price| price != stock.cost_price) {
            self.wrong(
                "cost_price",
                format!("the stock line's cost price is {}", stock.cost_price),
            );
        }
    }

    fn received(&mut self) -> Option<TransactionLine> {
        let Some(id) = self.line.item else {
            self.wrong("item_id", "must be given");
            return None;
        };
        let Some(item) = self.facts.items.get(&id) else {
            self.wrong("item_id", "no item with this id");
            return None;
        };
        check_receipt(&self.path, item, self.problems);
        let pack_size = self.line.pack_size.unwrap_or(item.value.default_pack_size);
        if pack_size <= Amount::ZERO {
            self.wrong("pack_size", format!("is {pack_size}: must be above zero"));
        }
        if let Some(expiry) = self.line.expiry_date.filter(|date| *date < self.facts.today) {
            self.warnings.push(Warning {
                field: format!("{}.expiry_date", self.path),
                description: format!(
                    "{} expired on {}: it can be received and written off, not issued",
                    item.value.code,
                    supplysync_model::format_date(expiry)
                ),
            });
        }
        Some(TransactionLine {
            item: id,
            stock_line: None,
            batch: self.line.batch.clone(),
            expiry_date: self.line.expiry_date,
            packs: self.line.packs,
            pack_size,
            cost_price: self.line.cost_price.unwrap_or(Amount::ZERO),
            sell_price: self.line.sell_price.unwrap_or(Amount::ZERO),
            note: self.line.note.clone(),
        })
    }

    fn not_negative(&mut self, field: &str, price: Option<Amount>) {
        if price.is_some_and(Amount::is_negative) {
            self.wrong(field, "must not be negative");
        }
    }

    fn wrong(&mut self, field: &str, description: impl Display) {
        let path = format!("{}.{field}", self.path);
        self.problems.invalid(path, description);
    }
}

/// A retired or inactive item takes no new receipts; what is not kept in stock never comes in.
pub(super) fn check_receipt(path: &str, item: &Known<Item>, problems: &mut Problems) {
    let field = format!("{path}.item_id");
    let code = &item.value.code;
    if item.value.item_type != ItemType::Stock {
        problems.invalid(&field, format!("{code} is not kept in stock"));
    }
    if item.retired {
        problems.rule(
            Reason::ITEM_RETIRED,
            field,
            format!("{code} is retired and takes no new receipts"),
        );
    } else if !item.value.active {
        problems.rule(
            Reason::ITEM_RETIRED,
            field,
            format!("{code} is not active and takes no new receipts"),
        );
    }
}

/// Expired stock and stock on hold is written off, not issued.
pub(super) fn check_issue(
    path: &str,
    transaction_type: TransactionType,
    stock: &StockLine,
    facts: &Facts,
    problems: &mut Problems,
) {
    if transaction_type == TransactionType::InventoryReduction {
        return;
    }
    let field = format!("{path}.stock_line_id");
    if let Some(expiry) = stock.expiry_date.filter(|date| *date < facts.today) {
        problems.rule(
            Reason::STOCK_EXPIRED,
            &field,
            format!(
                "batch {:?} expired on {}: write it off with an inventory reduction",
                stock.batch,
                supplysync_model::format_date(expiry)
            ),
        );
    }
    if stock.on_hold {
        problems.rule(
            Reason::ON_HOLD,
            &field,
            format!("batch {:?} is on hold", stock.batch),
        );
    }
}
