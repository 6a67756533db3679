//! Units, items, names and stores ↔ their stored bodies.

use supplysync_model::{
    Item, ItemType, Name, NameId, NameRole, Store, StoreId, StoreMode, Unit, UnitId, VenCategory,
};

use crate::field::{Field, ascending, id, optional_bytes, optional_id, positive, required, text};
use crate::wire;

pub(crate) fn unit_to_wire(unit: &Unit) -> wire::Unit {
    wire::Unit {
        id: unit.id.to_bytes().into(),
        name: unit.name.clone(),
        description: unit.description.clone(),
        index: unit.index,
    }
}

pub(crate) fn unit(wire: wire::Unit) -> Field<Unit> {
    Ok(Unit {
        id: id("id", &wire.id)?,
        name: text("name", wire.name)?,
        description: text("description", wire.description)?,
        index: wire.index,
    })
}

pub(crate) fn item_to_wire(item: &Item) -> wire::Item {
    wire::Item {
        id: item.id.to_bytes().into(),
        code: item.code.clone(),
        name: item.name.clone(),
        r#type: match item.item_type {
            ItemType::Stock => wire::ItemType::Stock,
            ItemType::Service => wire::ItemType::Service,
            ItemType::NonStock => wire::ItemType::NonStock,
        }
        .into(),
        unit: optional_bytes(item.unit.map(UnitId::to_bytes)),
        strength: item.strength.clone(),
        atc_code: item.atc_code.clone(),
        ven_category: match item.ven_category {
            None => wire::VenCategory::Unspecified,
            Some(VenCategory::Vital) => wire::VenCategory::Vital,
            Some(VenCategory::Essential) => wire::VenCategory::Essential,
            Some(VenCategory::Necessary) => wire::VenCategory::Necessary,
        }
        .into(),
        default_pack_size: item.default_pack_size.micros(),
        vaccine: item.vaccine,
        critical: item.critical,
        active: item.active,
    }
}

pub(crate) fn item(wire: wire::Item) -> Field<Item> {
    Ok(Item {
        id: id("id", &wire.id)?,
        code: text("code", wire.code)?,
        name: text("name", wire.name)?,
        item_type: required("type", wire.r#type, |value| match value {
            wire::ItemType::Unspecified => None,
            wire::ItemType::Stock => Some(ItemType::Stock),
            wire::ItemType::Service => Some(ItemType::Service),
            wire::ItemType::NonStock => Some(ItemType::NonStock),
        })?,
        unit: optional_id("unit", &wire.unit)?,
        strength: text("strength", wire.strength)?,
        atc_code: text("atc_code", wire.atc_code)?,
        ven_category: required("ven_category", wire.ven_category, |value| {
            Some(match value {
                wire::VenCategory::Unspecified => None,
                wire::VenCategory::Vital => Some(VenCategory::Vital),
                wire::VenCategory::Essential => Some(VenCategory::Essential),
                wire::VenCategory::Necessary => Some(VenCategory::Necessary),
            })
        })?,
        default_pack_size: positive("default_pack_size", wire.default_pack_size)?,
        vaccine: wire.vaccine,
        critical: wire.critical,
        active: wire.active,
    })
}

pub(crate) fn name_to_wire(name: &Name) -> wire::Name {
    let roles = name.roles.iter().map(|role| match role {
        NameRole::Customer => wire::NameRole::Customer.into(),
        NameRole::Supplier => wire::NameRole::Supplier.into(),
        NameRole::Manufacturer => wire::NameRole::Manufacturer.into(),
        NameRole::Donor => wire::NameRole::Donor.into(),
    });
    wire::Name {
        id: name.id.to_bytes().into(),
        code: name.code.clone(),
        name: name.name.clone(),
        roles: roles.collect(),
        on_hold: name.on_hold,
        address: name.address.clone(),
        country: name.country.clone(),
        phone: name.phone.clone(),
        email: name.email.clone(),
        store: optional_bytes(name.store.map(StoreId::to_bytes)),
    }
}

pub(crate) fn name(wire: wire::Name) -> Field<Name> {
    let roles: Field<Vec<_>> = wire.roles.iter().map(|role| name_role(*role)).collect();
    Ok(Name {
        id: id("id", &wire.id)?,
        code: text("code", wire.code)?,
        name: text("name", wire.name)?,
        roles: ascending("roles", roles?)?,
        on_hold: wire.on_hold,
        address: text("address", wire.address)?,
        country: text("country", wire.country)?,
        phone: text("phone", wire.phone)?,
        email: text("email", wire.email)?,
        store: optional_id("store", &wire.store)?,
    })
}

fn name_role(number: i32) -> Field<NameRole> {
    required("roles", number, |value| match value {
        wire::NameRole::Unspecified => None,
        wire::NameRole::Customer => Some(NameRole::Customer),
        wire::NameRole::Supplier => Some(NameRole::Supplier),
        wire::NameRole::Manufacturer => Some(NameRole::Manufacturer),
        wire::NameRole::Donor => Some(NameRole::Donor),
    })
}

pub(crate) fn store_to_wire(store: &Store) -> wire::Store {
    wire::Store {
        id: store.id.to_bytes().into(),
        code: store.code.clone(),
        name: store.name.clone(),
        name_id: optional_bytes(store.name_id.map(NameId::to_bytes)),
        mode: match store.mode {
            StoreMode::Store => wire::StoreMode::Store,
            StoreMode::Dispensary => wire::StoreMode::Dispensary,
        }
        .into(),
        disabled: store.disabled,
    }
}

pub(crate) fn store(wire: wire::Store) -> Field<Store> {
    Ok(Store {
        id: id("id", &wire.id)?,
        code: text("code", wire.code)?,
        name: text("name", wire.name)?,
        name_id: optional_id("name_id", &wire.name_id)?,
        mode: required("mode", wire.mode, |value| match value {
            wire::StoreMode::Unspecified => None,
            wire::StoreMode::Store => Some(StoreMode::Store),
            wire::StoreMode::Dispensary => Some(StoreMode::Dispensary),
        })?,
        disabled: wire.disabled,
    })
}
