//! Copies: which stores' data a satellite is granted, and which the primary itself keeps. Each change needs unlocked
//! preferences and leaves a line in the audit log.

use std::collections::BTreeSet;

use supplysync_model::{Fault, FaultCode, Reason, Store, StoreId, SyncId, Withdrawn};
use supplysync_node::command::lookup;
use supplysync_node::command::preferences::Authority;
use supplysync_node::command::problems::Problems;
use supplysync_store::{NotKept, Queries, Store as RecordStore, WriteTx, copies_in_words};

use super::site::{assignments_of, audit, listed, require_settings, require_site};

/// Which copies a site is to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedCopies {
    /// Of every store, also those to come; the primary only.
    All,
    /// Of exactly these.
    These(Vec<StoreId>),
    /// Of those that the satellite wishes for.
    AsWished,
}

/// Says which other stores' data a site keeps a copy of, and on a satellite what becomes of others that it holds.
pub async fn set_copies(
    store: &RecordStore,
    site: SyncId,
    wanted: WantedCopies,
    withdrawn: Option<Withdrawn>,
    authority: Authority,
) -> Result<(), Fault> {
    store
        .write("set copies", move |tx| {
            let (wanted, authority) = (wanted.clone(), authority.clone());
            Box::pin(async move {
                authority.require(tx).await?;
                require_site(tx, site).await?;
                let (old, new) = match site.is_primary() {
                    true => keep_here(tx, wanted, withdrawn).await?,
                    false => grant(tx, site, wanted, withdrawn).await?,
                };
                if old == new {
                    return Ok(());
                }
                audit(tx, authority, "sites.set_copies", site.to_string(), old, new).await
            })
        })
        .await
}

async fn grant(
    tx: &mut WriteTx,
    site: SyncId,
    wanted: WantedCopies,
    withdrawn: Option<Withdrawn>,
) -> Result<(String, String), Fault> {
    let mut problems = Problems::default();
    let copies = match wanted {
        WantedCopies::These(stores) => stores.into_iter().collect(),
        WantedCopies::AsWished => wished(tx, site).await?,
        WantedCopies::All => {
            problems.invalid(
                "all",
                "is for the primary: name the stores that a satellite is to keep copies of",
            );
            BTreeSet::new()
        }
    };
    check_copies(tx, site, &copies, "stores", &mut problems).await?;
    problems.finish()?;
    let copies = copies.into_iter().collect();
    let before = require_settings(tx, site).await?;
    let after = tx.grant_copies(&before, copies, withdrawn).await?;
    Ok((copies_in_words(&before), copies_in_words(&after)))
}

async fn wished(tx: &Queries, site: SyncId) -> Result<BTreeSet<StoreId>, Fault> {
    let Some(wish) = tx.copy_wish(site).await? else {
        return Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::NO_COPIES_WISHED,
            format!("site {site} wishes for no other copies than it is granted: name the stores instead"),
        ));
    };
    Ok(tx.grantable(site, &wish).await?.into_iter().collect())
}

/// The primary keeps the data of these stores, of those active on it, and of those that are still to come.
async fn keep_here(
    tx: &mut WriteTx,
    wanted: WantedCopies,
    withdrawn: Option<Withdrawn>,
) -> Result<(String, String), Fault> {
    let mut problems = Problems::default();
    if withdrawn.is_some() {
        problems.invalid(
            "remove_withdrawn",
            "is for satellites: the primary goes on routing what it does not keep",
        );
    }
    let here = tx.sync_id();
    let all = lookup::all_stores(tx, true).await?;
    let wanted: BTreeSet<StoreId> = match wanted {
        WantedCopies::All => all.iter().map(|store| store.id).collect(),
        WantedCopies::These(stores) => stores.into_iter().collect(),
        WantedCopies::AsWished => {
            problems.invalid("as_wished", "is for satellites: the primary decides by itself");
            BTreeSet::new()
        }
    };
    let own: BTreeSet<_> = tx.stores_of_site(here).await?.into_iter().collect();
    let coming: BTreeSet<_> = tx.stores_served(here).await?.into_iter().collect();
    for store in &all {
        if coming.contains(&store.id) && !wanted.contains(&store.id) {
            problems.rule(
                Reason::STORE_DRAINING,
                "stores",
                format!(
                    "store {} is on its way to the primary, which must keep it: name it too, or call the move off",
                    store.code
                ),
            );
        }
    }
    problems.finish()?;
    let before: BTreeSet<_> = not_kept(tx).await?.into_iter().collect();
    let others = all
        .iter()
        .map(|store| store.id)
        .filter(|store| !own.contains(store));
    let after: BTreeSet<_> = others.filter(|store| !wanted.contains(store)).collect();
    let out: Vec<_> = after.difference(&before).copied().collect();
    let again: Vec<_> = before.difference(&after).copied().collect();
    tx.stop_keeping(&out).await?;
    tx.keep_again(&again).await?;
    Ok((kept_in_words(&before), kept_in_words(&after)))
}

fn kept_in_words(not_kept: &BTreeSet<StoreId>) -> String {
    match not_kept.is_empty() {
        true => "every store".to_owned(),
        false => format!("every store but {}", listed(not_kept)),
    }
}

/// The stores whose data the primary does not keep; those that it is about to keep again are kept.
pub(crate) async fn not_kept(tx: &Queries) -> Result<Vec<StoreId>, Fault> {
    let found = tx.not_kept().await?.into_iter();
    let found = found.filter(|(_, state)| !matches!(state, NotKept::Returning(_)));
    let mut stores: Vec<_> = found.map(|(store, _)| store).collect();
    stores.sort_unstable();
    Ok(stores)
}

/// Refuses to make a store active on the primary before the primary keeps all of its data.
pub(super) async fn require_whole(tx: &Queries, store: StoreId, site: SyncId) -> Result<(), Fault> {
    let Some(state) = (match site.is_primary() {
        true => tx.not_kept().await?.remove(&store),
        false => None,
    }) else {
        return Ok(());
    };
    let message = match state {
        NotKept::Returning(_) => {
            "the primary is about to keep the store's data again: repeat this in a minute"
        }
        _ => "the primary does not keep the store's data: have it kept first, with `copies set --site 1`",
    };
    Err(
        Fault::new(FaultCode::FailedPrecondition, Reason::COPY_NOT_KEPT, message)
            .with_metadata("store", store),
    )
}

/// What can't be a copy at a site.
pub(super) async fn check_copies(
    tx: &Queries,
    site: SyncId,
    copies: &BTreeSet<StoreId>,
    field: &str,
    problems: &mut Problems,
) -> Result<(), Fault> {
    let known = lookup::stores(tx, copies).await?;
    let assigned = assignments_of(tx, copies).await?;
    for store in copies {
        let Some(found) = known.get(store) else {
            problems.invalid(field, format!("there is no store with id {store}"));
            continue;
        };
        let Store { code, .. } = &found.value;
        let active_there = (assigned.iter()).any(|held| held.store == *store && held.site == site);
        if active_there {
            problems.invalid(
                field,
                format!("store {code} is active on site {site}: it needs no copy"),
            );
        }
    }
    Ok(())
}
