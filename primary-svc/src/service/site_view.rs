//! Sites as they are shown: with their stores, copies and wishes by code and name, and what they say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_api::v1;
use supplysync_model::{Fault, StoreId, Withdrawn};
use supplysync_node::command::lookup;
use supplysync_node::status::SyncStatus;
use supplysync_store::Queries;

use crate::command::site::RegisteredSite;

/// In the order given; the board says where one differs from what is on record.
pub(super) async fn show(
    tx: &Queries,
    sites: Vec<RegisteredSite>,
    board: &SyncStatus,
) -> Result<Vec<v1::Site>, Fault> {
    let copies = |site: &RegisteredSite| match &site.settings {
        Some(settings) => settings.copies.clone(),
        None => Vec::new(),
    };
    let wished = |site: &RegisteredSite| site.wish.clone().unwrap_or_default();
    let mentioned: BTreeSet<StoreId> = sites
        .iter()
        .flat_map(|site| {
            [
                site.stores.clone(),
                copies(site),
                wished(site),
                site.not_kept.clone(),
            ]
        })
        .flatten()
        .collect();
    let stores: BTreeMap<StoreId, _> = lookup::stores(tx, &mentioned).await?;
    let shown = |ids: &[StoreId]| {
        let stores = ids.iter().filter_map(|id| stores.get(id));
        let mut shown: Vec<_> = stores
            .map(|store| v1::SiteStore {
                id: store.value.id.to_string(),
                code: store.value.code.clone(),
                name: store.value.name.clone(),
            })
            .collect();
        shown.sort_by(|a, b| a.code.cmp(&b.code));
        shown
    };
    let wire = sites.iter().map(|found| {
        let settings = found.settings.as_ref();
        v1::Site {
            sync_id: found.site.sync_id.get().into(),
            name: found.site.name.clone(),
            url: found.site.url.clone(),
            primary: found.site.sync_id.is_primary(),
            stores: shown(&found.stores),
            copies: shown(&copies(found)),
            interval_minutes: settings.map_or(0, |settings| settings.interval_minutes),
            live: settings.is_some_and(|settings| settings.live),
            mismatches: board
                .get(&found.site.sync_id)
                .map(|line| line.mismatches.clone())
                .unwrap_or_default(),
            not_kept: shown(&found.not_kept),
            wishes_copies: found.wish.is_some(),
            wished_copies: shown(&wished(found)),
            remove_withdrawn: settings.is_some_and(|told| told.withdrawn == Withdrawn::Remove),
        }
    });
    Ok(wire.collect())
}
