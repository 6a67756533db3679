//! Sites: registering them, giving a new store its first site. Each needs unlocked preferences
//! and leaves a line in the audit log.

use std::collections::BTreeSet;

use supplysync_model::{
    Assignment, AssignmentState, Epoch, Fault, FaultCode, Incarnation, Reason, Site, SiteSettings, StoreId,
    SyncId, Withdrawn,
};
use supplysync_node::command::lookup;
use supplysync_node::command::preferences::{Audited, Authority, check_interval};
use supplysync_node::command::problems::Problems;
use supplysync_record_codec::RecordBody;
use supplysync_store::{OwnChange, Queries, Store as RecordStore, WriteTx};

use super::copies::{check_copies, not_kept, require_whole};
use super::site_rules::{check_satellite_id, check_site};
use crate::network::NetworkDefaults;

/// A site as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSite {
    /// Its Sync ID.
    pub sync_id: SyncId,
    /// Its name.
    pub name: String,
    /// Where it can be reached; may be empty.
    pub url: String,
    /// New stores whose first site it is.
    pub stores: Vec<StoreId>,
    /// Other stores that it keeps a copy of.
    pub copies: Vec<StoreId>,
    /// Minutes between its requests, 0 to 1440; the network's default when left out.
    pub interval_minutes: Option<u32>,
    /// Whether its stream stays open; the network's default when left out.
    pub live: Option<bool>,
}

/// A site with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredSite {
    /// The site.
    pub site: Site,
    /// What it is told; the primary has none.
    pub settings: Option<SiteSettings>,
    /// The stores active on it.
    pub stores: Vec<StoreId>,
    /// What it wishes for, where that is not decided and differs from what it is granted.
    pub wish: Option<Vec<StoreId>>,
    /// The stores whose data it routes without keeping them; the primary only.
    pub not_kept: Vec<StoreId>,
}

/// Puts the primary itself on record, at `init`. No token: nobody has one yet.
pub async fn register_primary(store: &RecordStore, name: String, url: String) -> Result<(), Fault> {
    store
        .write("register the primary", move |tx| {
            let (name, url) = (name.clone(), url.clone());
            Box::pin(async move {
                let mut problems = Problems::default();
                check_site(&name, &url, &mut problems);
                problems.finish()?;
                let sync_id = SyncId::PRIMARY;
                put(tx, vec![RecordBody::Site(Site { sync_id, name, url })]).await
            })
        })
        .await
}

/// Registers a satellite, with the stores whose first site it is.
pub async fn add_site(
    store: &RecordStore,
    new: NewSite,
    max_sync_id: u16,
    authority: Authority,
) -> Result<RegisteredSite, Fault> {
    let incarnation = incarnation(store)?;
    store
        .write("add site", move |tx| {
            let (new, authority) = (new.clone(), authority.clone());
            Box::pin(async move {
                authority.require(tx).await?;
                tx.refuse_while_gathering("a new site").await?;
                check_satellite_id(new.sync_id, max_sync_id)?;
                let defaults = NetworkDefaults::load(tx).await?;
                if find_site(tx, new.sync_id).await?.is_some() {
                    return Err(Fault::new(
                        FaultCode::AlreadyExists,
                        Reason::SYNC_ID_TAKEN,
                        format!("Sync ID {} is taken: choose another", new.sync_id),
                    ));
                }
                let mut problems = Problems::default();
                check_site(&new.name, &new.url, &mut problems);
                check_name_free(tx, new.sync_id, &new.name, &mut problems).await?;
                let stores: BTreeSet<StoreId> = new.stores.iter().copied().collect();
                check_unassigned(tx, &stores, "stores", &mut problems).await?;
                let copies: BTreeSet<StoreId> = new.copies.iter().copied().collect();
                check_copies(tx, new.sync_id, &copies, "copies", &mut problems).await?;
                for store in copies.intersection(&stores) {
                    problems.invalid(
                        "copies",
                        format!("store {store} is to be active there: it needs no copy"),
                    );
                }
                let interval_minutes = new.interval_minutes.unwrap_or(defaults.interval_minutes);
                check_interval(interval_minutes, &mut problems);
                problems.finish()?;
                let site = Site {
                    sync_id: new.sync_id,
                    name: new.name,
                    url: new.url,
                };
                let settings = SiteSettings {
                    sync_id: new.sync_id,
                    interval_minutes,
                    live: new.live.unwrap_or(defaults.live),
                    copies: copies.iter().copied().collect(),
                    withdrawn: Withdrawn::default(),
                };
                let assignments = stores
                    .iter()
                    .map(|store| first_assignment(*store, new.sync_id, incarnation));
                let mut bodies = vec![
                    RecordBody::Site(site.clone()),
                    RecordBody::SiteSettings(settings.clone()),
                ];
                bodies.extend(assignments.map(RecordBody::Assignment));
                put(tx, bodies).await?;
                let said = format!(
                    "{} {:?} with stores {} and copies {}",
                    site.sync_id,
                    site.name,
                    listed(&stores),
                    listed(&copies)
                );
                audit(
                    tx,
                    authority,
                    "sites.add",
                    site.sync_id.to_string(),
                    String::new(),
                    said,
                )
                .await?;
                Ok(RegisteredSite {
                    site,
                    settings: Some(settings),
                    stores: stores.into_iter().collect(),
                    wish: None,
                    not_kept: Vec::new(),
                })
            })
        })
        .await
}

/// Makes a store that is active nowhere yet active on a site.
pub async fn assign_store(
    store: &RecordStore,
    assigned: StoreId,
    site: SyncId,
    authority: Authority,
) -> Result<Assignment, Fault> {
    let incarnation = incarnation(store)?;
    store
        .write("assign store", move |tx| {
            let authority = authority.clone();
            Box::pin(async move {
                authority.require(tx).await?;
                require_site(tx, site).await?;
                let mut problems = Problems::default();
                check_unassigned(tx, &BTreeSet::from([assigned]), "store", &mut problems).await?;
                problems.finish()?;
                require_whole(tx, assigned, site).await?;
                let assignment = first_assignment(assigned, site, incarnation);
                put(tx, vec![RecordBody::Assignment(assignment.clone())]).await?;
                audit(
                    tx,
                    authority,
                    "sites.assign_store",
                    assigned.to_string(),
                    String::new(),
                    format!("active on site {site}"),
                )
                .await?;
                Ok(assignment)
            })
        })
        .await
}

/// One site with its settings and stores.
pub async fn get_site(tx: &Queries, site: SyncId) -> Result<RegisteredSite, Fault> {
    let found = require_site(tx, site).await?;
    let settings = find_settings(tx, site).await?;
    let wish = match tx.copy_wish(site).await? {
        Some(wish) => Some(tx.grantable(site, &wish).await?),
        None => None,
    };
    let granted = settings.as_ref().map(|settings| &settings.copies);
    Ok(RegisteredSite {
        site: found,
        stores: tx.stores_of_site(site).await?,
        wish: wish.filter(|wish| Some(wish) != granted),
        not_kept: match site.is_primary() {
            true => not_kept(tx).await?,
            false => Vec::new(),
        },
        settings,
    })
}

pub(super) async fn assignments_of(
    tx: &Queries,
    stores: &BTreeSet<StoreId>,
) -> Result<Vec<Assignment>, Fault> {
    let stores: Vec<_> = stores.iter().copied().collect();
    let found = tx.assignments(&stores).await?.into_iter();
    Ok(found.map(|assignment| assignment.value).collect())
}

fn first_assignment(store: StoreId, site: SyncId, incarnation: Incarnation) -> Assignment {
    Assignment {
        store,
        site,
        epoch: Epoch {
            incarnation: incarnation.counter,
            counter: 1,
        },
        version: 1,
        state: AssignmentState::Active,
        hand_over: None,
    }
}

async fn check_unassigned(
    tx: &Queries,
    stores: &BTreeSet<StoreId>,
    field: &str,
    problems: &mut Problems,
) -> Result<(), Fault> {
    let known = lookup::stores(tx, stores).await?;
    let assigned = assignments_of(tx, stores).await?;
    for store in stores {
        match known.get(store) {
            None => problems.invalid(field, format!("there is no store with id {store}")),
            Some(found) if found.retired => {
                problems.invalid(field, format!("store {} is retired", found.value.code));
            }
            Some(found) => {
                if let Some(present) = assigned.iter().find(|assignment| assignment.store == *store) {
                    problems.rule(
                        Reason::STORE_ALREADY_ASSIGNED,
                        field,
                        format!(
                            "store {} is active on site {} already",
                            found.value.code, present.site
                        ),
                    );
                }
            }
        }
    }
    Ok(())
}

/// Two sites of one name would be mistaken for each other.
pub(super) async fn check_name_free(
    tx: &Queries,
    site: SyncId,
    name: &str,
    problems: &mut Problems,
) -> Result<(), Fault> {
    let others = tx.sites().await?.into_iter();
    let mut others = others.filter(|other| !other.retired && other.value.sync_id != site);
    if others.any(|other| other.value.name == name) {
        problems.rule(
            Reason::CODE_TAKEN,
            "name",
            format!("another site is called {name:?}"),
        );
    }
    Ok(())
}

pub(super) async fn find_site(tx: &Queries, site: SyncId) -> Result<Option<Site>, Fault> {
    let found = tx.site(site).await?.filter(|found| !found.retired);
    Ok(found.map(|found| found.value))
}

pub(crate) async fn require_site(tx: &Queries, site: SyncId) -> Result<Site, Fault> {
    find_site(tx, site).await?.ok_or_else(|| {
        Fault::new(
            FaultCode::NotFound,
            Reason::SITE_NOT_FOUND,
            format!("there is no site with Sync ID {site}: add it first"),
        )
    })
}

pub(super) async fn find_settings(tx: &Queries, site: SyncId) -> Result<Option<SiteSettings>, Fault> {
    let found = tx.site_settings(site).await?.filter(|found| !found.retired);
    Ok(found.map(|found| found.value))
}

pub(super) async fn require_settings(tx: &Queries, site: SyncId) -> Result<SiteSettings, Fault> {
    find_settings(tx, site).await?.ok_or_else(|| {
        Fault::new(
            FaultCode::NotFound,
            Reason::SITE_NOT_FOUND,
            format!("site {site} has no settings: add it again"),
        )
    })
}

fn incarnation(store: &RecordStore) -> Result<Incarnation, Fault> {
    store
        .identity()
        .incarnation
        .ok_or_else(|| Fault::internal("a primary without an incarnation"))
}

pub(crate) async fn put(tx: &mut WriteTx, bodies: Vec<RecordBody>) -> Result<(), Fault> {
    let changes = bodies.into_iter().map(|body| OwnChange {
        body,
        deleted: false,
        expected: None,
    });
    tx.put(changes.collect()).await.map(drop)
}

pub(super) fn listed(stores: &BTreeSet<StoreId>) -> String {
    if stores.is_empty() {
        return "none".to_owned();
    }
    let ids: Vec<_> = stores.iter().map(StoreId::to_string).collect();
    ids.join(", ")
}

pub(super) async fn audit(
    tx: &mut WriteTx,
    authority: Authority,
    action: &'static str,
    subject: String,
    old: String,
    new: String,
) -> Result<(), Fault> {
    let change = Audited {
        action,
        subject,
        old,
        new,
    };
    authority.audit(tx, change).await
}
