//! Sites, assignments, site settings and revoked operators ↔ their stored bodies.

use supplysync_model::{
    Assignment, AssignmentState, Digest, Epoch, HandOver, RecordId, RevokedOperator, Site, SiteSettings,
    StoreTotals, Timestamp, Withdrawn,
};

use crate::field::{Field, ascending, id, sync_id, text};
use crate::wire;

/// A day: the longest sync interval.
const MAX_INTERVAL_MINUTES: u32 = 1440;

pub(crate) fn site_to_wire(site: &Site) -> wire::Site {
    wire::Site {
        sync_id: site.sync_id.get().into(),
        name: site.name.clone(),
        url: site.url.clone(),
    }
}

pub(crate) fn site(wire: wire::Site) -> Field<Site> {
    Ok(Site {
        sync_id: sync_id("sync_id", wire.sync_id)?,
        name: text("name", wire.name)?,
        url: text("url", wire.url)?,
    })
}

pub(crate) fn assignment_to_wire(assignment: &Assignment) -> wire::Assignment {
    wire::Assignment {
        store: assignment.store.to_bytes().into(),
        site: assignment.site.get().into(),
        epoch_incarnation: assignment.epoch.incarnation,
        epoch_counter: assignment.epoch.counter,
        version: assignment.version,
        draining_to: match assignment.state {
            AssignmentState::Active => None,
            AssignmentState::Draining { to } => Some(to.get().into()),
        },
        hand_over: assignment.hand_over.map(|given| wire::HandOver {
            seq: given.seq,
            stock: Some(totals_to_wire(given.totals.stock)),
            history: Some(totals_to_wire(given.totals.history)),
        }),
    }
}

fn totals_to_wire(digest: Digest) -> wire::Totals {
    wire::Totals {
        count: digest.count,
        sum: digest.sum.to_be_bytes().to_vec(),
    }
}

fn totals(field: &str, wire: Option<wire::Totals>) -> Field<Digest> {
    let wire = wire.ok_or_else(|| format!("{field}: is missing"))?;
    let sum = wire.sum.as_slice().try_into();
    let sum = sum.map_err(|_| format!("{field}: a sum of {} bytes instead of 16", wire.sum.len()))?;
    Ok(Digest {
        count: wire.count,
        sum: u128::from_be_bytes(sum),
    })
}

fn hand_over(wire: wire::HandOver) -> Field<HandOver> {
    Ok(HandOver {
        seq: wire.seq,
        totals: StoreTotals {
            stock: totals("hand_over.stock", wire.stock)?,
            history: totals("hand_over.history", wire.history)?,
        },
    })
}

pub(crate) fn assignment(wire: wire::Assignment) -> Field<Assignment> {
    Ok(Assignment {
        store: id("store", &wire.store)?,
        site: sync_id("site", wire.site)?,
        epoch: Epoch {
            incarnation: wire.epoch_incarnation,
            counter: wire.epoch_counter,
        },
        version: wire.version,
        state: match wire.draining_to {
            None => AssignmentState::Active,
            Some(to) => AssignmentState::Draining {
                to: sync_id("draining_to", to)?,
            },
        },
        hand_over: wire.hand_over.map(hand_over).transpose()?,
    })
}

pub(crate) fn settings_to_wire(settings: &SiteSettings) -> wire::SiteSettings {
    wire::SiteSettings {
        sync_id: settings.sync_id.get().into(),
        interval_minutes: settings.interval_minutes,
        live: settings.live,
        copies: settings
            .copies
            .iter()
            .map(|store| store.to_bytes().into())
            .collect(),
        remove_withdrawn: settings.withdrawn == Withdrawn::Remove,
    }
}

pub(crate) fn settings(wire: wire::SiteSettings) -> Field<SiteSettings> {
    let copies: Field<Vec<_>> = wire.copies.iter().map(|store| id("copies", store)).collect();
    if wire.interval_minutes > MAX_INTERVAL_MINUTES {
        return Err(format!(
            "interval_minutes: {} is more than a day",
            wire.interval_minutes
        ));
    }
    Ok(SiteSettings {
        sync_id: sync_id("sync_id", wire.sync_id)?,
        interval_minutes: wire.interval_minutes,
        live: wire.live,
        copies: ascending("copies", copies?)?,
        withdrawn: match wire.remove_withdrawn {
            true => Withdrawn::Remove,
            false => Withdrawn::Keep,
        },
    })
}

pub(crate) fn revoked_operator_to_wire(revoked: &RevokedOperator) -> wire::RevokedOperator {
    wire::RevokedOperator {
        name: revoked.name.clone(),
        revoked_at: revoked.revoked_at.0,
    }
}

pub(crate) fn revoked_operator(wire: wire::RevokedOperator) -> Field<RevokedOperator> {
    if wire.name.is_empty() {
        return Err("name: is empty".to_owned());
    }
    Ok(RevokedOperator {
        name: text("name", wire.name)?,
        revoked_at: Timestamp(wire.revoked_at),
    })
}

/// Operators have no id of their own: one name is one record.
pub(crate) fn operator_id(name: &str) -> RecordId {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..16]);
    RecordId::from_bytes(id)
}
