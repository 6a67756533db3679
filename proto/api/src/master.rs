//! Units, items, names and stores: requests → patches of the model, model → answers.

use prost_types::FieldMask;
use supplysync_model::{
    Amount, Epoch, Fault, Item, ItemId, ItemType, Name, NameId, NameRole, Seq, Store, StoreId, StoreMode,
    SyncId, Unit, UnitId,
};

use crate::etag::etag_text;
use crate::fields::{Field, id_text, optional_amount, optional_id};
use crate::patch::{Patch, PatchReader};
use crate::{v1, words};

/// What every answer says of the version that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The ownership it was written under.
    pub epoch: Epoch,
    /// The owner's seq when it was written.
    pub revision: Seq,
    /// Whether it is deleted and still readable.
    pub retired: bool,
}

impl Version {
    /// Its etag.
    pub fn etag(self) -> String {
        etag_text(self.epoch, self.revision)
    }
}

/// What a request sets of a unit. `None` for a create: every field.
pub fn unit_patch(wire: v1::Unit, mask: Option<&FieldMask>) -> Result<Patch<Unit>, Fault> {
    let mut patch = PatchReader::new(mask);
    patch.text("name", wire.name, |unit: &mut Unit, name| unit.name = name);
    patch.text("description", wire.description, |unit, text| {
        unit.description = text
    });
    patch.set("index", || Ok(wire.index), |unit, index| unit.index = index);
    patch.finish()
}

/// A unit to create; its id is the caller's to set.
pub fn new_unit(wire: v1::Unit) -> Result<Unit, Fault> {
    let blank = Unit {
        id: UnitId::from_bytes([0; 16]),
        name: String::new(),
        description: String::new(),
        index: 0,
    };
    Ok(unit_patch(wire, None)?.onto(blank))
}

/// A unit in an answer.
pub fn unit(unit: &Unit, version: Version) -> v1::Unit {
    v1::Unit {
        id: unit.id.to_string(),
        etag: version.etag(),
        retired: version.retired,
        name: unit.name.clone(),
        description: unit.description.clone(),
        index: unit.index,
    }
}

/// What a request sets of an item. `None` for a create: every field.
pub fn item_patch(wire: v1::Item, mask: Option<&FieldMask>) -> Result<Patch<Item>, Fault> {
    let mut patch = PatchReader::new(mask);
    patch.text("code", wire.code, |item: &mut Item, code| item.code = code);
    patch.text("name", wire.name, |item, name| item.name = name);
    patch.set(
        "type",
        || words::item_type(wire.r#type),
        |item, kind| item.item_type = kind,
    );
    patch.set(
        "unit_id",
        || optional_id(&wire.unit_id),
        |item, unit| item.unit = unit,
    );
    patch.text("strength", wire.strength, |item, strength| {
        item.strength = strength
    });
    patch.text("atc_code", wire.atc_code, |item, code| item.atc_code = code);
    patch.set(
        "ven_category",
        || words::optional(wire.ven_category, words::ven),
        |item, ven| item.ven_category = ven,
    );
    patch.set(
        "default_pack_size",
        || pack_size(&wire.default_pack_size),
        |item, size| item.default_pack_size = size,
    );
    patch.set(
        "vaccine",
        || Ok(wire.vaccine),
        |item, vaccine| item.vaccine = vaccine,
    );
    patch.set(
        "critical",
        || Ok(wire.critical),
        |item, critical| item.critical = critical,
    );
    patch.set(
        "active",
        || Ok(wire.active.unwrap_or(true)),
        |item, active| item.active = active,
    );
    patch.finish()
}

/// An item to create; its id is the caller's to set.
pub fn new_item(wire: v1::Item) -> Result<Item, Fault> {
    let blank = Item {
        id: ItemId::from_bytes([0; 16]),
        code: String::new(),
        name: String::new(),
        item_type: ItemType::Stock,
        unit: None,
        strength: String::new(),
        atc_code: String::new(),
        ven_category: None,
        default_pack_size: Amount::ZERO,
        vaccine: false,
        critical: false,
        active: true,
    };
    Ok(item_patch(wire, None)?.onto(blank))
}

/// An item in an answer, with the name of its unit beside the id.
pub fn item(item: &Item, version: Version, unit_name: &str) -> v1::Item {
    let ven = item.ven_category.map(words::ven_to_wire);
    v1::Item {
        id: item.id.to_string(),
        etag: version.etag(),
        retired: version.retired,
        code: item.code.clone(),
        name: item.name.clone(),
        r#type: words::item_type_to_wire(item.item_type).into(),
        unit_id: id_text(item.unit),
        unit_name: unit_name.to_owned(),
        strength: item.strength.clone(),
        atc_code: item.atc_code.clone(),
        ven_category: ven.unwrap_or(v1::VenCategory::Unspecified).into(),
        default_pack_size: item.default_pack_size.to_string(),
        vaccine: item.vaccine,
        critical: item.critical,
        active: Some(item.active),
    }
}

/// What a request sets of a name. `None` for a create: every field.
pub fn name_patch(wire: v1::Name, mask: Option<&FieldMask>) -> Result<Patch<Name>, Fault> {
    let mut patch = PatchReader::new(mask);
    patch.text("code", wire.code, |name: &mut Name, code| name.code = code);
    patch.text("name", wire.name, |name, text| name.name = text);
    patch.set("roles", || roles(&wire.roles), |name, roles| name.roles = roles);
    patch.set(
        "on_hold",
        || Ok(wire.on_hold),
        |name, on_hold| name.on_hold = on_hold,
    );
    patch.text("address", wire.address, |name, address| name.address = address);
    patch.text("country", wire.country, |name, country| name.country = country);
    patch.text("phone", wire.phone, |name, phone| name.phone = phone);
    patch.text("email", wire.email, |name, email| name.email = email);
    patch.set(
        "store_id",
        || optional_id(&wire.store_id),
        |name, store| name.store = store,
    );
    patch.finish()
}

/// A name to create; its id is the caller's to set.
pub fn new_name(wire: v1::Name) -> Result<Name, Fault> {
    let blank = Name {
        id: NameId::from_bytes([0; 16]),
        code: String::new(),
        name: String::new(),
        roles: Vec::new(),
        on_hold: false,
        address: String::new(),
        country: String::new(),
        phone: String::new(),
        email: String::new(),
        store: None,
    };
    Ok(name_patch(wire, None)?.onto(blank))
}

/// A name in an answer, with the code of its store beside the id.
pub fn name(name: &Name, version: Version, store_code: &str) -> v1::Name {
    let roles = name
        .roles
        .iter()
        .map(|role| words::name_role_to_wire(*role).into());
    v1::Name {
        id: name.id.to_string(),
        etag: version.etag(),
        retired: version.retired,
        code: name.code.clone(),
        name: name.name.clone(),
        roles: roles.collect(),
        on_hold: name.on_hold,
        address: name.address.clone(),
        country: name.country.clone(),
        phone: name.phone.clone(),
        email: name.email.clone(),
        store_id: id_text(name.store),
        store_code: store_code.to_owned(),
    }
}

/// What a request sets of a store. `None` for a create: every field.
pub fn store_patch(wire: v1::Store, mask: Option<&FieldMask>) -> Result<Patch<Store>, Fault> {
    let mut patch = PatchReader::new(mask);
    patch.text("code", wire.code, |store: &mut Store, code| store.code = code);
    patch.text("name", wire.name, |store, name| store.name = name);
    patch.set(
        "name_id",
        || optional_id(&wire.name_id),
        |store, name| store.name_id = name,
    );
    patch.set(
        "mode",
        || words::store_mode(wire.mode),
        |store, mode| store.mode = mode,
    );
    patch.set(
        "disabled",
        || Ok(wire.disabled),
        |store, disabled| store.disabled = disabled,
    );
    patch.finish()
}

/// A store to create; its id is the caller's to set.
pub fn new_store(wire: v1::Store) -> Result<Store, Fault> {
    let blank = Store {
        id: StoreId::from_bytes([0; 16]),
        code: String::new(),
        name: String::new(),
        name_id: None,
        mode: StoreMode::Store,
        disabled: false,
    };
    Ok(store_patch(wire, None)?.onto(blank))
}

/// A store in an answer, with the code of its name and the site that it is active on.
pub fn store(store: &Store, version: Version, name_code: &str, active: Option<(SyncId, &str)>) -> v1::Store {
    v1::Store {
        id: store.id.to_string(),
        etag: version.etag(),
        retired: version.retired,
        code: store.code.clone(),
        name: store.name.clone(),
        name_id: id_text(store.name_id),
        name_code: name_code.to_owned(),
        mode: words::store_mode_to_wire(store.mode).into(),
        disabled: store.disabled,
        active_site: active.map_or(0, |(site, _)| site.get().into()),
        active_site_name: active.map_or_else(String::new, |(_, name)| name.to_owned()),
    }
}

fn pack_size(text: &str) -> Field<Amount> {
    let one = Amount::from_micros(1_000_000);
    Ok(optional_amount(text)?.unwrap_or(one))
}

fn roles(numbers: &[i32]) -> Field<Vec<NameRole>> {
    let mut roles = numbers
        .iter()
        .map(|role| words::name_role(*role))
        .collect::<Field<Vec<_>>>()?;
    roles.sort();
    roles.dedup();
    Ok(roles)
}
