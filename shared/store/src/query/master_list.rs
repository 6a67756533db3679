//! What units, items, names and stores have in common: an id, a key to look them up by, and a list in its order.

use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter, QueryOrder, QuerySelect};
use supplysync_model::Fault;

use super::Versioned;
use super::page::{PageOf, PageQuery, cut, place};
use crate::TxConn;
use crate::fault::database;
use crate::projection::code::text_key;

/// Keys in one statement.
const KEYS: usize = 500;

/// Which master records a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MasterFilter {
    /// What the code or the name begins with, in any case; empty for all.
    pub text: String,
    /// Whether retired ones are shown too.
    pub include_retired: bool,
}

/// A master table: found by its key (the code; a unit's name), listed in the key's order.
pub(super) trait MasterTable: EntityTrait {
    /// What a row stands for.
    type Value;
    /// The id.
    const ID: Self::Column;
    /// What it is found and ordered by.
    const KEY: Self::Column;
    /// The other text it is searched by; the same as `KEY` when there is only one.
    const NAME_KEY: Self::Column;
    /// Whether it is retired.
    const RETIRED: Self::Column;
}

pub(super) async fn by_ids<E>(conn: &TxConn, ids: Vec<Vec<u8>>) -> Result<Vec<Versioned<E::Value>>, Fault>
where
    E: MasterTable,
    Versioned<E::Value>: TryFrom<E::Model, Error = Fault>,
{
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(KEYS) {
        let select = E::find().filter(E::ID.is_in(some.to_vec()));
        found.extend(select.all(conn.orm()).await.map_err(database)?);
    }
    found.into_iter().map(Versioned::try_from).collect()
}

/// Those not retired whose keys are these texts, in any case.
pub(super) async fn by_keys<E>(conn: &TxConn, texts: &[String]) -> Result<Vec<Versioned<E::Value>>, Fault>
where
    E: MasterTable,
    Versioned<E::Value>: TryFrom<E::Model, Error = Fault>,
{
    let mut found = Vec::with_capacity(texts.len());
    for some in texts.chunks(KEYS) {
        let keys = some.iter().map(|text| text_key(text));
        let select = E::find().filter(E::KEY.is_in(keys)).filter(E::RETIRED.eq(false));
        found.extend(select.all(conn.orm()).await.map_err(database)?);
    }
    found.into_iter().map(Versioned::try_from).collect()
}

pub(super) async fn list<E>(
    conn: &TxConn,
    filter: &MasterFilter,
    page: &PageQuery,
) -> Result<PageOf<Versioned<E::Value>>, Fault>
where
    E: MasterTable,
    Versioned<E::Value>: TryFrom<E::Model, Error = Fault>,
{
    let mut select = E::find();
    if !filter.include_retired {
        select = select.filter(E::RETIRED.eq(false));
    }
    let text = text_key(&filter.text);
    if !text.is_empty() {
        select = select.filter(
            Condition::any()
                .add(begins_with(E::KEY, &text))
                .add(begins_with(E::NAME_KEY, &text)),
        );
    }
    if let Some((key, ids)) = page.place(1)? {
        let id = ids.into_iter().next().unwrap_or_default();
        let later = Condition::any().add(E::KEY.gt(key.clone())).add(E::ID.gt(id));
        select = select.filter(E::KEY.gte(key)).filter(later);
    }
    let limit = page.limit();
    let select = select
        .order_by_asc(E::KEY)
        .order_by_asc(E::ID)
        .limit(limit as u64 + 1);
    let rows = select.all(conn.orm()).await.map_err(database)?;
    let bytes = |row: &E::Model, column| match row.get(column) {
        sea_orm::Value::Bytes(Some(bytes)) => bytes.to_vec(),
        _ => Vec::new(),
    };
    let (rows, next) = cut(rows, limit, |row| {
        place(&bytes(row, E::KEY), &[&bytes(row, E::ID)])
    });
    Ok(PageOf {
        rows: rows
            .into_iter()
            .map(Versioned::try_from)
            .collect::<Result<_, _>>()?,
        next,
    })
}

/// A range, so that an index serves it; 0xFF is in no text.
fn begins_with<C: ColumnTrait>(column: C, text: &[u8]) -> Condition {
    let mut end = text.to_vec();
    end.push(0xFF);
    let column = || Expr::col(column.as_column_ref());
    Condition::all()
        .add(column().gte(text.to_vec()))
        .add(column().lt(end))
}
