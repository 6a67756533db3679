//! Talking to a site: the public gRPC services over mutual TLS, and refusals as a person reads them. What is asked
//! often, and takes more than one call, is in `ask`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use supplysync_api::fault::{Refusal, from_status};
use supplysync_api::v1::UnlockRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;
use supplysync_api::v1::master_data_service_client::MasterDataServiceClient;
use supplysync_api::v1::preference_service_client::PreferenceServiceClient;
use supplysync_api::v1::report_service_client::ReportServiceClient;
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_api::v1::stock_service_client::StockServiceClient;
use supplysync_api::v1::sync_service_client::SyncServiceClient;
use supplysync_net::client::fault_in;
use supplysync_net::{Endpoint, TlsMaterial};
use supplysync_runtime::SystemClock;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::Outcome;

/// The metadata that carries the token of an unlocking.
const UNLOCK_METADATA: &str = "x-supplysync-unlock";

/// A certificate with its key and authority, as `certs issue` writes them.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
    /// Of whoever is called; PEM.
    pub authority: PathBuf,
}

impl Certificate {
    /// `stem` is `site` or `operator`.
    pub fn in_folder(folder: &Path, stem: &str) -> Certificate {
        Certificate {
            certificate: folder.join(format!("{stem}.crt")),
            key: folder.join(format!("{stem}.key")),
            authority: folder.join("authority.crt"),
        }
    }
}

/// The token of an unlocking, sent with every call once there is one.
#[derive(Clone, Default)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert(UNLOCK_METADATA, token.clone());
        }
        Ok(request)
    }
}

/// What the stubs of the services call through.
pub type Connection = InterceptedService<Channel, Token>;

/// A connection to one site.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    token: Token,
}

impl Client {
    /// Connects, and waits until the server has accepted the certificate. The connection heals by itself when the
    /// server comes back.
    pub async fn connect(url: &str, certificate: &Certificate) -> Outcome<Client> {
        let Certificate {
            certificate,
            key,
            authority,
        } = certificate;
        let material = TlsMaterial::load(certificate, key, authority, Arc::new(SystemClock))?;
        Ok(Client {
            channel: Endpoint::new(url, &material)?.connect().await?,
            token: Token::default(),
        })
    }

    /// The same connection with the preferences unlocked.
    pub async fn unlock(&self, authorisation_code: &str) -> Outcome<Client> {
        let request = UnlockRequest {
            authorisation_code: authorisation_code.to_owned(),
        };
        let token = self.preferences().unlock(request).await.answer()?.token;
        Ok(Client {
            channel: self.channel.clone(),
            token: Token(Some(token.parse()?)),
        })
    }

    fn connection(&self) -> Connection {
        InterceptedService::new(self.channel.clone(), self.token.clone())
    }

    /// Units, items, names and stores.
    pub fn master_data(&self) -> MasterDataServiceClient<Connection> {
        MasterDataServiceClient::new(self.connection())
    }

    /// Stock lines and transactions.
    pub fn stock(&self) -> StockServiceClient<Connection> {
        StockServiceClient::new(self.connection())
    }

    /// Sites; on the primary.
    pub fn sites(&self) -> SiteServiceClient<Connection> {
        SiteServiceClient::new(self.connection())
    }

    /// The lock on the preferences.
    pub fn preferences(&self) -> PreferenceServiceClient<Connection> {
        PreferenceServiceClient::new(self.connection())
    }

    /// Reports.
    pub fn reports(&self) -> ReportServiceClient<Connection> {
        ReportServiceClient::new(self.connection())
    }

    /// How synchronisation stands.
    pub fn diagnostics(&self) -> DiagnosticsServiceClient<Connection> {
        DiagnosticsServiceClient::new(self.connection())
    }

    /// What satellites call on the primary.
    pub fn sync(&self) -> SyncServiceClient<Connection> {
        SyncServiceClient::new(self.connection())
    }

    /// The bare connection, for services that are not ours.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }
}

/// The result of a call, as it is used: the answer, or the refusal that was expected.
pub trait Called<T> {
    /// What was answered; else the refusal in one readable line: reason, message and every wrong field.
    fn answer(self) -> Outcome<T>;
    /// How it was refused; an error if it was not.
    fn refusal(self) -> Outcome<Refusal>;
}

impl<T> Called<T> for Result<Response<T>, Status> {
    fn answer(self) -> Outcome<T> {
        match self {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(in_words(&status).into()),
        }
    }

    fn refusal(self) -> Outcome<Refusal> {
        match self {
            Ok(_) => Err("the call was not refused".into()),
            Err(status) => Ok(from_status(&status)),
        }
    }
}

/// A status in one line.
pub fn in_words(status: &Status) -> String {
    // The connector's own words say more than "transport error".
    if let Some(fault) = fault_in(status) {
        return format!("{}: {}", fault.reason().0, fault.message());
    }
    let refusal = from_status(status);
    let fields = refusal
        .violations
        .iter()
        .map(|violation| format!(" [{}: {}]", violation.field, violation.description));
    format!(
        "{}: {}{}",
        refusal.reason,
        refusal.message,
        fields.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use supplysync_api::fault::to_status;
    use supplysync_model::{Fault, FaultCode, Reason};

    use super::*;

    #[test]
    fn a_refusal_is_one_readable_line() {
        let fault = Fault::new(
            FaultCode::FailedPrecondition,
            Reason::STOCK_EXPIRED,
            "batch B-77 has expired",
        );
        let called: Result<Response<()>, Status> = Err(to_status(&fault));
        assert_eq!(
            called.answer().unwrap_err().to_string(),
            "STOCK_EXPIRED: batch B-77 has expired"
        );
        let called: Result<Response<()>, Status> = Err(to_status(&Fault::field("packs", "is missing")));
        let refusal = called.refusal().unwrap();
        assert_eq!(refusal.violations[0].field, "packs");
        assert!(Ok(Response::new(())).refusal().is_err());
    }
}
