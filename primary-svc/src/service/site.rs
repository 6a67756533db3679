//! `SiteService`: sites, which stores are active on them, and which copies they keep.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_api::fields::{Fields, one, sync_id};
use supplysync_api::v1::site_service_server::SiteService;
use supplysync_api::{page_token, read_page, v1};
use supplysync_model::{Fault, StoreId, SyncId};
use supplysync_node::command::authorisation::note_locked;
use supplysync_node::command::lookup;
use supplysync_node::command::preferences::Authority;
use supplysync_node::service::reference;
use supplysync_node::service::request::{answer, authority};
use supplysync_node::session::SyncControl;
use supplysync_node::status::SyncStatus;
use supplysync_store::{Queries, Store as RecordStore};
use tonic::{Request, Response, Status};

use crate::command::site::{self, NewSite, RegisteredSite};
use crate::command::site_change::{self, SiteChange};

/// The list that page tokens belong to.
const LIST: &str = "sites";

/// The handler.
pub struct Sites {
    store: RecordStore,
    control: SyncControl,
    max_sync_id: u16,
}

impl Sites {
    /// On the primary's store.
    pub fn new(store: RecordStore, control: SyncControl, max_sync_id: u16) -> Sites {
        Sites {
            store,
            control,
            max_sync_id,
        }
    }

    /// The outcome of a change; one that was refused because the preferences are locked is in the audit log.
    async fn noted<T>(
        &self,
        action: &'static str,
        authority: &Authority,
        outcome: Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Err(fault) = &outcome {
            note_locked(&self.store, authority.caller.clone(), action, fault).await?;
        }
        outcome
    }

    async fn update(&self, request: Request<v1::UpdateSiteRequest>) -> Result<v1::Site, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let site = one("sync_id", sync_id(request.sync_id))?;
        let change = SiteChange {
            name: request.name,
            url: request.url,
            interval_minutes: request.interval_minutes,
            live: request.live,
        };
        let changed = site_change::update_site(&self.store, site, change, authority.clone()).await;
        self.noted("sites.update", &authority, changed).await?;
        self.show(site).await
    }

    async fn remove(
        &self,
        request: Request<v1::RemoveSiteRequest>,
    ) -> Result<v1::RemoveSiteResponse, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let site = one("sync_id", sync_id(request.sync_id))?;
        let removed = site_change::remove_site(&self.store, site, request.force, authority.clone()).await;
        let unfinished = self.noted("sites.remove", &authority, removed).await?;
        Ok(v1::RemoveSiteResponse { unfinished })
    }

    async fn add(&self, request: Request<v1::AddSiteRequest>) -> Result<v1::Site, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let sync_id = one("sync_id", sync_id(request.sync_id))?;
        let stores = self.stores("stores", request.stores).await?;
        let copies = self.stores("copies", request.copies).await?;
        let new = NewSite {
            sync_id,
            name: request.name,
            url: request.url,
            stores,
            copies,
            interval_minutes: request.interval_minutes,
            live: request.live,
        };
        let added = site::add_site(&self.store, new, self.max_sync_id, authority.clone()).await;
        self.noted("sites.add", &authority, added).await?;
        self.show(sync_id).await
    }

    async fn assign(&self, request: Request<v1::AssignStoreRequest>) -> Result<v1::Site, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let site = one("sync_id", sync_id(request.sync_id))?;
        let named = self.store.read("find a store", move |tx| {
            Box::pin(async move { reference::store(tx, "store", &request.store).await })
        });
        let assigned = named.await?.value.id;
        let done = site::assign_store(&self.store, assigned, site, authority.clone()).await;
        self.noted("sites.assign_store", &authority, done).await?;
        self.show(site).await
    }

    async fn copies(&self, request: Request<v1::SetCopiesRequest>) -> Result<v1::Site, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let site = one("sync_id", sync_id(request.sync_id))?;
        let copies = self.stores("stores", request.stores).await?;
        let done = site::set_copies(&self.store, site, copies, authority.clone()).await;
        self.noted("sites.set_copies", &authority, done).await?;
        self.show(site).await
    }

    async fn list(&self, request: v1::ListSitesRequest) -> Result<v1::ListSitesResponse, Fault> {
        let mut fields = Fields::new();
        let page = read_page(&mut fields, request.page_size, &request.page_token, LIST, 1);
        let page = fields.finish(page)?;
        let after: u16 = match page.after.as_deref() {
            Some([last]) => last
                .parse()
                .map_err(|_| Fault::field("page_token", "is damaged: begin again without a token"))?,
            _ => 0,
        };
        let size = page.size as usize;
        let board = self.control.board().current();
        let read = self.store.read("list sites", move |tx| {
            let board = board.clone();
            Box::pin(async move {
                let sites = tx.sites().await?.into_iter().filter(|site| !site.retired);
                let ids = sites.map(|site| site.value.sync_id);
                let mut ids: Vec<_> = ids.filter(|id| id.get() > after).collect();
                let more = ids.len() > size;
                ids.truncate(size);
                let last = ids.last().filter(|_| more).map(SyncId::to_string);
                let mut found = Vec::new();
                for id in ids {
                    found.push(site::get_site(tx, id).await?);
                }
                Ok((show(tx, found, &board).await?, last))
            })
        });
        let (sites, last) = read.await?;
        Ok(v1::ListSitesResponse {
            sites,
            next_page_token: last.map(|last| page_token(LIST, &[&last])).unwrap_or_default(),
        })
    }

    async fn show(&self, site: SyncId) -> Result<v1::Site, Fault> {
        let board = self.control.board().current();
        let read = self.store.read("show a site", move |tx| {
            let board = board.clone();
            Box::pin(async move {
                let found = site::get_site(tx, site).await?;
                let shown = show(tx, vec![found], &board).await?.pop();
                shown.ok_or_else(|| Fault::internal("a site that shows as nothing"))
            })
        });
        read.await
    }

    async fn stores(&self, field: &'static str, named: Vec<String>) -> Result<Vec<StoreId>, Fault> {
        let read = self.store.read("find stores", move |tx| {
            Box::pin(async move { reference::stores(tx, field, &named).await })
        });
        read.await
    }
}

async fn show(tx: &Queries, sites: Vec<RegisteredSite>, board: &SyncStatus) -> Result<Vec<v1::Site>, Fault> {
    let copies = |site: &RegisteredSite| match &site.settings {
        Some(settings) => settings.copies.clone(),
        None => Vec::new(),
    };
    let mentioned: BTreeSet<StoreId> = sites
        .iter()
        .flat_map(|site| site.stores.iter().copied().chain(copies(site)))
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
        }
    });
    Ok(wire.collect())
}

#[tonic::async_trait]
impl SiteService for Sites {
    async fn add_site(
        &self,
        request: Request<v1::AddSiteRequest>,
    ) -> Result<Response<v1::AddSiteResponse>, Status> {
        let site = self.add(request).await;
        answer(
            "AddSite",
            site.map(|site| v1::AddSiteResponse { site: Some(site) }),
        )
    }

    async fn update_site(
        &self,
        request: Request<v1::UpdateSiteRequest>,
    ) -> Result<Response<v1::UpdateSiteResponse>, Status> {
        let site = self.update(request).await;
        answer(
            "UpdateSite",
            site.map(|site| v1::UpdateSiteResponse { site: Some(site) }),
        )
    }

    async fn remove_site(
        &self,
        request: Request<v1::RemoveSiteRequest>,
    ) -> Result<Response<v1::RemoveSiteResponse>, Status> {
        answer("RemoveSite", self.remove(request).await)
    }

    async fn list_sites(
        &self,
        request: Request<v1::ListSitesRequest>,
    ) -> Result<Response<v1::ListSitesResponse>, Status> {
        answer("ListSites", self.list(request.into_inner()).await)
    }

    async fn get_site(
        &self,
        request: Request<v1::GetSiteRequest>,
    ) -> Result<Response<v1::GetSiteResponse>, Status> {
        let site = match one("sync_id", sync_id(request.into_inner().sync_id)) {
            Ok(id) => self.show(id).await,
            Err(fault) => Err(fault),
        };
        answer(
            "GetSite",
            site.map(|site| v1::GetSiteResponse { site: Some(site) }),
        )
    }

    async fn assign_store(
        &self,
        request: Request<v1::AssignStoreRequest>,
    ) -> Result<Response<v1::AssignStoreResponse>, Status> {
        let site = self.assign(request).await;
        answer(
            "AssignStore",
            site.map(|site| v1::AssignStoreResponse { site: Some(site) }),
        )
    }

    async fn set_copies(
        &self,
        request: Request<v1::SetCopiesRequest>,
    ) -> Result<Response<v1::SetCopiesResponse>, Status> {
        let site = self.copies(request).await;
        answer(
            "SetCopies",
            site.map(|site| v1::SetCopiesResponse { site: Some(site) }),
        )
    }
}
