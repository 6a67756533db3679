//! Records as answers show them: with the codes and names that people know beside the ids, looked up set by set.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use supplysync_api::master::Version;
use supplysync_api::{master, stock, v1};
use supplysync_model::{Fault, Item, Name, NameId, StockLine, Store, StoreId, Transaction, Unit};
use supplysync_store::Queries;
use supplysync_store::query::Versioned;

use crate::command::lookup;

/// What can be shown in an answer.
pub trait Shown: Sized + Send + 'static {
    /// Its message.
    type Wire: Send + 'static;

    /// The messages, in the order of the rows.
    fn show(tx: &Queries, rows: Vec<Versioned<Self>>) -> BoxFuture<'_, Result<Vec<Self::Wire>, Fault>>;
}

/// One record as a message.
pub async fn show_one<T: Shown>(tx: &Queries, row: Versioned<T>) -> Result<T::Wire, Fault> {
    let mut shown = T::show(tx, vec![row]).await?;
    shown
        .pop()
        .ok_or_else(|| Fault::internal("a record that shows as nothing"))
}

fn version<T>(row: &Versioned<T>) -> Version {
    Version {
        epoch: row.etag.epoch,
        revision: row.etag.revision,
        retired: row.retired,
    }
}

fn ids<T, I: Ord>(rows: &[Versioned<T>], id: impl Fn(&T) -> Option<I>) -> BTreeSet<I> {
    rows.iter().filter_map(|row| id(&row.value)).collect()
}

impl Shown for Unit {
    type Wire = v1::Unit;

    fn show(_: &Queries, rows: Vec<Versioned<Unit>>) -> BoxFuture<'_, Result<Vec<v1::Unit>, Fault>> {
        let shown = rows
            .iter()
            .map(|row| master::unit(&row.value, version(row)))
            .collect();
        Box::pin(async move { Ok(shown) })
    }
}

impl Shown for Item {
    type Wire = v1::Item;

    fn show(tx: &Queries, rows: Vec<Versioned<Item>>) -> BoxFuture<'_, Result<Vec<v1::Item>, Fault>> {
        Box::pin(async move {
            let units: Vec<_> = ids(&rows, |item| item.unit).into_iter().collect();
            let units = tx.units(&units).await?.into_iter();
            let units: BTreeMap<_, _> = units.map(|unit| (unit.value.id, unit.value.name)).collect();
            let shown = rows.iter().map(|row| {
                let unit = row.value.unit.and_then(|unit| units.get(&unit));
                master::item(&row.value, version(row), unit.map_or("", String::as_str))
            });
            Ok(shown.collect())
        })
    }
}

impl Shown for Name {
    type Wire = v1::Name;

    fn show(tx: &Queries, rows: Vec<Versioned<Name>>) -> BoxFuture<'_, Result<Vec<v1::Name>, Fault>> {
        Box::pin(async move {
            let codes = store_codes(tx, ids(&rows, |name| name.store)).await?;
            let shown = rows.iter().map(|row| {
                let code = row.value.store.and_then(|store| codes.get(&store));
                master::name(&row.value, version(row), code.map_or("", String::as_str))
            });
            Ok(shown.collect())
        })
    }
}

impl Shown for Store {
    type Wire = v1::Store;

    fn show(tx: &Queries, rows: Vec<Versioned<Store>>) -> BoxFuture<'_, Result<Vec<v1::Store>, Fault>> {
        Box::pin(async move {
            let names = lookup::names(tx, &ids(&rows, |store| store.name_id)).await?;
            let stores: Vec<_> = rows.iter().map(|row| row.value.id).collect();
            let assignments = tx.assignments(&stores).await?.into_iter();
            let active: BTreeMap<_, _> = assignments
                .map(|assignment| (assignment.value.store, assignment.value.site))
                .collect();
            let sites = site_names(tx).await?;
            let shown = rows.iter().map(|row| {
                let store = &row.value;
                let name = store.name_id.and_then(|name| names.get(&name));
                let site = active.get(&store.id).map(|site| {
                    let name = sites.get(site).map_or("", String::as_str);
                    (*site, name)
                });
                let code = name.map_or("", |name| name.value.code.as_str());
                master::store(store, version(row), code, site)
            });
            Ok(shown.collect())
        })
    }
}

impl Shown for StockLine {
    type Wire = v1::StockLine;

    fn show(
        tx: &Queries,
        rows: Vec<Versioned<StockLine>>,
    ) -> BoxFuture<'_, Result<Vec<v1::StockLine>, Fault>> {
        Box::pin(async move {
            let codes = store_codes(tx, ids(&rows, |line| Some(line.store))).await?;
            let items = lookup::items(tx, &ids(&rows, |line| Some(line.item))).await?;
            let suppliers = party_words(tx, ids(&rows, |line| line.supplier)).await?;
            let shown = rows.iter().map(|row| {
                let line = &row.value;
                let item = items.get(&line.item);
                let supplier = line.supplier.and_then(|supplier| suppliers.get(&supplier));
                let names = stock::StockLineNames {
                    store_code: codes.get(&line.store).map_or("", String::as_str),
                    item: item.map(|item| &item.value),
                    item_retired: item.is_some_and(|item| item.retired),
                    supplier: supplier.map(|(code, name)| (code.as_str(), name.as_str())),
                };
                stock::stock_line(line, version(row), names)
            });
            Ok(shown.collect())
        })
    }
}

impl Shown for Transaction {
    type Wire = v1::Transaction;

    fn show(
        tx: &Queries,
        rows: Vec<Versioned<Transaction>>,
    ) -> BoxFuture<'_, Result<Vec<v1::Transaction>, Fault>> {
        Box::pin(async move {
            let codes = store_codes(tx, ids(&rows, |transaction| Some(transaction.store))).await?;
            let parties = party_words(tx, ids(&rows, |transaction| transaction.other_party)).await?;
            let lines = rows.iter().flat_map(|row| &row.value.lines);
            let items = lookup::items(tx, &lines.map(|line| line.item).collect()).await?;
            let shown = rows.iter().map(|row| {
                let transaction = &row.value;
                let party = transaction.other_party.and_then(|party| parties.get(&party));
                let names = stock::TransactionNames {
                    store_code: codes.get(&transaction.store).map_or("", String::as_str),
                    other_party: party.map(|(code, name)| (code.as_str(), name.as_str())),
                    item: &|item| {
                        let item = &items.get(&item)?.value;
                        Some((item.code.as_str(), item.name.as_str()))
                    },
                };
                stock::transaction(transaction, version(row), &names)
            });
            Ok(shown.collect())
        })
    }
}

/// Codes of stores.
pub async fn store_codes(
    tx: &Queries,
    stores: BTreeSet<StoreId>,
) -> Result<BTreeMap<StoreId, String>, Fault> {
    let found = lookup::stores(tx, &stores).await?.into_iter();
    Ok(found.map(|(id, store)| (id, store.value.code)).collect())
}

/// Names of all sites.
pub async fn site_names(tx: &Queries) -> Result<BTreeMap<supplysync_model::SyncId, String>, Fault> {
    let found = tx.sites().await?.into_iter();
    Ok(found.map(|site| (site.value.sync_id, site.value.name)).collect())
}

async fn party_words(
    tx: &Queries,
    parties: BTreeSet<NameId>,
) -> Result<BTreeMap<NameId, (String, String)>, Fault> {
    let found = lookup::names(tx, &parties).await?.into_iter();
    Ok(found
        .map(|(id, name)| (id, (name.value.code, name.value.name)))
        .collect())
}
