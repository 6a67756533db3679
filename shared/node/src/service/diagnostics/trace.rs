//! `TraceRecord`: one record, its envelope, its content, and who has it.

use std::collections::BTreeMap;

use supplysync_api::{readable_body, v1};
use supplysync_model::{Fault, FaultCode, Reason, SyncId};
use supplysync_store::Queries;
use supplysync_store::query::{Trace, Whereabouts};

use crate::service::view::{site_names, store_codes};

pub(super) async fn trace(tx: &Queries, named: &str) -> Result<v1::TraceRecordResponse, Fault> {
    if named.trim().is_empty() {
        return Err(Fault::field(
            "record",
            "which record is meant must be said: its id, or the code of an item, name or store",
        ));
    }
    let names = site_names(tx).await?;
    let mut records = Vec::new();
    for key in tx.find_records(named).await? {
        if let Some(found) = tx.trace(key).await? {
            let codes = store_codes(tx, found.record.channel.store().into_iter().collect()).await?;
            let code = codes.into_values().next().unwrap_or_default();
            records.push(traced(tx, found, code, &names));
        }
    }
    if records.is_empty() {
        return Err(Fault::new(
            FaultCode::NotFound,
            Reason::RECORD_NOT_FOUND,
            format!("no record on this site is called {named}"),
        ));
    }
    Ok(v1::TraceRecordResponse { records })
}

fn traced(
    tx: &Queries,
    found: Trace,
    store_code: String,
    names: &BTreeMap<SyncId, String>,
) -> v1::TracedRecord {
    let name = |site: SyncId| names.get(&site).cloned().unwrap_or_default();
    let record = found.record;
    let places = places(tx, &found.places, record.channel.store().is_some(), names);
    let quarantined = found.quarantined.iter().map(|change| {
        format!(
            "version {}.{} from site {} at {}: {}",
            change.epoch, change.revision, change.from_site, change.at, change.reason
        )
    });
    v1::TracedRecord {
        kind: record.key.kind.to_string(),
        id: record.key.id.to_string(),
        channel: record.channel.to_string(),
        store_code,
        seq: found.seq,
        origin_site: record.origin_site.get().into(),
        origin_site_name: name(record.origin_site),
        owner: found.owner.map_or(0, |owner| owner.get().into()),
        owner_name: found.owner.map(name).unwrap_or_default(),
        epoch: record.epoch.to_string(),
        revision: record.revision,
        schema: record.schema,
        deleted: record.deleted,
        hash: format!("{:032x}", u128::from_be_bytes(record.hash.0)),
        body: found.body.as_ref().map(readable_body),
        parked: found.parked.unwrap_or_default(),
        quarantined: quarantined.collect(),
        places,
    }
}

fn places(
    tx: &Queries,
    found: &[(SyncId, Whereabouts)],
    store_data: bool,
    names: &BTreeMap<SyncId, String>,
) -> Vec<v1::RecordPlace> {
    let place = |site: SyncId, state: v1::PlaceState, summary: &str| v1::RecordPlace {
        sync_id: site.get().into(),
        name: names.get(&site).cloned().unwrap_or_default(),
        state: state.into(),
        summary: summary.to_owned(),
    };
    let mut places: Vec<_> = found
        .iter()
        .map(|(site, whereabouts)| match whereabouts {
            Whereabouts::Origin => place(*site, v1::PlaceState::Acknowledged, "it came from there"),
            Whereabouts::Acknowledged => place(
                *site,
                v1::PlaceState::Acknowledged,
                "acknowledged: it is on disk there",
            ),
            Whereabouts::Pending => place(*site, v1::PlaceState::Pending, "on its way: not acknowledged yet"),
        })
        .collect();
    // Only the primary knows of every site what it keeps.
    if tx.sync_id().is_primary() && store_data {
        let others = names.keys().filter(|site| **site != tx.sync_id());
        let without = others.filter(|site| !found.iter().any(|(other, _)| other == *site));
        places
            .extend(without.map(|site| place(*site, v1::PlaceState::NotKept, "keeps no copy of this store")));
        places.sort_by_key(|place| place.sync_id);
    }
    places
}
