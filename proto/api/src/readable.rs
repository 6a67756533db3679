//! A record's content as a structure that people and programs read: the traced body.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use supplysync_model::{AssignmentState, StatusChange, TransactionLine, Withdrawn};
use supplysync_record_codec::RecordBody;

use crate::fields::{date_text, id_text, time_text};
use crate::words;

/// The content, field by field: ids, decimals, dates and times as text, enums by name; what is empty is left out.
pub fn readable_body(body: &RecordBody) -> Struct {
    match body {
        RecordBody::Unit(unit) => object([
            ("id", text(unit.id)),
            ("name", text(&unit.name)),
            ("description", text(&unit.description)),
            ("index", text(unit.index)),
        ]),
        RecordBody::Item(item) => object([
            ("id", text(item.id)),
            ("code", text(&item.code)),
            ("name", text(&item.name)),
            (
                "type",
                text(words::item_type_to_wire(item.item_type).as_str_name()),
            ),
            ("unit_id", text(id_text(item.unit))),
            ("strength", text(&item.strength)),
            ("atc_code", text(&item.atc_code)),
            (
                "ven_category",
                text(
                    item.ven_category
                        .map_or("", |ven| words::ven_to_wire(ven).as_str_name()),
                ),
            ),
            ("default_pack_size", text(item.default_pack_size)),
            ("vaccine", flag(item.vaccine)),
            ("critical", flag(item.critical)),
            ("active", flag(item.active)),
        ]),
        RecordBody::Name(name) => object([
            ("id", text(name.id)),
            ("code", text(&name.code)),
            ("name", text(&name.name)),
            (
                "roles",
                list(
                    name.roles
                        .iter()
                        .map(|role| text(words::name_role_to_wire(*role).as_str_name())),
                ),
            ),
            ("on_hold", flag(name.on_hold)),
            ("address", text(&name.address)),
            ("country", text(&name.country)),
            ("phone", text(&name.phone)),
            ("email", text(&name.email)),
            ("store_id", text(id_text(name.store))),
        ]),
        RecordBody::Store(store) => object([
            ("id", text(store.id)),
            ("code", text(&store.code)),
            ("name", text(&store.name)),
            ("name_id", text(id_text(store.name_id))),
            ("mode", text(words::store_mode_to_wire(store.mode).as_str_name())),
            ("disabled", flag(store.disabled)),
        ]),
        RecordBody::Site(site) => object([
            ("sync_id", text(site.sync_id)),
            ("name", text(&site.name)),
            ("url", text(&site.url)),
        ]),
        RecordBody::Assignment(assignment) => {
            let (state, to) = match assignment.state {
                AssignmentState::Active => ("ACTIVE", None),
                AssignmentState::Draining { to } => ("DRAINING", Some(to)),
            };
            object([
                ("store_id", text(assignment.store)),
                ("site", text(assignment.site)),
                ("epoch", text(assignment.epoch)),
                ("version", text(assignment.version)),
                ("state", text(state)),
                ("draining_to", text(id_text(to))),
                (
                    "handed_over_at",
                    text(id_text(assignment.hand_over.map(|given| given.seq))),
                ),
            ])
        }
        RecordBody::SiteSettings(settings) => object([
            ("sync_id", text(settings.sync_id)),
            ("interval_minutes", text(settings.interval_minutes)),
            ("live", flag(settings.live)),
            ("copies", list(settings.copies.iter().map(text))),
            ("remove_withdrawn", flag(settings.withdrawn == Withdrawn::Remove)),
        ]),
        RecordBody::RevokedOperator(revoked) => object([
            ("name", text(&revoked.name)),
            ("revoked_at", text(revoked.revoked_at)),
        ]),
        RecordBody::Proposal(proposal) => object([
            ("id", text(proposal.id)),
            ("owner", text(proposal.owner)),
            ("change", text(proposal.change.key)),
            ("channel", text(proposal.change.channel)),
            ("from_site", text(proposal.from_site)),
            ("reason", text(&proposal.reason)),
            ("proposed_by", text(&proposal.proposed_by)),
            ("note", text(&proposal.note)),
        ]),
        RecordBody::StockLine(line) => object([
            ("id", text(line.id)),
            ("store_id", text(line.store)),
            ("item_id", text(line.item)),
            ("batch", text(&line.batch)),
            ("expiry_date", text(date_text(line.expiry_date))),
            ("pack_size", text(line.pack_size)),
            ("packs_total", text(line.packs_total)),
            ("packs_available", text(line.packs_available)),
            ("cost_price", text(line.cost_price)),
            ("sell_price", text(line.sell_price)),
            ("supplier_id", text(id_text(line.supplier))),
            ("location_code", text(&line.location_code)),
            ("on_hold", flag(line.on_hold)),
        ]),
        RecordBody::Transaction(transaction) => object([
            ("id", text(transaction.id)),
            ("store_id", text(transaction.store)),
            ("number", text(transaction.number)),
            (
                "type",
                text(words::transaction_type_to_wire(transaction.transaction_type).as_str_name()),
            ),
            ("other_party_id", text(id_text(transaction.other_party))),
            ("patient_reference", text(&transaction.patient_reference)),
            (
                "status",
                text(words::transaction_status_to_wire(transaction.status).as_str_name()),
            ),
            ("their_reference", text(&transaction.their_reference)),
            ("comment", text(&transaction.comment)),
            (
                "status_changes",
                list(transaction.status_changes.iter().map(status_change)),
            ),
            ("lines", list(transaction.lines.iter().map(line))),
        ]),
    }
}

fn status_change(change: &StatusChange) -> Value {
    nested(object([
        (
            "status",
            text(words::transaction_status_to_wire(change.status).as_str_name()),
        ),
        ("time", text(time_text(Some(change.at)))),
        ("by", text(&change.by)),
    ]))
}

fn line(line: &TransactionLine) -> Value {
    nested(object([
        ("item_id", text(line.item)),
        ("stock_line_id", text(id_text(line.stock_line))),
        ("batch", text(&line.batch)),
        ("expiry_date", text(date_text(line.expiry_date))),
        ("packs", text(line.packs)),
        ("pack_size", text(line.pack_size)),
        ("cost_price", text(line.cost_price)),
        ("sell_price", text(line.sell_price)),
        ("note", text(&line.note)),
    ]))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Struct {
    let kept = fields.into_iter().filter(|(_, value)| !is_empty(value));
    Struct {
        fields: kept.map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

fn is_empty(value: &Value) -> bool {
    match &value.kind {
        Some(Kind::StringValue(text)) => text.is_empty(),
        Some(Kind::ListValue(list)) => list.values.is_empty(),
        _ => false,
    }
}

// Numbers too: a JSON number is a float, and revisions, versions and amounts are exact.
fn text(value: impl ToString) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.to_string())),
    }
}

fn flag(value: bool) -> Value {
    Value {
        kind: Some(Kind::BoolValue(value)),
    }
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    Value {
        kind: Some(Kind::ListValue(ListValue {
            values: values.collect(),
        })),
    }
}

fn nested(fields: Struct) -> Value {
    Value {
        kind: Some(Kind::StructValue(fields)),
    }
}
