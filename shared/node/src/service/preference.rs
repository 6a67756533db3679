//! `PreferenceService`: unlocking and locking.

use std::sync::Arc;

use secrecy::ExposeSecret;
use supplysync_api::v1;
use supplysync_api::v1::preference_service_server::PreferenceService;
use supplysync_model::{Fault, Random};
use supplysync_store::Store as RecordStore;
use tonic::{Request, Response, Status};

use super::request::{answer, caller, unlock_token};
use crate::command::authorisation;

/// The handler.
pub struct Preferences {
    store: RecordStore,
    random: Arc<dyn Random>,
}

impl Preferences {
    /// On a store, with random bits for tokens.
    pub fn new(store: RecordStore, random: Arc<dyn Random>) -> Preferences {
        Preferences { store, random }
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
}
