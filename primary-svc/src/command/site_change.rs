//! Changing a registered site, and taking one off the network. Registering and assigning are in `site`.

use std::collections::BTreeSet;

use supplysync_model::{AssignmentState, Fault, FaultCode, Reason, Site, SiteSettings, StoreId, SyncId};
use supplysync_node::command::lookup;
use supplysync_node::command::preferences::{Audited, Authority, check_interval};
use supplysync_node::command::problems::Problems;
use supplysync_record_codec::RecordBody;
use supplysync_store::{OwnChange, Queries, Store as RecordStore, WriteTx};

use super::join_token::shut_out;
use super::site::{check_name_free, find_settings, put, require_site};
use super::site_rules::check_site;

/// What of a site is to change; the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteChange {
    /// Its name.
    pub name: Option<String>,
    /// Where it can be reached; may be empty.
    pub url: Option<String>,
    /// Minutes between its requests.
    pub interval_minutes: Option<u32>,
    /// Live push.
    pub live: Option<bool>,
}

/// Changes a site. The primary's own rhythm is not one: it is asked, it does not ask.
pub async fn update_site(
    store: &RecordStore,
    site: SyncId,
    change: SiteChange,
    authority: Authority,
) -> Result<(), Fault> {
    if change == SiteChange::default() {
        return Err(Fault::field(
            "name",
            "say what to change: name, url, interval_minutes or live",
        ));
    }
    store
        .write("update site", move |tx| {
            let (change, authority) = (change.clone(), authority.clone());
            Box::pin(async move {
                authority.require(tx).await?;
                let before = require_site(tx, site).await?;
                let after = Site {
                    sync_id: site,
                    name: change.name.unwrap_or(before.name.clone()),
                    url: change.url.unwrap_or(before.url.clone()),
                };
                let mut problems = Problems::default();
                check_site(&after.name, &after.url, &mut problems);
                check_name_free(tx, site, &after.name, &mut problems).await?;
                if let Some(minutes) = change.interval_minutes {
                    check_interval(minutes, &mut problems);
                }
                let told = find_settings(tx, site).await?;
                if told.is_none() && (change.interval_minutes.is_some() || change.live.is_some()) {
                    problems.invalid(
                        "interval_minutes",
                        "the primary is asked and does not ask: interval and live push are a satellite's",
                    );
                }
                problems.finish()?;
                let mut bodies = Vec::new();
                if after != before {
                    bodies.push(RecordBody::Site(after.clone()));
                }
                let settings = told.clone().map(|told| SiteSettings {
                    interval_minutes: change.interval_minutes.unwrap_or(told.interval_minutes),
                    live: change.live.unwrap_or(told.live),
                    ..told
                });
                if settings != told {
                    bodies.extend(settings.clone().map(RecordBody::SiteSettings));
                }
                if bodies.is_empty() {
                    return Ok(());
                }
                put(tx, bodies).await?;
                let change = Audited {
                    action: "sites.update",
                    subject: site.to_string(),
                    old: in_words(&before, told.as_ref()),
                    new: in_words(&after, settings.as_ref()),
                };
                authority.audit(tx, change).await
            })
        })
        .await
}

/// Takes a satellite off the network: no session is admitted from then on, and what this primary knew of its database
/// is forgotten, so that the Sync ID can be used again. Gives what was known to be unfinished.
pub async fn remove_site(
    store: &RecordStore,
    site: SyncId,
    force: bool,
    authority: Authority,
) -> Result<Vec<String>, Fault> {
    store
        .write("remove site", move |tx| {
            let authority = authority.clone();
            Box::pin(async move {
                authority.require(tx).await?;
                let found = require_site(tx, site).await?;
                if site.is_primary() {
                    return Err(Fault::new(
                        FaultCode::FailedPrecondition,
                        Reason::SITE_IN_USE,
                        "the primary can't be removed from its own network",
                    ));
                }
                require_unused(tx, site).await?;
                let unfinished = unfinished(tx, site).await?;
                if !unfinished.is_empty() && !force {
                    return Err(Fault::new(
                        FaultCode::FailedPrecondition,
                        Reason::SITE_UNFINISHED,
                        format!(
                            "site {site} has unfinished work: {}; finish it, or remove the site by force",
                            unfinished.join("; ")
                        ),
                    ));
                }
                let settings = find_settings(tx, site).await?;
                let old = in_words(&found, settings.as_ref());
                let mut retired = vec![RecordBody::Site(found)];
                retired.extend(settings.map(RecordBody::SiteSettings));
                let retired = retired.into_iter().map(|body| OwnChange {
                    body,
                    deleted: true,
                    expected: None,
                });
                tx.put(retired.collect()).await?;
                tx.withdraw_proposals_to(site).await?;
                tx.forget_wish(site).await?;
                tx.forget_peer(site).await?;
                shut_out(tx, site).await?;
                let new = match (force, unfinished.is_empty()) {
                    (true, false) => format!("removed by force: {}", unfinished.join("; ")),
                    _ => "removed".to_owned(),
                };
                let change = Audited {
                    action: "sites.remove",
                    subject: site.to_string(),
                    old,
                    new,
                };
                authority.audit(tx, change).await?;
                Ok(unfinished)
            })
        })
        .await
}

/// Refuses while a store is active there, or on its way there.
async fn require_unused(tx: &WriteTx, site: SyncId) -> Result<(), Fault> {
    let assignments = tx.all_assignments().await?.into_iter();
    let touched = assignments
        .filter(|found| !found.retired)
        .map(|found| found.value)
        .filter(|held| held.site == site || held.state == AssignmentState::Draining { to: site });
    let mut touched: BTreeSet<StoreId> = touched.map(|held| held.store).collect();
    touched.extend(tx.loading_to(site).await?);
    if touched.is_empty() {
        return Ok(());
    }
    let stores = lookup::stores(tx, &touched).await?;
    let codes: Vec<_> = stores.values().map(|store| store.value.code.as_str()).collect();
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::SITE_IN_USE,
        format!(
            "site {site} is where {} is active or moving to: move it to another site first",
            codes.join(", ")
        ),
    ))
}

/// What is known of the site's work that nobody has decided on, in plain words.
async fn unfinished(tx: &Queries, site: SyncId) -> Result<Vec<String>, Fault> {
    let mut unfinished = match tx.open_quarantine_from(site).await? {
        0 => Vec::new(),
        1 => vec!["1 change from it is in quarantine".to_owned()],
        count => vec![format!("{count} changes from it are in quarantine")],
    };
    let left_behind = tx.left_behind_on(site).await?;
    let stores = lookup::stores(tx, &left_behind.iter().map(|(store, _)| *store).collect()).await?;
    unfinished.extend(left_behind.into_iter().map(|(store, what)| {
        let code = stores.get(&store).map(|found| found.value.code.clone());
        format!(
            "store {} was taken from it by force: {what}",
            code.unwrap_or_else(|| store.to_string())
        )
    }));
    Ok(unfinished)
}

fn in_words(site: &Site, settings: Option<&SiteSettings>) -> String {
    let mut words = format!("{:?}", site.name);
    if !site.url.is_empty() {
        words += &format!(" at {}", site.url);
    }
    if let Some(settings) = settings {
        words += &format!(", every {} min", settings.interval_minutes);
        words += if settings.live { ", live" } else { ", not live" };
    }
    words
}
