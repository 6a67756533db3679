//! Stock on hand by store and item. Sums are made in SQL, products here, exactly.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use supplysync_model::{Amount, Date, Fault, FaultCode, Item, ItemId, Reason, StoreId};

use super::column;
use super::page::{PageOf, PageQuery, cut, place};
use crate::Queries;
use crate::projection::code;

/// Which stock the report shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnHandFilter {
    /// Of these stores; empty for every store whose data is here.
    pub stores: Vec<StoreId>,
    /// Of this item only.
    pub item: Option<ItemId>,
}

/// What one store has of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnHandRow {
    /// The store.
    pub store: StoreId,
    /// The item.
    pub item: Item,
    /// Whether the item is retired.
    pub item_retired: bool,
    /// Packs of whatever size.
    pub packs: Amount,
    /// Packs times pack size.
    pub units: Amount,
    /// Packs times cost price.
    pub value: Amount,
    /// The first expiry date of what is there.
    pub earliest_expiry: Option<Date>,
}

#[derive(Default)]
struct Sum {
    packs: Amount,
    units: Amount,
    value: Amount,
    earliest_expiry: Option<Date>,
}

impl Queries {
    /// A page of stock on hand, by store and item; what is used up is left out. Ask [`Queries::freshness`] how fresh
    /// each store's part is.
    pub async fn stock_on_hand(
        &self,
        filter: &OnHandFilter,
        page: &PageQuery,
    ) -> Result<PageOf<OnHandRow>, Fault> {
        let after = page.place_of_ids(2)?;
        let limit = page.limit();
        let (condition, values) = condition(filter, after.as_deref());
        let pairs_sql = format!(
            "SELECT store_id, item_id FROM stock_line WHERE {condition} GROUP BY store_id, item_id \
             ORDER BY store_id, item_id LIMIT {}",
            limit + 1
        );
        let rows = self.conn().rows(pairs_sql, values.clone()).await?;
        let pairs = rows.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let (pairs, next) = cut(pairs, limit, |(store, item)| place(&[], &[store, item]));
        let Some((last_store, last_item)) = pairs.last().cloned() else {
            return Ok(PageOf {
                rows: Vec::new(),
                next: None,
            });
        };
        let mut sums = self.sums(&condition, values, last_store, last_item).await?;
        let ids = pairs
            .iter()
            .map(|(_, item)| code::id(item.clone()))
            .collect::<Result<Vec<ItemId>, _>>()?;
        let items: HashMap<_, _> = self
            .items(&distinct(ids))
            .await?
            .into_iter()
            .map(|i| (i.value.id, i))
            .collect();
        let mut shown = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let sum = sums.remove(&pair).unwrap_or_default();
            // A stock line is projected only once its item is here.
            let Some(item) = items.get(&code::id(pair.1)?) else {
                continue;
            };
            shown.push(OnHandRow {
                store: code::id(pair.0)?,
                item: item.value.clone(),
                item_retired: item.retired,
                packs: sum.packs,
                units: sum.units,
                value: sum.value,
                earliest_expiry: sum.earliest_expiry,
            });
        }
        Ok(PageOf { rows: shown, next })
    }

    /// Sums per store and item of the page that ends with `last_store` and `last_item`.
    async fn sums(
        &self,
        condition: &str,
        mut values: Vec<Value>,
        last_store: Vec<u8>,
        last_item: Vec<u8>,
    ) -> Result<HashMap<(Vec<u8>, Vec<u8>), Sum>, Fault> {
        values.extend([last_store.into(), last_item.into()]);
        let sql = format!(
            "SELECT store_id, item_id, pack_size, cost_price, CAST(SUM(packs_total) AS BIGINT), MIN(expiry_day) \
             FROM stock_line WHERE {condition} AND (store_id, item_id) <= (${}, ${}) \
             GROUP BY store_id, item_id, pack_size, cost_price",
            values.len() - 1,
            values.len()
        );
        let mut sums: HashMap<_, Sum> = HashMap::new();
        for row in self.conn().rows(sql, values).await? {
            let packs = code::amount(column(&row, 4)?);
            let sum = sums.entry(pair(&row)?).or_default();
            let units = packs.checked_mul(code::amount(column(&row, 2)?));
            let value = packs.checked_mul(code::amount(column(&row, 3)?));
            sum.packs = sum.packs.checked_add(packs).ok_or_else(too_large)?;
            sum.units = units
                .and_then(|units| sum.units.checked_add(units))
                .ok_or_else(too_large)?;
            sum.value = value
                .and_then(|value| sum.value.checked_add(value))
                .ok_or_else(too_large)?;
            let expiry = code::date(column(&row, 5)?)?;
            sum.earliest_expiry = [sum.earliest_expiry, expiry].into_iter().flatten().min();
        }
        Ok(sums)
    }
}

fn condition(filter: &OnHandFilter, after: Option<&[Vec<u8>]>) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = Vec::new();
    // Rows of a store that is not kept (any more) may still be on their way out.
    let mut condition =
        "packs_total <> 0 AND store_id NOT IN (SELECT store_id FROM store_not_kept WHERE phase <> 2)"
            .to_owned();
    if !filter.stores.is_empty() {
        let marks: Vec<_> = (1..=filter.stores.len())
            .map(|number| format!("${number}"))
            .collect();
        values.extend(
            filter
                .stores
                .iter()
                .map(|store| Value::from(store.to_bytes().to_vec())),
        );
        condition.push_str(&format!(" AND store_id IN ({})", marks.join(", ")));
    }
    if let Some(item) = filter.item {
        values.push(item.to_bytes().to_vec().into());
        condition.push_str(&format!(" AND item_id = ${}", values.len()));
    }
    if let Some([store, item]) = after {
        values.extend([Value::from(store.clone()), Value::from(item.clone())]);
        let (store, item) = (values.len() - 1, values.len());
        condition.push_str(&format!(" AND (store_id, item_id) > (${store}, ${item})"));
    }
    (condition, values)
}

fn pair(row: &QueryResult) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    Ok((column(row, 0)?, column(row, 1)?))
}

fn distinct(mut ids: Vec<ItemId>) -> Vec<ItemId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn too_large() -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::INVALID_FIELDS,
        "a sum of stock is too large to show exactly; ask for fewer stores, or look for an impossible quantity",
    )
}
