//! What requests name by id or by code: a code is looked up among those not retired, an id among all.

use std::str::FromStr;

use supplysync_model::{
    Fault, FaultCode, FieldViolation, Item, ItemId, Kind, Name, NameId, Reason, Store, StoreId, Unit, UnitId,
};
use supplysync_store::Queries;
use supplysync_store::query::Versioned;

/// The unit with this id or name.
pub async fn unit(tx: &Queries, field: &'static str, text: &str) -> Result<Versioned<Unit>, Fault> {
    let found = match UnitId::from_str(text) {
        Ok(id) => tx.unit(id).await?,
        Err(_) => tx.unit_by_name(text).await?,
    };
    found.ok_or_else(|| missing(Kind::UNIT, field, text))
}

/// The item with this id or code.
pub async fn item(tx: &Queries, field: &'static str, text: &str) -> Result<Versioned<Item>, Fault> {
    let found = match ItemId::from_str(text) {
        Ok(id) => tx.item(id).await?,
        Err(_) => tx.item_by_code(text).await?,
    };
    found.ok_or_else(|| missing(Kind::ITEM, field, text))
}

/// The name with this id or code.
pub async fn name(tx: &Queries, field: &'static str, text: &str) -> Result<Versioned<Name>, Fault> {
    let found = match NameId::from_str(text) {
        Ok(id) => tx.name(id).await?,
        Err(_) => tx.name_by_code(text).await?,
    };
    found.ok_or_else(|| missing(Kind::NAME, field, text))
}

/// The store with this id or code.
pub async fn store(tx: &Queries, field: &'static str, text: &str) -> Result<Versioned<Store>, Fault> {
    let found = match StoreId::from_str(text) {
        Ok(id) => tx.store(id).await?,
        Err(_) => tx.store_by_code(text).await?,
    };
    found.ok_or_else(|| missing(Kind::STORE, field, text))
}

/// The ids of the stores with these ids or codes, all wrong ones named at once.
pub async fn stores(tx: &Queries, field: &'static str, texts: &[String]) -> Result<Vec<StoreId>, Fault> {
    let (mut ids, mut codes) = (Vec::new(), Vec::new());
    for text in texts {
        match StoreId::from_str(text) {
            Ok(id) => ids.push(id),
            Err(_) => codes.push(text.clone()),
        }
    }
    let found = tx.stores_by_codes(&codes).await?;
    let unknown = codes.iter().filter(|code| {
        !found
            .iter()
            .any(|store| store.value.code.to_lowercase() == code.to_lowercase())
    });
    let unknown: Vec<_> = unknown.cloned().collect();
    if !unknown.is_empty() {
        return Err(missing(Kind::STORE, field, &unknown.join(", ")));
    }
    ids.extend(found.into_iter().map(|store| store.value.id));
    Ok(ids)
}

fn missing(kind: Kind, field: &'static str, text: &str) -> Fault {
    if text.is_empty() {
        return Fault::field(
            field,
            format!("which {kind} is meant must be said: its id or its code"),
        );
    }
    let message = format!("there is no {kind} {text} on this site");
    let violation = FieldViolation {
        field: field.to_owned(),
        description: format!("{text} is not there, or was retired"),
    };
    Fault::new(FaultCode::NotFound, Reason::RECORD_NOT_FOUND, message).with_violations(vec![violation])
}
