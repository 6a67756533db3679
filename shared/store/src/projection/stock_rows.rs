//! Rows of the typed tables of store data, from model values.

use sea_orm::Value;
use supplysync_model::{NameId, Record, StockLine, StockLineId, Transaction, TransactionStatus};

use super::code::{bytes, day, optional_bytes, status_number, type_number};
use super::etag_values;
use super::raw::{Rows, Table};

pub(super) const STOCK_LINE: Table = Table {
    name: "stock_line",
    columns: &[
        "id",
        "store_id",
        "item_id",
        "batch",
        "expiry_day",
        "pack_size",
        "packs_total",
        "packs_available",
        "cost_price",
        "sell_price",
        "supplier_id",
        "location_code",
        "on_hold",
        "epoch",
        "revision",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const TRANSACTION: Table = Table {
    name: "stock_transaction",
    columns: &[
        "id",
        "store_id",
        "number",
        "transaction_type",
        "other_party_id",
        "patient_reference",
        "status",
        "their_reference",
        "comment",
        "new_at",
        "new_by",
        "confirmed_at",
        "confirmed_by",
        "finalised_at",
        "finalised_by",
        "epoch",
        "revision",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const TRANSACTION_LINE: Table = Table {
    name: "stock_transaction_line",
    columns: &[
        "transaction_id",
        "position",
        "item_id",
        "stock_line_id",
        "batch",
        "expiry_day",
        "packs",
        "pack_size",
        "cost_price",
        "sell_price",
        "note",
    ],
    key: 2,
    lasting: &[],
    keep: 0,
};

pub(super) fn push_stock_line(rows: &mut Rows, record: &Record, line: &StockLine) {
    let [epoch, revision] = etag_values(record);
    rows.push([
        bytes(line.id.to_bytes()),
        bytes(line.store.to_bytes()),
        bytes(line.item.to_bytes()),
        line.batch.as_str().into(),
        day(line.expiry_date).into(),
        line.pack_size.micros().into(),
        line.packs_total.micros().into(),
        line.packs_available.micros().into(),
        line.cost_price.micros().into(),
        line.sell_price.micros().into(),
        optional_bytes(line.supplier.map(NameId::to_bytes)),
        line.location_code.as_str().into(),
        line.on_hold.into(),
        epoch,
        revision,
    ]);
}

pub(super) fn push_transaction(
    rows: &mut Rows,
    lines: &mut Rows,
    record: &Record,
    transaction: &Transaction,
) {
    let [epoch, revision] = etag_values(record);
    let [new_at, new_by] = reached(transaction, TransactionStatus::New);
    let [confirmed_at, confirmed_by] = reached(transaction, TransactionStatus::Confirmed);
    let [finalised_at, finalised_by] = reached(transaction, TransactionStatus::Finalised);
    rows.push([
        bytes(transaction.id.to_bytes()),
        bytes(transaction.store.to_bytes()),
        (transaction.number as i64).into(),
        type_number(transaction.transaction_type).into(),
        optional_bytes(transaction.other_party.map(NameId::to_bytes)),
        transaction.patient_reference.as_str().into(),
        status_number(transaction.status).into(),
        transaction.their_reference.as_str().into(),
        transaction.comment.as_str().into(),
        new_at,
        new_by,
        confirmed_at,
        confirmed_by,
        finalised_at,
        finalised_by,
        epoch,
        revision,
    ]);
    for (position, line) in (0i64..).zip(&transaction.lines) {
        lines.push([
            bytes(transaction.id.to_bytes()),
            position.into(),
            bytes(line.item.to_bytes()),
            optional_bytes(line.stock_line.map(StockLineId::to_bytes)),
            line.batch.as_str().into(),
            day(line.expiry_date).into(),
            line.packs.micros().into(),
            line.pack_size.micros().into(),
            line.cost_price.micros().into(),
            line.sell_price.micros().into(),
            line.note.as_str().into(),
        ]);
    }
}

fn reached(transaction: &Transaction, status: TransactionStatus) -> [Value; 2] {
    let change = transaction
        .status_changes
        .iter()
        .find(|change| change.status == status);
    [
        change.map(|change| change.at.0).into(),
        change.map(|change| change.by.clone()).into(),
    ]
}
