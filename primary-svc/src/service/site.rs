//! `SiteService`: sites, which stores are active on them, and which copies they keep.

use std::sync::Arc;

use secrecy::ExposeSecret;
use supplysync_api::fields::{Fields, one, sync_id};
use supplysync_api::v1::site_service_server::SiteService;
use supplysync_api::{page_token, read_page, v1};
use supplysync_model::{Fault, StoreId, SyncId, Withdrawn};
use supplysync_net::{PeerIdentity, Role};
use supplysync_node::command::authorisation::note_locked;
use supplysync_node::command::preferences::Authority;
use supplysync_node::service::reference;
use supplysync_node::service::request::{answer, authority};
use supplysync_node::session::SyncControl;
use supplysync_store::{MoveOrder, Store as RecordStore};
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use super::moves as shown;
use super::site_view::show;
use crate::command::copies::{WantedCopies, set_copies};
use crate::command::join_token;
use crate::command::moves;
use crate::command::site::{self, NewSite};
use crate::command::site_change::{self, SiteChange};
use crate::enrolment::{Issuing, ShutOut};
use crate::wake::Waking;

/// The list that page tokens belong to.
const LIST: &str = "sites";

/// The handler.
pub struct Sites {
    store: RecordStore,
    control: SyncControl,
    max_sync_id: u16,
    issuing: Arc<Issuing>,
    shut_out: ShutOut,
    waking: Waking,
    /// To be told when stores are kept (again) or not.
    keeping: Arc<Notify>,
}

impl Sites {
    /// On the primary's store.
    pub fn new(
        store: RecordStore,
        control: SyncControl,
        max_sync_id: u16,
        issuing: Arc<Issuing>,
        shut_out: ShutOut,
        waking: Waking,
        keeping: Arc<Notify>,
    ) -> Sites {
        Sites {
            store,
            control,
            max_sync_id,
            issuing,
            shut_out,
            waking,
            keeping,
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
        let to_be_heard = change.interval_minutes.is_some() || change.live.is_some();
        let changed = site_change::update_site(&self.store, site, change, authority.clone()).await;
        self.noted("sites.update", &authority, changed).await?;
        if to_be_heard {
            // A pause may last a day; where it can be reached, this ends it now.
            self.waking.soon(site);
        }
        self.show(site).await
    }

    async fn remove(&self, request: Request<v1::RemoveSiteRequest>) -> Result<v1::RemoveSiteResponse, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let site = one("sync_id", sync_id(request.sync_id))?;
        let removing = async {
            let removed = site_change::remove_site(&self.store, site, request.force, authority.clone()).await;
            self.noted("sites.remove", &authority, removed).await
        };
        let (unfinished, ended) = self.shut_out.after(removing).await?;
        tracing::warn!(site = site.get(), ended, "a site was removed");
        Ok(v1::RemoveSiteResponse { unfinished })
    }

    async fn join_token(&self, site: SyncId, authority: Authority) -> Result<v1::JoinToken, Fault> {
        let token = self.issuing.token(site)?;
        let life = self.issuing.section().token_life.duration();
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let made = join_token::create_token(&self.store, &token, life, authority.clone()).await;
        let until = self.noted("sites.join_token", &authority, made).await?;
        Ok(v1::JoinToken {
            token: token.text().expose_secret().to_owned(),
            expire_time: until.to_string(),
        })
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateJoinTokenRequest>,
    ) -> Result<v1::CreateJoinTokenResponse, Fault> {
        let authority = authority(&request);
        let site = one("sync_id", sync_id(request.into_inner().sync_id))?;
        let token = self.join_token(site, authority).await?;
        Ok(v1::CreateJoinTokenResponse {
            join_token: Some(token),
        })
    }

    async fn revoke(&self, request: Request<v1::RevokeSiteRequest>) -> Result<v1::RevokeSiteResponse, Fault> {
        let authority = authority(&request);
        let site = one("sync_id", sync_id(request.into_inner().sync_id))?;
        let revoking = async {
            let revoked = join_token::revoke_site(&self.store, site, authority.clone()).await;
            self.noted("sites.revoke", &authority, revoked).await
        };
        let (revoked_at, ended) = self.shut_out.after(revoking).await?;
        tracing::warn!(site = site.get(), ended, "a site was shut out");
        Ok(v1::RevokeSiteResponse {
            revoke_time: revoked_at.to_string(),
            ended_sessions: u32::try_from(ended).unwrap_or(u32::MAX),
        })
    }

    async fn revoke_them(
        &self,
        request: Request<v1::RevokeOperatorRequest>,
    ) -> Result<v1::RevokeOperatorResponse, Fault> {
        let authority = authority(&request);
        let named = request.into_inner().name;
        // The audit log writes the role, too.
        let name = match named.strip_prefix(join_token::OPERATOR) {
            Some(named) => named.rsplit('/').next().unwrap_or(named),
            None => named.as_str(),
        };
        // A name that no certificate can have is refused.
        PeerIdentity::operator(Role::Viewer, name)?;
        let revoking = async {
            let revoked = join_token::revoke_operator(&self.store, name.to_owned(), authority.clone()).await;
            self.noted("certs.revoke", &authority, revoked).await
        };
        let (revoked_at, _) = self.shut_out.after(revoking).await?;
        tracing::warn!(operator = name, "an operator was shut out");
        Ok(v1::RevokeOperatorResponse {
            name: name.to_owned(),
            revoke_time: revoked_at.to_string(),
        })
    }

    async fn add(&self, request: Request<v1::AddSiteRequest>) -> Result<v1::AddSiteResponse, Fault> {
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
        // The site is there now: what stands in the way of its token is told, and is no refusal.
        let (join_token, no_join_token) = match self.join_token(sync_id, authority).await {
            Ok(token) => (Some(token), String::new()),
            Err(fault) => (None, fault.message().to_owned()),
        };
        Ok(v1::AddSiteResponse {
            site: Some(self.show(sync_id).await?),
            join_token,
            no_join_token,
        })
    }

    async fn assign(&self, request: Request<v1::AssignStoreRequest>) -> Result<v1::Site, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let site = one("sync_id", sync_id(request.sync_id))?;
        let assigned = self.store_named(request.store).await?;
        let done = site::assign_store(&self.store, assigned, site, authority.clone()).await;
        self.noted("sites.assign_store", &authority, done).await?;
        self.show(site).await
    }

    async fn copies(&self, request: Request<v1::SetCopiesRequest>) -> Result<v1::Site, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let site = one("sync_id", sync_id(request.sync_id))?;
        let named = usize::from(!request.stores.is_empty());
        if named + usize::from(request.all) + usize::from(request.as_wished) > 1 {
            return Err(Fault::field(
                "stores",
                "name stores, or say all, or as_wished: only one of them",
            ));
        }
        let wanted = match (request.all, request.as_wished) {
            (true, _) => WantedCopies::All,
            (_, true) => WantedCopies::AsWished,
            _ => WantedCopies::These(self.stores("stores", request.stores).await?),
        };
        let withdrawn = request.remove_withdrawn.map(|remove| match remove {
            true => Withdrawn::Remove,
            false => Withdrawn::Keep,
        });
        let done = set_copies(&self.store, site, wanted, withdrawn, authority.clone()).await;
        self.noted("sites.set_copies", &authority, done).await?;
        if site.is_primary() {
            self.keeping.notify_one();
        } else {
            // A paused one may not ask before tomorrow.
            self.waking.soon(site);
        }
        self.show(site).await
    }

    async fn move_it(&self, request: Request<v1::MoveStoreRequest>) -> Result<v1::MoveStoreResponse, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let to = one("to", sync_id(request.to))?;
        let store = self.store_named(request.store).await?;
        let order = MoveOrder {
            store,
            to,
            forced: request.force,
        };
        let moved = moves::move_store(&self.store, order, authority.clone()).await;
        self.noted("stores.move", &authority, moved).await?;
        Ok(v1::MoveStoreResponse {
            r#move: self.latest_move(store).await?,
        })
    }

    async fn cancel(&self, request: Request<v1::CancelMoveRequest>) -> Result<v1::CancelMoveResponse, Fault> {
        let authority = authority(&request);
        let store = self.store_named(request.into_inner().store).await?;
        let cancelled = moves::cancel_move(&self.store, store, authority.clone()).await;
        self.noted("stores.cancel_move", &authority, cancelled).await?;
        Ok(v1::CancelMoveResponse {
            r#move: self.latest_move(store).await?,
        })
    }

    async fn latest_move(&self, store: StoreId) -> Result<Option<v1::StoreMove>, Fault> {
        let read = self.store.read("show a move", move |tx| {
            Box::pin(async move { shown::latest(tx, store).await })
        });
        read.await
    }

    async fn store_named(&self, named: String) -> Result<StoreId, Fault> {
        let read = self.store.read("find a store", move |tx| {
            Box::pin(async move { reference::store(tx, "store", &named).await })
        });
        Ok(read.await?.value.id)
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

#[tonic::async_trait]
impl SiteService for Sites {
    async fn add_site(
        &self,
        request: Request<v1::AddSiteRequest>,
    ) -> Result<Response<v1::AddSiteResponse>, Status> {
        answer("AddSite", self.add(request).await)
    }

    async fn create_join_token(
        &self,
        request: Request<v1::CreateJoinTokenRequest>,
    ) -> Result<Response<v1::CreateJoinTokenResponse>, Status> {
        answer("CreateJoinToken", self.create_token(request).await)
    }

    async fn revoke_site(
        &self,
        request: Request<v1::RevokeSiteRequest>,
    ) -> Result<Response<v1::RevokeSiteResponse>, Status> {
        answer("RevokeSite", self.revoke(request).await)
    }

    async fn revoke_operator(
        &self,
        request: Request<v1::RevokeOperatorRequest>,
    ) -> Result<Response<v1::RevokeOperatorResponse>, Status> {
        answer("RevokeOperator", self.revoke_them(request).await)
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

    async fn move_store(
        &self,
        request: Request<v1::MoveStoreRequest>,
    ) -> Result<Response<v1::MoveStoreResponse>, Status> {
        answer("MoveStore", self.move_it(request).await)
    }

    async fn cancel_move(
        &self,
        request: Request<v1::CancelMoveRequest>,
    ) -> Result<Response<v1::CancelMoveResponse>, Status> {
        answer("CancelMove", self.cancel(request).await)
    }

    async fn list_moves(
        &self,
        request: Request<v1::ListMovesRequest>,
    ) -> Result<Response<v1::ListMovesResponse>, Status> {
        let request = request.into_inner();
        let read = self.store.read("list moves", move |tx| {
            Box::pin(async move { shown::list(tx, request).await })
        });
        answer("ListMoves", read.await)
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
