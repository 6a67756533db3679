//! Writing and removing the rows of many records at once, kind by kind.

use sea_orm::Value;
use supplysync_model::{Fault, Kind, Record, RecordId, RecordKey};
use supplysync_record_codec::RecordBody;

use super::code::bytes;
use super::raw::{Rows, delete};
use super::{master_rows as master, stock_rows as stock};
use crate::TxConn;

/// Writes the rows of everything that is not store data.
pub(super) async fn master(conn: &TxConn, records: &[(&Record, &RecordBody)]) -> Result<(), Fault> {
    let mut units = Rows::new(&master::UNIT);
    let mut items = Rows::new(&master::ITEM);
    let mut names = Rows::new(&master::NAME);
    let mut stores = Rows::new(&master::STORE);
    let mut sites = Rows::new(&master::SITE);
    let mut assignments = Rows::new(&master::ASSIGNMENT);
    let mut settings = Rows::new(&master::SITE_SETTINGS);
    let mut copies = Rows::new(&master::SITE_COPY);
    let mut revoked = Rows::new(&master::REVOKED_OPERATOR);
    let mut told = Vec::new();
    for (record, body) in records {
        match body {
            RecordBody::Unit(unit) => master::push_unit(&mut units, record, unit),
            RecordBody::Item(item) => master::push_item(&mut items, record, item),
            RecordBody::Name(name) => master::push_name(&mut names, record, name),
            RecordBody::Store(store) => master::push_store(&mut stores, record, store),
            RecordBody::Site(site) => master::push_site(&mut sites, record, site),
            RecordBody::Assignment(assignment) => {
                master::push_assignment(&mut assignments, record, assignment)
            }
            RecordBody::SiteSettings(new) => {
                told.push(Value::from(i64::from(new.sync_id.get())));
                master::push_settings(&mut settings, &mut copies, record, new);
            }
            RecordBody::RevokedOperator(new) => master::push_revoked_operator(&mut revoked, record, new),
            RecordBody::Proposal(_) | RecordBody::StockLine(_) | RecordBody::Transaction(_) => {}
        }
    }
    delete(conn, "site_copy", "sync_id", told).await?;
    for rows in [
        units,
        items,
        names,
        stores,
        sites,
        assignments,
        settings,
        copies,
        revoked,
    ] {
        rows.upsert(conn).await?;
    }
    Ok(())
}

/// Writes the rows of stock lines.
pub(super) async fn stock_lines(conn: &TxConn, records: &[(&Record, &RecordBody)]) -> Result<(), Fault> {
    let mut rows = Rows::new(&stock::STOCK_LINE);
    for (record, body) in records {
        if let RecordBody::StockLine(line) = body {
            stock::push_stock_line(&mut rows, record, line);
        }
    }
    rows.upsert(conn).await
}

/// Writes the rows of transactions; their lines are replaced as a whole.
pub(super) async fn transactions(conn: &TxConn, records: &[(&Record, &RecordBody)]) -> Result<(), Fault> {
    let mut rows = Rows::new(&stock::TRANSACTION);
    let mut lines = Rows::new(&stock::TRANSACTION_LINE);
    let mut ids = Vec::with_capacity(records.len());
    for (record, body) in records {
        if let RecordBody::Transaction(transaction) = body {
            ids.push(bytes(transaction.id.to_bytes()));
            stock::push_transaction(&mut rows, &mut lines, record, transaction);
        }
    }
    delete(conn, stock::TRANSACTION_LINE.name, "transaction_id", ids).await?;
    rows.upsert(conn).await?;
    lines.upsert(conn).await
}

/// Removes rows by the keys of their records; kinds without a table have none.
pub(super) async fn remove(conn: &TxConn, keys: &[RecordKey]) -> Result<(), Fault> {
    for kind in Kind::KNOWN {
        let ids: Vec<_> = keys
            .iter()
            .filter(|key| key.kind == kind)
            .map(|key| key_value(kind, key.id))
            .collect();
        if !ids.is_empty() {
            for (table, column) in tables(kind) {
                delete(conn, table, column, ids.clone()).await?;
            }
        }
    }
    Ok(())
}

/// The tables that a record of a kind has rows in, with the column that holds its id.
pub(super) fn tables(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::UNIT => &[("unit", "id")],
        Kind::ITEM => &[("item", "id")],
        Kind::NAME => &[("name", "id")],
        Kind::STORE => &[("store", "id")],
        Kind::SITE => &[("site", "sync_id")],
        Kind::ASSIGNMENT => &[("store_assignment", "store_id")],
        Kind::SITE_SETTINGS => &[("site_settings", "sync_id"), ("site_copy", "sync_id")],
        Kind::REVOKED_OPERATOR => &[("revoked_operator", "id")],
        Kind::STOCK_LINE => &[("stock_line", "id")],
        Kind::TRANSACTION => &[
            ("stock_transaction", "id"),
            ("stock_transaction_line", "transaction_id"),
        ],
        _ => &[],
    }
}

fn key_value(kind: Kind, id: RecordId) -> Value {
    match kind {
        // Their record ids are the Sync ID as a number.
        Kind::SITE | Kind::SITE_SETTINGS => Value::from(id.uuid().as_u128() as i64),
        _ => bytes(id.to_bytes()),
    }
}
