//! What people call a record, and codes beside the ids in its content: ids alone say nothing to who reads an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use prost_types::value::Kind as Value;
use prost_types::{ListValue, Struct};
use supplysync_api::readable_body;
use supplysync_model::{Fault, ItemId, NameId, StoreId, UnitId};
use supplysync_record_codec::RecordBody;
use supplysync_store::Queries;

use crate::command::lookup;

/// A field that holds an id, the field that says what people call that, and where it is looked up.
const CODED: &[(&str, &str, Of)] = &[
    ("item_id", "item_code", Of::Items),
    ("store_id", "store_code", Of::Stores),
    ("name_id", "name_code", Of::Names),
    ("other_party_id", "other_party_code", Of::Names),
    ("supplier_id", "supplier_code", Of::Names),
    ("unit_id", "unit_name", Of::Units),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Items,
    Stores,
    Names,
    Units,
}

/// What ids are called, by what they are of.
type Called = BTreeMap<(Of, String), String>;

/// For each content that can be read: what its record is called, and the content with codes beside its ids. Looked up set by set.
pub(super) async fn readable(
    tx: &Queries,
    bodies: Vec<Option<&RecordBody>>,
) -> Result<Vec<Option<(String, Struct)>>, Fault> {
    let mut contents: Vec<_> = bodies.iter().map(|body| body.map(readable_body)).collect();
    let mut ids = BTreeSet::new();
    contents
        .iter()
        .flatten()
        .for_each(|content| gather(content, &mut ids));
    let called = look_up(tx, &ids).await?;
    contents
        .iter_mut()
        .flatten()
        .for_each(|content| add(content, &called));
    let pairs = bodies.into_iter().zip(contents);
    Ok(pairs
        .map(|(body, content)| {
            body.zip(content)
                .map(|(body, content)| (name(body, &content), content))
        })
        .collect())
}

fn gather(content: &Struct, ids: &mut BTreeSet<(Of, String)>) {
    for (field, _, of) in CODED {
        if let Some(id) = text(content, field) {
            ids.insert((*of, id.to_owned()));
        }
    }
    for list in content.fields.values() {
        nested(list).for_each(|inner| gather(inner, ids));
    }
}

fn nested(value: &prost_types::Value) -> impl Iterator<Item = &Struct> {
    let values = match &value.kind {
        Some(Value::ListValue(ListValue { values })) => values.as_slice(),
        _ => &[],
    };
    values.iter().filter_map(|value| match &value.kind {
        Some(Value::StructValue(inner)) => Some(inner),
        _ => None,
    })
}

async fn look_up(tx: &Queries, ids: &BTreeSet<(Of, String)>) -> Result<Called, Fault> {
    let mut called = Called::new();
    for (id, item) in lookup::items(tx, &of(ids, Of::Items)).await? {
        called.insert((Of::Items, ItemId::to_string(&id)), item.value.code);
    }
    for (id, store) in lookup::stores(tx, &of(ids, Of::Stores)).await? {
        called.insert((Of::Stores, StoreId::to_string(&id)), store.value.code);
    }
    for (id, name) in lookup::names(tx, &of(ids, Of::Names)).await? {
        called.insert((Of::Names, NameId::to_string(&id)), name.value.code);
    }
    let units: Vec<UnitId> = of(ids, Of::Units).into_iter().collect();
    for unit in tx.units(&units).await? {
        called.insert((Of::Units, unit.value.id.to_string()), unit.value.name);
    }
    Ok(called)
}

fn of<I: FromStr + Ord>(ids: &BTreeSet<(Of, String)>, wanted: Of) -> BTreeSet<I> {
    let ids = ids.iter().filter(|(of, _)| *of == wanted);
    ids.filter_map(|(_, id)| id.parse().ok()).collect()
}

fn add(content: &mut Struct, called: &Called) {
    for (field, beside, of) in CODED {
        let found = text(content, field).and_then(|id| called.get(&(*of, id.to_owned())));
        if let Some(found) = found {
            let value = Value::StringValue(found.clone());
            let value = prost_types::Value { kind: Some(value) };
            content.fields.insert((*beside).to_owned(), value);
        }
    }
    for value in content.fields.values_mut() {
        let Some(Value::ListValue(ListValue { values })) = &mut value.kind else {
            continue;
        };
        for value in values {
            if let Some(Value::StructValue(inner)) = &mut value.kind {
                add(inner, called);
            }
        }
    }
}

fn text<'a>(content: &'a Struct, field: &str) -> Option<&'a str> {
    match content.fields.get(field)?.kind.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// What people call a record with this content.
fn name(body: &RecordBody, content: &Struct) -> String {
    let get = |field| text(content, field).unwrap_or_default();
    match body {
        RecordBody::Unit(unit) => unit.name.clone(),
        RecordBody::Item(_) | RecordBody::Name(_) | RecordBody::Store(_) => {
            format!("{} {}", get("code"), get("name"))
        }
        RecordBody::Site(site) => format!("site {} ({})", site.sync_id, site.name),
        RecordBody::Assignment(assignment) => {
            format!("{} is active on site {}", get("store_code"), assignment.site)
        }
        RecordBody::SiteSettings(settings) => format!("settings of site {}", settings.sync_id),
        RecordBody::RevokedOperator(revoked) => format!("operator {} is shut out", revoked.name),
        RecordBody::Proposal(proposal) => format!("a proposal to site {}", proposal.owner),
        RecordBody::StockLine(line) => {
            let batch = match line.batch.is_empty() {
                true => String::new(),
                false => format!(", batch {}", line.batch),
            };
            format!("{}{batch} at {}", get("item_code"), get("store_code"))
        }
        RecordBody::Transaction(transaction) => {
            let kind = get("type").trim_start_matches("TRANSACTION_TYPE_");
            let kind = kind.to_lowercase().replace('_', " ");
            format!("{kind} {} of {}", transaction.number, get("store_code"))
        }
    }
}
