//! What commands ask of the typed tables: sets of records by id, and records by the code that tells them apart.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_model::{
    Assignment, Fault, Item, ItemId, Name, NameId, RecordId, Site, StockLine, StockLineId, Store, StoreId,
    TransactionType, Unit,
};
use supplysync_store::Queries;

use super::kept::Kept;
use super::stock_rules::Known;

pub(super) async fn unit_named(tx: &Queries, name: &str) -> Result<Option<RecordId>, Fault> {
    let _ = (tx, name);
    Err(Fault::internal("later"))
}
pub(super) async fn item_coded(tx: &Queries, code: &str) -> Result<Option<RecordId>, Fault> {
    let _ = (tx, code);
    Err(Fault::internal("later"))
}
pub(super) async fn name_coded(tx: &Queries, code: &str) -> Result<Option<RecordId>, Fault> {
    let _ = (tx, code);
    Err(Fault::internal("later"))
}
pub(super) async fn store_coded(tx: &Queries, code: &str) -> Result<Option<RecordId>, Fault> {
    let _ = (tx, code);
    Err(Fault::internal("later"))
}
pub(super) async fn units_named(tx: &Queries, c: &BTreeSet<String>) -> Result<BTreeMap<String, Unit>, Fault> {
    let _ = (tx, c);
    Err(Fault::internal("later"))
}
pub(super) async fn items_coded(tx: &Queries, c: &BTreeSet<String>) -> Result<BTreeMap<String, Item>, Fault> {
    let _ = (tx, c);
    Err(Fault::internal("later"))
}
pub(super) async fn names_coded(tx: &Queries, c: &BTreeSet<String>) -> Result<BTreeMap<String, Name>, Fault> {
    let _ = (tx, c);
    Err(Fault::internal("later"))
}
pub(super) async fn stores_coded(
    tx: &Queries,
    c: &BTreeSet<String>,
) -> Result<BTreeMap<String, Store>, Fault> {
    let _ = (tx, c);
    Err(Fault::internal("later"))
}
pub(super) async fn items(
    tx: &Queries,
    c: &BTreeSet<ItemId>,
) -> Result<BTreeMap<ItemId, Known<Item>>, Fault> {
    let _ = (tx, c);
    Err(Fault::internal("later"))
}
pub(super) async fn names(
    tx: &Queries,
    c: &BTreeSet<NameId>,
) -> Result<BTreeMap<NameId, Known<Name>>, Fault> {
    let _ = (tx, c);
    Err(Fault::internal("later"))
}
/// Lands with the queries.
pub async fn stores(tx: &Queries, c: &BTreeSet<StoreId>) -> Result<BTreeMap<StoreId, Known<Store>>, Fault> {
    let _ = (tx, c);
    Err(Fault::internal("later"))
}
pub(super) async fn stock_lines(
    tx: &Queries,
    s: StoreId,
    c: &BTreeSet<StockLineId>,
) -> Result<BTreeMap<StockLineId, StockLine>, Fault> {
    let _ = (tx, s, c);
    Err(Fault::internal("later"))
}
pub(super) async fn stock_lines_of_items(
    tx: &Queries,
    s: StoreId,
    c: &BTreeSet<ItemId>,
) -> Result<BTreeMap<StockLineId, StockLine>, Fault> {
    let _ = (tx, s, c);
    Err(Fault::internal("later"))
}
pub(super) async fn next_number(tx: &Queries, s: StoreId, t: TransactionType) -> Result<u64, Fault> {
    let _ = (tx, s, t);
    Err(Fault::internal("later"))
}
/// Lands with the queries.
pub async fn sites(tx: &Queries) -> Result<Vec<Kept<Site>>, Fault> {
    let _ = tx;
    Err(Fault::internal("later"))
}
/// Lands with the queries.
pub async fn assignments(tx: &Queries) -> Result<Vec<Assignment>, Fault> {
    let _ = tx;
    Err(Fault::internal("later"))
}
