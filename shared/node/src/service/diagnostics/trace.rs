//! `TraceRecord`: one record, its envelope, its content, and who has it.

use std::collections::BTreeMap;

use supplysync_api::v1;
use supplysync_model::{Fault, FaultCode, Kind, Reason, RecordKey, SyncId};
use supplysync_store::Queries;
use supplysync_store::query::{PageQuery, Quarantined, Trace, TransactionFilter, Whereabouts};

use super::called;
use crate::service::reference;
use crate::service::view::{site_names, store_codes};

/// Transactions of one number that are shown.
const NUMBERED: u32 = 20;

pub(super) async fn trace(
    tx: &Queries,
    request: &v1::TraceRecordRequest,
) -> Result<v1::TraceRecordResponse, Fault> {
    let named = &request.record;
    if named.trim().is_empty() {
        return Err(Fault::field(
            "record",
            "which record is meant must be said: its id, or the code of an item, name or store; with `store`, the number of a transaction",
        ));
    }
    let names = site_names(tx).await?;
    let mut records = Vec::new();
    let keys = match request.store.is_empty() {
        true => tx.find_records(named).await?,
        false => numbered(tx, &request.store, named).await?,
    };
    for key in keys {
        if let Some(found) = tx.trace(key).await? {
            let codes = store_codes(tx, found.record.channel.store().into_iter().collect()).await?;
            let code = codes.into_values().next().unwrap_or_default();
            let mut readable = called::readable(tx, vec![found.body.as_ref()]).await?;
            let (record_name, body) = readable.pop().flatten().unzip();
            records.push(v1::TracedRecord {
                record_name: record_name.unwrap_or_default(),
                body,
                ..traced(tx, found, code, &names)
            });
        }
    }
    if records.is_empty() {
        let message = match tx.quarantined_only(named).await?.first() {
            _ if !request.store.is_empty() => {
                format!(
                    "no transaction of the store {} on this site has the number {named}",
                    request.store
                )
            }
            Some(entry) => format!(
                "no record on this site is called {named}, but a change of it was refused and is in quarantine: `quarantine show {entry}`"
            ),
            None => format!("no record on this site is called {named}"),
        };
        return Err(Fault::new(FaultCode::NotFound, Reason::RECORD_NOT_FOUND, message));
    }
    Ok(v1::TraceRecordResponse { records })
}

/// The transactions of a store with this number: one of each type at most, but for those of sites that were put back.
async fn numbered(tx: &Queries, store: &str, number: &str) -> Result<Vec<RecordKey>, Fault> {
    let wrong = || Fault::field("record", "with `store`, this is a transaction's number");
    let number = number.trim().parse().map_err(|_| wrong())?;
    let filter = TransactionFilter {
        store: reference::store(tx, "store", store).await?.value.id,
        transaction_type: None,
        status: None,
        number: Some(number),
    };
    let page = PageQuery {
        size: NUMBERED,
        after: None,
    };
    let found = tx.list_transactions(&filter, &page).await?.rows.into_iter();
    let keys = found.map(|transaction| RecordKey {
        kind: Kind::TRANSACTION,
        id: transaction.value.id.into(),
    });
    Ok(keys.collect())
}

fn traced(
    tx: &Queries,
    found: Trace,
    store_code: String,
    names: &BTreeMap<SyncId, String>,
) -> v1::TracedRecord {
    let name = |site: SyncId| names.get(&site).cloned().unwrap_or_default();
    let places = places(tx.sync_id(), &found, names);
    let record = found.record;
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
        parked: found.parked.unwrap_or_default(),
        quarantined: quarantined.collect(),
        places,
        ..v1::TracedRecord::default()
    }
}

/// This site and all others that hold the record, or should.
fn places(here: SyncId, found: &Trace, names: &BTreeMap<SyncId, String>) -> Vec<v1::RecordPlace> {
    let record = &found.record;
    let version = format!("{} revision {}", record.epoch, record.revision);
    let place = |site: SyncId, state: v1::PlaceState, version: &str, summary: String| v1::RecordPlace {
        sync_id: site.get().into(),
        name: names.get(&site).cloned().unwrap_or_default(),
        state: state.into(),
        summary,
        version: version.to_owned(),
    };
    let own = match (&found.parked, record.origin_site == here) {
        (Some(parked), _) => place(
            here,
            v1::PlaceState::Parked,
            &version,
            format!("applied, and parked: {parked}"),
        ),
        _ if found.not_kept => place(
            here,
            v1::PlaceState::NotKept,
            &version,
            "passes it on, and keeps no copy to read".to_owned(),
        ),
        (None, true) => place(here, v1::PlaceState::Applied, &version, "written here".to_owned()),
        (None, false) => place(here, v1::PlaceState::Applied, &version, "applied here".to_owned()),
    };
    let others = found.places.iter().map(|(site, whereabouts)| {
        let refused = found
            .quarantined
            .iter()
            .rev()
            .find(|change| change.from_site == *site);
        let (state, version, summary) = words(here, *whereabouts, &version, refused);
        place(*site, state, &version, summary)
    });
    let mut places: Vec<_> = std::iter::once(own).chain(others).collect();
    places.sort_by_key(|place| place.sync_id);
    places
}

fn words(
    here: SyncId,
    whereabouts: Whereabouts,
    version: &str,
    refused: Option<&Quarantined>,
) -> (v1::PlaceState, String, String) {
    let this = version.to_owned();
    match whereabouts {
        Whereabouts::Written => (v1::PlaceState::Acknowledged, this, "written there".to_owned()),
        Whereabouts::Came => (
            v1::PlaceState::Acknowledged,
            this,
            "it came from there".to_owned(),
        ),
        Whereabouts::Acknowledged { by, quarantined: 0 } => (
            v1::PlaceState::Acknowledged,
            this,
            format!("on disk there: acknowledged by {by}"),
        ),
        Whereabouts::Acknowledged { by, quarantined } => (
            v1::PlaceState::Acknowledged,
            this,
            format!(
                "on disk there: acknowledged by {by}; {quarantined} changes of this channel were refused there, and \
                 `quarantine` there says whether this is one"
            ),
        ),
        Whereabouts::Pending {
            through: Some((through, at)),
        } => (
            v1::PlaceState::Pending,
            String::new(),
            format!("on its way: it has acknowledged up to seq {through} of this site, on {at}"),
        ),
        Whereabouts::Pending { through: None } => (
            v1::PlaceState::Pending,
            String::new(),
            "on its way: it has not asked for any of this yet".to_owned(),
        ),
        Whereabouts::Refused => (
            v1::PlaceState::Quarantined,
            refused
                .map(|change| format!("{} revision {}", change.epoch, change.revision))
                .unwrap_or_default(),
            refused.map_or_else(String::new, |change| {
                format!(
                    "its version was refused here ({}) on {}: `quarantine show {}`",
                    change.reason, change.at, change.id
                )
            }),
        ),
        Whereabouts::Elsewhere if here.is_primary() => (
            v1::PlaceState::Unknown,
            String::new(),
            "owns it, and has sent nothing of this yet".to_owned(),
        ),
        Whereabouts::Elsewhere => (
            v1::PlaceState::Unknown,
            String::new(),
            "owns it: ask there, or on the primary, in which version".to_owned(),
        ),
        Whereabouts::NotKept => (
            v1::PlaceState::NotKept,
            String::new(),
            "keeps no copy of this".to_owned(),
        ),
    }
}
