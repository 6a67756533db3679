//! Rows of the typed tables of master data, sites, assignments and settings, from model values.

use sea_orm::Value;
use supplysync_model::{
    Assignment, AssignmentState, Item, Name, NameId, Record, RevokedOperator, Site, SiteSettings, Store,
    StoreId, Unit, UnitId, Withdrawn,
};

use super::code::{
    self, bytes, item_type_number, mode_number, optional_bytes, roles_mask, text_key, ven_number,
};
use super::raw::{Rows, Table};

pub(super) const UNIT: Table = Table {
    name: "unit",
    columns: &[
        "id",
        "name",
        "name_key",
        "description",
        "position",
        "retired",
        "epoch",
        "revision",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const ITEM: Table = Table {
    name: "item",
    columns: &[
        "id",
        "code",
        "code_key",
        "name",
        "name_key",
        "item_type",
        "unit_id",
        "strength",
        "atc_code",
        "ven_category",
        "default_pack_size",
        "vaccine",
        "critical",
        "active",
        "retired",
        "epoch",
        "revision",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const NAME: Table = Table {
    name: "name",
    columns: &[
        "id", "code", "code_key", "name", "name_key", "roles", "on_hold", "address", "country", "phone",
        "email", "store_id", "retired", "epoch", "revision",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const STORE: Table = Table {
    name: "store",
    columns: &[
        "id", "code", "code_key", "name", "name_key", "name_id", "mode", "disabled", "retired", "epoch",
        "revision",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const SITE: Table = Table {
    name: "site",
    columns: &["sync_id", "name", "url", "retired", "epoch", "revision"],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const ASSIGNMENT: Table = Table {
    name: "store_assignment",
    columns: &[
        "store_id",
        "site",
        "active_epoch",
        "version",
        "draining_to",
        "given_seq",
        "given_totals",
        "retired",
        "epoch",
        "revision",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const SITE_SETTINGS: Table = Table {
    name: "site_settings",
    columns: &[
        "sync_id",
        "interval_minutes",
        "live",
        "retired",
        "epoch",
        "revision",
        "remove_withdrawn",
    ],
    key: 1,
    lasting: &[],
    keep: 0,
};

pub(super) const SITE_COPY: Table = Table {
    name: "site_copy",
    columns: &["sync_id", "store_id"],
    key: 2,
    lasting: &[],
    keep: 0,
};

pub(super) const REVOKED_OPERATOR: Table = Table {
    name: "revoked_operator",
    columns: &["id", "name", "revoked_at", "retired", "epoch", "revision"],
    key: 1,
    lasting: &[],
    keep: 0,
};

/// The columns that every master row ends with.
fn version(record: &Record) -> [Value; 3] {
    let [epoch, revision] = super::etag_values(record);
    [record.deleted.into(), epoch, revision]
}

pub(super) fn push_unit(rows: &mut Rows, record: &Record, unit: &Unit) {
    let [retired, epoch, revision] = version(record);
    rows.push([
        bytes(unit.id.to_bytes()),
        unit.name.as_str().into(),
        text_key(&unit.name).into(),
        unit.description.as_str().into(),
        i64::from(unit.index).into(),
        retired,
        epoch,
        revision,
    ]);
}

pub(super) fn push_item(rows: &mut Rows, record: &Record, item: &Item) {
    let [retired, epoch, revision] = version(record);
    rows.push([
        bytes(item.id.to_bytes()),
        item.code.as_str().into(),
        text_key(&item.code).into(),
        item.name.as_str().into(),
        text_key(&item.name).into(),
        item_type_number(item.item_type).into(),
        optional_bytes(item.unit.map(UnitId::to_bytes)),
        item.strength.as_str().into(),
        item.atc_code.as_str().into(),
        item.ven_category.map(ven_number).into(),
        item.default_pack_size.micros().into(),
        item.vaccine.into(),
        item.critical.into(),
        item.active.into(),
        retired,
        epoch,
        revision,
    ]);
}

pub(super) fn push_name(rows: &mut Rows, record: &Record, name: &Name) {
    let [retired, epoch, revision] = version(record);
    rows.push([
        bytes(name.id.to_bytes()),
        name.code.as_str().into(),
        text_key(&name.code).into(),
        name.name.as_str().into(),
        text_key(&name.name).into(),
        roles_mask(&name.roles).into(),
        name.on_hold.into(),
        name.address.as_str().into(),
        name.country.as_str().into(),
        name.phone.as_str().into(),
        name.email.as_str().into(),
        optional_bytes(name.store.map(StoreId::to_bytes)),
        retired,
        epoch,
        revision,
    ]);
}

pub(super) fn push_store(rows: &mut Rows, record: &Record, store: &Store) {
    let [retired, epoch, revision] = version(record);
    rows.push([
        bytes(store.id.to_bytes()),
        store.code.as_str().into(),
        text_key(&store.code).into(),
        store.name.as_str().into(),
        text_key(&store.name).into(),
        optional_bytes(store.name_id.map(NameId::to_bytes)),
        mode_number(store.mode).into(),
        store.disabled.into(),
        retired,
        epoch,
        revision,
    ]);
}

pub(super) fn push_site(rows: &mut Rows, record: &Record, site: &Site) {
    let [retired, epoch, revision] = version(record);
    rows.push([
        i64::from(site.sync_id.get()).into(),
        site.name.as_str().into(),
        site.url.as_str().into(),
        retired,
        epoch,
        revision,
    ]);
}

pub(super) fn push_assignment(rows: &mut Rows, record: &Record, assignment: &Assignment) {
    let [retired, epoch, revision] = version(record);
    let draining_to = match assignment.state {
        AssignmentState::Active => None,
        AssignmentState::Draining { to } => Some(i64::from(to.get())),
    };
    rows.push([
        bytes(assignment.store.to_bytes()),
        i64::from(assignment.site.get()).into(),
        (assignment.epoch.packed() as i64).into(),
        (assignment.version as i64).into(),
        draining_to.into(),
        assignment.hand_over.map(|given| given.seq as i64).into(),
        assignment
            .hand_over
            .map(|given| code::totals_bytes(&given.totals))
            .into(),
        retired,
        epoch,
        revision,
    ]);
}

pub(super) fn push_settings(rows: &mut Rows, copies: &mut Rows, record: &Record, settings: &SiteSettings) {
    let [retired, epoch, revision] = version(record);
    rows.push([
        i64::from(settings.sync_id.get()).into(),
        i64::from(settings.interval_minutes).into(),
        settings.live.into(),
        retired,
        epoch,
        revision,
        (settings.withdrawn == Withdrawn::Remove).into(),
    ]);
    for store in &settings.copies {
        copies.push([i64::from(settings.sync_id.get()).into(), bytes(store.to_bytes())]);
    }
}

pub(super) fn push_revoked_operator(rows: &mut Rows, record: &Record, revoked: &RevokedOperator) {
    let [retired, epoch, revision] = version(record);
    rows.push([
        bytes(record.key.id.to_bytes()),
        revoked.name.as_str().into(),
        revoked.revoked_at.0.into(),
        retired,
        epoch,
        revision,
    ]);
}
