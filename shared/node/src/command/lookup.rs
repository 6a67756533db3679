//! What commands ask of the typed tables, in the shape that rules want it: sets of records, by id or by folded code.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_model::{
    Fault, Item, ItemId, Name, NameId, RecordId, StockLine, StockLineId, Store, StoreId, Unit,
};
use supplysync_store::Queries;
use supplysync_store::query::{MasterFilter, PageQuery};

use super::stock_rules::Known;

/// Stores read at a time when something is about all of them.
const STORES_AT_A_TIME: u32 = 1_000;

/// A code as it is compared: `m001` and `M001` are one.
pub fn folded(code: &str) -> String {
    code.to_lowercase()
}

/// The unit, not retired, with this name.
pub async fn unit_named(tx: &Queries, name: &str) -> Result<Option<RecordId>, Fault> {
    Ok(tx.unit_by_name(name).await?.map(|unit| unit.value.id.into()))
}

/// The item, not retired, with this code.
pub async fn item_coded(tx: &Queries, code: &str) -> Result<Option<RecordId>, Fault> {
    Ok(tx.item_by_code(code).await?.map(|item| item.value.id.into()))
}

/// The name, not retired, with this code.
pub async fn name_coded(tx: &Queries, code: &str) -> Result<Option<RecordId>, Fault> {
    Ok(tx.name_by_code(code).await?.map(|name| name.value.id.into()))
}

/// The store, not retired, with this code.
pub async fn store_coded(tx: &Queries, code: &str) -> Result<Option<RecordId>, Fault> {
    Ok(tx.store_by_code(code).await?.map(|store| store.value.id.into()))
}

/// Units, not retired, by folded name.
pub async fn units_named(tx: &Queries, names: &BTreeSet<String>) -> Result<BTreeMap<String, Unit>, Fault> {
    let found = tx.units_by_names(&listed(names)).await?.into_iter();
    Ok(found.map(|unit| (folded(&unit.value.name), unit.value)).collect())
}

/// Items, not retired, by folded code.
pub async fn items_coded(tx: &Queries, codes: &BTreeSet<String>) -> Result<BTreeMap<String, Item>, Fault> {
    let found = tx.items_by_codes(&listed(codes)).await?.into_iter();
    Ok(found.map(|item| (folded(&item.value.code), item.value)).collect())
}

/// Names, not retired, by folded code.
pub async fn names_coded(tx: &Queries, codes: &BTreeSet<String>) -> Result<BTreeMap<String, Name>, Fault> {
    let found = tx.names_by_codes(&listed(codes)).await?.into_iter();
    Ok(found.map(|name| (folded(&name.value.code), name.value)).collect())
}

/// Stores, not retired, by folded code.
pub async fn stores_coded(tx: &Queries, codes: &BTreeSet<String>) -> Result<BTreeMap<String, Store>, Fault> {
    let found = tx.stores_by_codes(&listed(codes)).await?.into_iter();
    Ok(found
        .map(|store| (folded(&store.value.code), store.value))
        .collect())
}

/// Items, retired or not.
pub async fn items(tx: &Queries, ids: &BTreeSet<ItemId>) -> Result<BTreeMap<ItemId, Known<Item>>, Fault> {
    let found = tx.items(&listed(ids)).await?.into_iter();
    Ok(found.map(|item| (item.value.id, Known::from(item))).collect())
}

/// Names, retired or not.
pub async fn names(tx: &Queries, ids: &BTreeSet<NameId>) -> Result<BTreeMap<NameId, Known<Name>>, Fault> {
    let found = tx.names(&listed(ids)).await?.into_iter();
    Ok(found.map(|name| (name.value.id, Known::from(name))).collect())
}

/// Stores, retired or not.
pub async fn stores(tx: &Queries, ids: &BTreeSet<StoreId>) -> Result<BTreeMap<StoreId, Known<Store>>, Fault> {
    let found = tx.stores(&listed(ids)).await?.into_iter();
    Ok(found.map(|store| (store.value.id, Known::from(store))).collect())
}

/// Those of these stock lines that are the store's.
pub async fn stock_lines(
    tx: &Queries,
    store: StoreId,
    ids: &BTreeSet<StockLineId>,
) -> Result<BTreeMap<StockLineId, StockLine>, Fault> {
    let found = tx.stock_lines(&listed(ids)).await?.into_iter();
    let lines = found.map(|line| line.value);
    Ok(lines
        .filter(|line| line.store == store)
        .map(|line| (line.id, line))
        .collect())
}

/// The store's stock lines of these items.
pub async fn stock_lines_of_items(
    tx: &Queries,
    store: StoreId,
    items: &BTreeSet<ItemId>,
) -> Result<BTreeMap<StockLineId, StockLine>, Fault> {
    let found = tx.stock_lines_of_items(store, &listed(items)).await?;
    let lines = found.into_iter().map(|line| line.value);
    Ok(lines.map(|line| (line.id, line)).collect())
}

fn listed<T: Clone + Ord>(set: &BTreeSet<T>) -> Vec<T> {
    set.iter().cloned().collect()
}

/// Every store, or every one that is not retired. Bounded by the number of stores.
pub async fn all_stores(tx: &Queries, include_retired: bool) -> Result<Vec<Store>, Fault> {
    let filter = MasterFilter {
        include_retired,
        ..MasterFilter::default()
    };
    let mut stores = Vec::new();
    let mut page = PageQuery {
        size: STORES_AT_A_TIME,
        after: None,
    };
    loop {
        let found = tx.list_stores(&filter, &page).await?;
        stores.extend(found.rows.into_iter().map(|store| store.value));
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(stores),
        }
    }
}
