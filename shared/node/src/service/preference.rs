//! `PreferenceService`: the preferences, and the lock on them.

use std::sync::Arc;

use secrecy::ExposeSecret;
use supplysync_api::v1;
use supplysync_api::v1::preference_service_server::PreferenceService;
use supplysync_model::{CopyGrant, Fault, Random, Store};
use supplysync_store::Store as RecordStore;
use tonic::{Request, Response, Status};

use super::request::{answer, authority, caller, unlock_token};
use crate::command::authorisation;
use crate::command::preferences::{Copies, Partner, PreferenceBook, PreferenceChange, Preferences as Shown};

/// What a mask may name, on one role or the other.
const SETTABLE: &str = "user_name, password, interval_minutes, live, primary_url, copies, copy_grant and previous_credential_accepted";

/// The handler.
pub struct Preferences {
    store: RecordStore,
    random: Arc<dyn Random>,
    book: Arc<dyn PreferenceBook>,
}

impl Preferences {
    /// On a store, with random bits for tokens and what the role keeps.
    pub fn new(store: RecordStore, random: Arc<dyn Random>, book: Arc<dyn PreferenceBook>) -> Preferences {
        Preferences { store, random, book }
    }

    async fn lock(&self, request: Request<v1::LockRequest>) -> Result<v1::LockResponse, Fault> {
        let (caller, sent) = (caller(&request), unlock_token(&request));
        let named = request.into_inner().token;
        let token = if named.is_empty() {
            sent
        } else {
            Some(named.into())
        };
        let token = token.ok_or_else(|| Fault::field("token", "which token to end must be said"))?;
        authorisation::lock(&self.store, token, caller).await?;
        Ok(v1::LockResponse {})
    }

    async fn unlock(&self, request: Request<v1::UnlockRequest>) -> Result<v1::UnlockResponse, Fault> {
        let caller = caller(&request);
        let code = request.into_inner().authorisation_code;
        if code.is_empty() {
            return Err(Fault::field("authorisation_code", "must be given"));
        }
        let unlocked = authorisation::unlock(&self.store, code.into(), caller, self.random.as_ref()).await?;
        Ok(v1::UnlockResponse {
            token: unlocked.token.expose_secret().to_owned(),
            expire_time: unlocked.until.to_string(),
        })
    }

    async fn change_code(
        &self,
        request: Request<v1::ChangeAuthorisationCodeRequest>,
    ) -> Result<v1::ChangeAuthorisationCodeResponse, Fault> {
        let caller = caller(&request);
        let request = request.into_inner();
        if request.authorisation_code.is_empty() {
            return Err(Fault::field("authorisation_code", "must be given"));
        }
        let (present, new) = (
            request.authorisation_code.into(),
            request.new_authorisation_code.into(),
        );
        authorisation::change_code(&self.store, present, new, caller, self.random.as_ref()).await?;
        Ok(v1::ChangeAuthorisationCodeResponse {})
    }

    async fn update(
        &self,
        request: Request<v1::UpdatePreferencesRequest>,
    ) -> Result<v1::UpdatePreferencesResponse, Fault> {
        let authority = authority(&request);
        let request = request.into_inner();
        let wire = request
            .preferences
            .ok_or_else(|| Fault::field("preferences", "must be given"))?;
        let mask = request.update_mask.unwrap_or_default();
        let change = change(wire, &mask.paths)?;
        let caller = authority.caller.clone();
        match self.book.update(change, authority).await {
            Ok(notes) => Ok(v1::UpdatePreferencesResponse {
                preferences: Some(wire_of(self.book.show().await?)),
                notes,
            }),
            Err(fault) => {
                authorisation::note_locked(&self.store, caller, "preferences.update", &fault).await?;
                Err(fault)
            }
        }
    }
}

/// What the mask names. What can't be set says where it is decided instead.
fn change(wire: v1::Preferences, paths: &[String]) -> Result<PreferenceChange, Fault> {
    if paths.is_empty() {
        let told = format!("must name what to change: {SETTABLE}");
        return Err(Fault::field("update_mask", told));
    }
    let mut change = PreferenceChange::default();
    for path in paths {
        match path.as_str() {
            "user_name" => change.user_name = Some(wire.user_name.clone()),
            "password" => change.password = Some(wire.password.as_str().into()),
            "interval_minutes" => change.interval_minutes = Some(wire.interval_minutes),
            "live" => change.live = Some(wire.live),
            "primary_url" => change.primary_url = Some(wire.primary_url.clone()),
            "previous_credential_accepted" => {
                change.previous_accepted = Some(wire.previous_credential_accepted);
            }
            "sync_id" => {
                return Err(Fault::field(
                    path,
                    "the Sync ID is fixed by this site's certificate and database: set the site up anew under another",
                ));
            }
            "site_name" => {
                return Err(Fault::field(
                    path,
                    "the name is changed on the primary: `sites edit N --name NAME`",
                ));
            }
            "sync_with" => {
                return Err(Fault::field(
                    path,
                    "sites are added, changed and removed on the primary, with SiteService (`sites add`, `edit`, `remove`); \
                 a satellite synchronises with the primary only, whose address is primary_url",
                ));
            }
            "copies" => {
                let named = wire.copies.iter().map(|store| match store.id.is_empty() {
                    true => store.code.clone(),
                    false => store.id.clone(),
                });
                change.copies = Some(named.collect());
            }
            "copy_grant" => {
                change.copy_grant = Some(match wire.copy_grant() {
                    v1::CopyGrant::Ask => CopyGrant::Ask,
                    v1::CopyGrant::Any => CopyGrant::Any,
                    v1::CopyGrant::Unspecified => return Err(Fault::field(path, "must be ASK or ANY")),
                });
            }
            "copies_all" | "not_kept" | "wishes_copies" | "wished_copies" => {
                return Err(Fault::field(
                    path,
                    "copies are granted on the primary, with SetCopies (`copies set`); a satellite sets `copies` to what it \
                     wishes to keep",
                ));
            }
            _ => {
                return Err(Fault::field(
                    "update_mask",
                    format!("there is no preference {path:?} to change: {SETTABLE}"),
                ));
            }
        }
    }
    Ok(change)
}

fn wire_of(shown: Shown) -> v1::Preferences {
    let (not_kept, copies, wished, primary) = match shown.copies {
        Copies::AllBut(stores) => (stores, Vec::new(), None, true),
        Copies::Of { granted, wished } => (Vec::new(), granted, wished, false),
    };
    v1::Preferences {
        sync_id: shown.sync_id.get().into(),
        site_name: shown.site_name,
        user_name: shown.user_name,
        password: String::new(),
        interval_minutes: shown.interval_minutes,
        live: shown.live,
        primary_url: shown.primary_url,
        sync_with: shown.partners.into_iter().map(partner).collect(),
        copies_all: primary && not_kept.is_empty(),
        copies: site_stores(copies),
        previous_credential_accepted: shown.previous_accepted,
        not_kept: site_stores(not_kept),
        wishes_copies: wished.is_some(),
        wished_copies: site_stores(wished.unwrap_or_default()),
        copy_grant: match shown.copy_grant {
            None => v1::CopyGrant::Unspecified,
            Some(CopyGrant::Ask) => v1::CopyGrant::Ask,
            Some(CopyGrant::Any) => v1::CopyGrant::Any,
        }
        .into(),
    }
}

fn partner(partner: Partner) -> v1::SyncPartner {
    v1::SyncPartner {
        sync_id: partner.sync_id.get().into(),
        name: partner.name,
        url: partner.url,
        stores: site_stores(partner.stores),
        mismatches: partner.mismatches,
    }
}

fn site_stores(stores: Vec<Store>) -> Vec<v1::SiteStore> {
    let stores = stores.into_iter();
    let wire = stores.map(|store| v1::SiteStore {
        id: store.id.to_string(),
        code: store.code,
        name: store.name,
    });
    wire.collect()
}

#[tonic::async_trait]
impl PreferenceService for Preferences {
    async fn unlock(
        &self,
        request: Request<v1::UnlockRequest>,
    ) -> Result<Response<v1::UnlockResponse>, Status> {
        answer("Unlock", Preferences::unlock(self, request).await)
    }

    async fn lock(&self, request: Request<v1::LockRequest>) -> Result<Response<v1::LockResponse>, Status> {
        answer("Lock", Preferences::lock(self, request).await)
    }

    async fn get_preferences(
        &self,
        _: Request<v1::GetPreferencesRequest>,
    ) -> Result<Response<v1::GetPreferencesResponse>, Status> {
        let shown = self.book.show().await;
        answer(
            "GetPreferences",
            shown.map(|shown| v1::GetPreferencesResponse {
                preferences: Some(wire_of(shown)),
            }),
        )
    }

    async fn update_preferences(
        &self,
        request: Request<v1::UpdatePreferencesRequest>,
    ) -> Result<Response<v1::UpdatePreferencesResponse>, Status> {
        answer("UpdatePreferences", self.update(request).await)
    }

    async fn change_authorisation_code(
        &self,
        request: Request<v1::ChangeAuthorisationCodeRequest>,
    ) -> Result<Response<v1::ChangeAuthorisationCodeResponse>, Status> {
        answer("ChangeAuthorisationCode", self.change_code(request).await)
    }
}
