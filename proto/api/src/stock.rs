//! Stock lines and transactions: requests → drafts and patches, model → answers. Whether stock allows it is for the
//! commands to say.

use prost_types::FieldMask;
use supplysync_model::{
    Amount, Date, Fault, Item, ItemId, NameId, StatusChange, StockLine, StockLineId, StoreId, Transaction,
    TransactionLine, TransactionType,
};

use crate::fields::{
    Fields, amount, date_text, id, id_text, optional_amount, optional_date, optional_id, time_text,
};
use crate::master::Version;
use crate::patch::{Patch, PatchReader};
use crate::{v1, words};

/// The content of a transaction as a request gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransactionContent {
    /// Supplier or customer.
    pub other_party: Option<NameId>,
    /// Which patient a prescription is for.
    pub patient_reference: String,
    /// The other party's reference.
    pub their_reference: String,
    /// A comment.
    pub comment: String,
    /// Its lines, in order.
    pub lines: Vec<LineContent>,
}

/// A line as a request gives it. What is left out comes from the stock line, or from the item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineContent {
    /// What moves.
    pub item: Option<ItemId>,
    /// The stock line that it takes from.
    pub stock_line: Option<StockLineId>,
    /// The maker's batch number.
    pub batch: String,
    /// The last day it may be issued.
    pub expiry_date: Option<Date>,
    /// Packs moved.
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

/// A transaction to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransaction {
    /// The store whose stock it moves.
    pub store: StoreId,
    /// What it does.
    pub transaction_type: TransactionType,
    /// The rest.
    pub content: TransactionContent,
}

/// Reads a transaction to create, with every violation at once.
pub fn new_transaction(wire: v1::Transaction) -> Result<NewTransaction, Fault> {
    let mut patch = PatchReader::new(None);
    let store = patch.fields.take("store_id", id(&wire.store_id));
    let transaction_type = patch.fields.take("type", words::transaction_type(wire.r#type));
    read_content(&mut patch, wire);
    let content = patch.finish()?.onto(TransactionContent::default());
    let read = store.zip(transaction_type);
    let (store, transaction_type) =
        read.ok_or_else(|| Fault::internal("a field was refused without a word"))?;
    Ok(NewTransaction {
        store,
        transaction_type,
        content,
    })
}

/// What an update sets of a transaction; `lines` as a whole.
pub fn transaction_patch(
    wire: v1::Transaction,
    mask: Option<&FieldMask>,
) -> Result<Patch<TransactionContent>, Fault> {
    let mut patch = PatchReader::new(mask);
    read_content(&mut patch, wire);
    patch.finish()
}

fn read_content(patch: &mut PatchReader<'_, TransactionContent>, wire: v1::Transaction) {
    patch.set(
        "other_party_id",
        || optional_id(&wire.other_party_id),
        |content, party| content.other_party = party,
    );
    patch.text("patient_reference", wire.patient_reference, |content, text| {
        content.patient_reference = text;
    });
    patch.text("their_reference", wire.their_reference, |content, text| {
        content.their_reference = text
    });
    patch.text("comment", wire.comment, |content, text| content.comment = text);
    if patch.named("lines") {
        let numbered = wire.lines.into_iter().enumerate();
        let lines: Vec<_> = numbered
            .map(|(at, line)| read_line(&mut patch.fields, at, line))
            .collect();
        if let Some(lines) = lines.into_iter().collect::<Option<Vec<_>>>() {
            patch.push(move |content| content.lines = lines.clone());
        }
    }
}

fn read_line(fields: &mut Fields, at: usize, wire: v1::TransactionLine) -> Option<LineContent> {
    let path = |field: &str| format!("lines[{at}].{field}");
    // Every field is read before the first failure is answered.
    let item = fields.take(path("item_id"), optional_id(&wire.item_id));
    let stock_line = fields.take(path("stock_line_id"), optional_id(&wire.stock_line_id));
    let expiry_date = fields.take(path("expiry_date"), optional_date(&wire.expiry_date));
    let packs = fields.take(path("packs"), amount(&wire.packs));
    let pack_size = fields.take(path("pack_size"), optional_amount(&wire.pack_size));
    let cost_price = fields.take(path("cost_price"), optional_amount(&wire.cost_price));
    let sell_price = fields.take(path("sell_price"), optional_amount(&wire.sell_price));
    Some(LineContent {
        item: item?,
        stock_line: stock_line?,
        batch: wire.batch,
        expiry_date: expiry_date?,
        packs: packs?,
        pack_size: pack_size?,
        cost_price: cost_price?,
        sell_price: sell_price?,
        note: wire.note,
    })
}

/// What an update sets of a stock line: location, hold and sell price only.
pub fn stock_line_patch(wire: v1::StockLine, mask: Option<&FieldMask>) -> Result<Patch<StockLine>, Fault> {
    let mut patch = PatchReader::new(mask);
    patch.text(
        "location_code",
        wire.location_code,
        |line: &mut StockLine, code| line.location_code = code,
    );
    patch.set(
        "on_hold",
        || Ok(wire.on_hold),
        |line, on_hold| line.on_hold = on_hold,
    );
    patch.set(
        "sell_price",
        || amount(&wire.sell_price),
        |line, price| line.sell_price = price,
    );
    patch.finish()
}

/// What a stock line's answer says beside its ids.
#[derive(Debug, Clone, Copy)]
pub struct StockLineNames<'a> {
    /// The store's code.
    pub store_code: &'a str,
    /// The item, when it is on record.
    pub item: Option<&'a Item>,
    /// Whether it is retired.
    pub item_retired: bool,
    /// Code and name of the supplier.
    pub supplier: Option<(&'a str, &'a str)>,
}

/// A stock line in an answer.
pub fn stock_line(line: &StockLine, version: Version, names: StockLineNames<'_>) -> v1::StockLine {
    let (supplier_code, supplier_name) = names.supplier.unwrap_or_default();
    v1::StockLine {
        id: line.id.to_string(),
        etag: version.etag(),
        store_id: line.store.to_string(),
        store_code: names.store_code.to_owned(),
        item_id: line.item.to_string(),
        item_code: names.item.map(|item| item.code.clone()).unwrap_or_default(),
        item_name: names.item.map(|item| item.name.clone()).unwrap_or_default(),
        item_retired: names.item_retired,
        batch: line.batch.clone(),
        expiry_date: date_text(line.expiry_date),
        pack_size: line.pack_size.to_string(),
        packs_total: line.packs_total.to_string(),
        packs_available: line.packs_available.to_string(),
        cost_price: line.cost_price.to_string(),
        sell_price: line.sell_price.to_string(),
        supplier_id: id_text(line.supplier),
        supplier_code: supplier_code.to_owned(),
        supplier_name: supplier_name.to_owned(),
        location_code: line.location_code.clone(),
        on_hold: line.on_hold,
    }
}

/// What a transaction's answer says beside its ids.
pub struct TransactionNames<'a> {
    /// The store's code.
    pub store_code: &'a str,
    /// Code and name of the other party.
    pub other_party: Option<(&'a str, &'a str)>,
    /// Code and name of an item.
    pub item: &'a dyn Fn(ItemId) -> Option<(&'a str, &'a str)>,
}

/// A transaction in an answer.
pub fn transaction(
    transaction: &Transaction,
    version: Version,
    names: &TransactionNames<'_>,
) -> v1::Transaction {
    let (party_code, party_name) = names.other_party.unwrap_or_default();
    v1::Transaction {
        id: transaction.id.to_string(),
        etag: version.etag(),
        store_id: transaction.store.to_string(),
        store_code: names.store_code.to_owned(),
        number: transaction.number,
        r#type: words::transaction_type_to_wire(transaction.transaction_type).into(),
        other_party_id: id_text(transaction.other_party),
        other_party_code: party_code.to_owned(),
        other_party_name: party_name.to_owned(),
        patient_reference: transaction.patient_reference.clone(),
        status: words::transaction_status_to_wire(transaction.status).into(),
        their_reference: transaction.their_reference.clone(),
        comment: transaction.comment.clone(),
        status_changes: transaction.status_changes.iter().map(status_change).collect(),
        lines: transaction
            .lines
            .iter()
            .map(|line| transaction_line(line, names))
            .collect(),
    }
}

fn status_change(change: &StatusChange) -> v1::StatusChange {
    v1::StatusChange {
        status: words::transaction_status_to_wire(change.status).into(),
        time: time_text(Some(change.at)),
        by: change.by.clone(),
    }
}

fn transaction_line(line: &TransactionLine, names: &TransactionNames<'_>) -> v1::TransactionLine {
    let (item_code, item_name) = (names.item)(line.item).unwrap_or_default();
    v1::TransactionLine {
        item_id: line.item.to_string(),
        item_code: item_code.to_owned(),
        item_name: item_name.to_owned(),
        stock_line_id: id_text(line.stock_line),
        batch: line.batch.clone(),
        expiry_date: date_text(line.expiry_date),
        packs: line.packs.to_string(),
        pack_size: line.pack_size.to_string(),
        cost_price: line.cost_price.to_string(),
        sell_price: line.sell_price.to_string(),
        note: line.note.clone(),
    }
}
