//! Stock lines and transactions ↔ their stored bodies. What holds for an owner only (stock not below zero, unique
//! numbers) is not asked here: a copy takes what its owner wrote.

use supplysync_model::{
    Amount, Date, NameId, StatusChange, StockLine, StockLineId, Timestamp, Transaction, TransactionLine,
    TransactionStatus, TransactionType,
};

use crate::field::{
    Field, ascending, id, optional_bytes, optional_date, optional_id, positive, required, text,
};
use crate::wire;

pub(crate) fn stock_line_to_wire(line: &StockLine) -> wire::StockLine {
    wire::StockLine {
        id: line.id.to_bytes().into(),
        store: line.store.to_bytes().into(),
        item: line.item.to_bytes().into(),
        batch: line.batch.clone(),
        expiry_day: line.expiry_date.map(Date::to_julian_day),
        pack_size: line.pack_size.micros(),
        packs_total: line.packs_total.micros(),
        packs_available: line.packs_available.micros(),
        cost_price: line.cost_price.micros(),
        sell_price: line.sell_price.micros(),
        supplier: optional_bytes(line.supplier.map(NameId::to_bytes)),
        location_code: line.location_code.clone(),
        on_hold: line.on_hold,
    }
}

pub(crate) fn stock_line(wire: wire::StockLine) -> Field<StockLine> {
    Ok(StockLine {
        id: id("id", &wire.id)?,
        store: id("store", &wire.store)?,
        item: id("item", &wire.item)?,
        batch: text("batch", wire.batch)?,
        expiry_date: optional_date("expiry_day", wire.expiry_day)?,
        pack_size: positive("pack_size", wire.pack_size)?,
        packs_total: Amount::from_micros(wire.packs_total),
        packs_available: Amount::from_micros(wire.packs_available),
        cost_price: Amount::from_micros(wire.cost_price),
        sell_price: Amount::from_micros(wire.sell_price),
        supplier: optional_id("supplier", &wire.supplier)?,
        location_code: text("location_code", wire.location_code)?,
        on_hold: wire.on_hold,
    })
}

pub(crate) fn transaction_to_wire(transaction: &Transaction) -> wire::Transaction {
    wire::Transaction {
        id: transaction.id.to_bytes().into(),
        store: transaction.store.to_bytes().into(),
        number: transaction.number,
        r#type: type_to_wire(transaction.transaction_type).into(),
        other_party: optional_bytes(transaction.other_party.map(NameId::to_bytes)),
        patient_reference: transaction.patient_reference.clone(),
        status: status_to_wire(transaction.status).into(),
        their_reference: transaction.their_reference.clone(),
        comment: transaction.comment.clone(),
        status_changes: transaction
            .status_changes
            .iter()
            .map(status_change_to_wire)
            .collect(),
        lines: transaction.lines.iter().map(line_to_wire).collect(),
    }
}

pub(crate) fn transaction(wire: wire::Transaction) -> Field<Transaction> {
    let status = status(wire.status)?;
    let changes: Field<Vec<_>> = wire.status_changes.into_iter().map(status_change).collect();
    let changes = changes?;
    ascending(
        "status_changes",
        changes.iter().map(|change| change.status).collect(),
    )?;
    if changes.last().is_some_and(|last| last.status != status) {
        return Err("status_changes: the last is not the present status".to_owned());
    }
    if wire.number == 0 {
        return Err("number: 0 where numbers begin at 1".to_owned());
    }
    let lines = wire.lines.into_iter().enumerate();
    let lines: Field<Vec<_>> = lines
        .map(|(index, wire)| line(wire).map_err(|detail| format!("lines[{index}].{detail}")))
        .collect();
    Ok(Transaction {
        id: id("id", &wire.id)?,
        store: id("store", &wire.store)?,
        number: wire.number,
        transaction_type: transaction_type(wire.r#type)?,
        other_party: optional_id("other_party", &wire.other_party)?,
        patient_reference: text("patient_reference", wire.patient_reference)?,
        status,
        their_reference: text("their_reference", wire.their_reference)?,
        comment: text("comment", wire.comment)?,
        status_changes: changes,
        lines: lines?,
    })
}

fn line_to_wire(line: &TransactionLine) -> wire::TransactionLine {
    wire::TransactionLine {
        item: line.item.to_bytes().into(),
        stock_line: optional_bytes(line.stock_line.map(StockLineId::to_bytes)),
        batch: line.batch.clone(),
        expiry_day: line.expiry_date.map(Date::to_julian_day),
        packs: line.packs.micros(),
        pack_size: line.pack_size.micros(),
        cost_price: line.cost_price.micros(),
        sell_price: line.sell_price.micros(),
        note: line.note.clone(),
    }
}

fn line(wire: wire::TransactionLine) -> Field<TransactionLine> {
    Ok(TransactionLine {
        item: id("item", &wire.item)?,
        stock_line: optional_id("stock_line", &wire.stock_line)?,
        batch: text("batch", wire.batch)?,
        expiry_date: optional_date("expiry_day", wire.expiry_day)?,
        packs: positive("packs", wire.packs)?,
        pack_size: positive("pack_size", wire.pack_size)?,
        cost_price: Amount::from_micros(wire.cost_price),
        sell_price: Amount::from_micros(wire.sell_price),
        note: text("note", wire.note)?,
    })
}

fn status_change_to_wire(change: &StatusChange) -> wire::StatusChange {
    wire::StatusChange {
        status: status_to_wire(change.status).into(),
        at: change.at.0,
        by: change.by.clone(),
    }
}

fn status_change(wire: wire::StatusChange) -> Field<StatusChange> {
    Ok(StatusChange {
        status: status(wire.status)?,
        at: Timestamp(wire.at),
        by: text("by", wire.by)?,
    })
}

fn status_to_wire(status: TransactionStatus) -> wire::TransactionStatus {
    match status {
        TransactionStatus::New => wire::TransactionStatus::New,
        TransactionStatus::Confirmed => wire::TransactionStatus::Confirmed,
        TransactionStatus::Finalised => wire::TransactionStatus::Finalised,
    }
}

fn status(number: i32) -> Field<TransactionStatus> {
    required("status", number, |value| match value {
        wire::TransactionStatus::Unspecified => None,
        wire::TransactionStatus::New => Some(TransactionStatus::New),
        wire::TransactionStatus::Confirmed => Some(TransactionStatus::Confirmed),
        wire::TransactionStatus::Finalised => Some(TransactionStatus::Finalised),
    })
}

fn type_to_wire(value: TransactionType) -> wire::TransactionType {
    match value {
        TransactionType::SupplierInvoice => wire::TransactionType::SupplierInvoice,
        TransactionType::CustomerInvoice => wire::TransactionType::CustomerInvoice,
        TransactionType::Prescription => wire::TransactionType::Prescription,
        TransactionType::InventoryAddition => wire::TransactionType::InventoryAddition,
        TransactionType::InventoryReduction => wire::TransactionType::InventoryReduction,
        TransactionType::SupplierReturn => wire::TransactionType::SupplierReturn,
        TransactionType::CustomerReturn => wire::TransactionType::CustomerReturn,
    }
}

fn transaction_type(number: i32) -> Field<TransactionType> {
    required("type", number, |value| match value {
        wire::TransactionType::Unspecified => None,
        wire::TransactionType::SupplierInvoice => Some(TransactionType::SupplierInvoice),
        wire::TransactionType::CustomerInvoice => Some(TransactionType::CustomerInvoice),
        wire::TransactionType::Prescription => Some(TransactionType::Prescription),
        wire::TransactionType::InventoryAddition => Some(TransactionType::InventoryAddition),
        wire::TransactionType::InventoryReduction => Some(TransactionType::InventoryReduction),
        wire::TransactionType::SupplierReturn => Some(TransactionType::SupplierReturn),
        wire::TransactionType::CustomerReturn => Some(TransactionType::CustomerReturn),
    })
}
