//! Unlocking the preferences for one command: the authorisation code from a file or a person, a token that is sent with
//! the command, and the lock again afterwards, whether the command worked or not.

use std::path::PathBuf;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use supplysync_api::v1::preference_service_client::PreferenceServiceClient;
use supplysync_api::v1::site_service_client::SiteServiceClient;
use supplysync_api::v1::{LockRequest, UnlockRequest};
use supplysync_model::Fault;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::Operator;
use supplysync_node::cli::secret;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// The metadata that carries the token.
const UNLOCK_METADATA: &str = "x-supplysync-unlock";

/// Where the authorisation code is.
#[derive(Debug, Args)]
pub struct CodeFlags {
    /// A file with the authorisation code on its first line [default: ask]
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

/// Makes one call of `SiteService` with the preferences unlocked.
pub async fn with_unlocked<T, R>(
    operator: &Operator,
    code: &CodeFlags,
    request: T,
    call: impl AsyncFnOnce(SiteServiceClient<Channel>, Request<T>) -> Result<Response<R>, Status>,
) -> Result<R, Problem> {
    let code = secret::from_file_or_ask("authorisation code", code.code_file.as_deref(), "--code-file")?;
    let channel = operator.connect().await?;
    let mut preferences = PreferenceServiceClient::new(channel.clone());
    let unlock = UnlockRequest {
        authorisation_code: code.expose_secret().to_owned(),
    };
    let token = SecretString::from(preferences.unlock(unlock).await?.into_inner().token);

    let mut request = Request::new(request);
    request.metadata_mut().insert(UNLOCK_METADATA, metadata(&token)?);
    let outcome = call(SiteServiceClient::new(channel), request).await;
    let mut lock = Request::new(LockRequest {
        token: token.expose_secret().to_owned(),
    });
    lock.metadata_mut().insert(UNLOCK_METADATA, metadata(&token)?);
    let locked = preferences.lock(lock).await;
    // What the command itself says matters more than a lock that will end by itself.
    let answer = outcome?.into_inner();
    locked?;
    Ok(answer)
}

fn metadata(token: &SecretString) -> Result<MetadataValue<Ascii>, Problem> {
    let mut value: MetadataValue<Ascii> = token.expose_secret().parse().map_err(Fault::internal)?;
    value.set_sensitive(true);
    Ok(value)
}
