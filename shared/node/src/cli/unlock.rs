//! Unlocking the preferences from the command line: `prefs unlock` keeps its token in a file that the commands after it
//! find, and a command that finds none unlocks for itself alone, with the code from a file or a person, and locks again.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use supplysync_api::v1::preference_service_client::PreferenceServiceClient;
use supplysync_api::v1::{LockRequest, UnlockRequest, UnlockResponse};
use supplysync_model::{Fault, Reason};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::problem::Problem;
use super::run::Operator;
use super::secret;
use crate::command::authorisation::UNLOCK_METADATA;

/// Where the authorisation code is.
#[derive(Debug, Clone, Args)]
pub struct CodeFlags {
    /// A file with the authorisation code on its first line [default: the unlocking of `prefs unlock`, else ask]
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
}

impl CodeFlags {
    /// The code, from the file or a person.
    pub fn code(&self) -> Result<SecretString, Problem> {
        secret::from_file_or_ask("authorisation code", self.code_file.as_deref(), "--code-file")
    }
}

/// An unlocking as it is kept between commands.
#[derive(Serialize, Deserialize)]
struct KeptToken {
    /// The server that gave it: no other is sent it.
    server: String,
    token: String,
}

/// Unlocks, and keeps the token for the commands that follow. Says until when it holds.
pub async fn unlock_and_keep(operator: &Operator, code: &CodeFlags) -> Result<String, Problem> {
    let answer = unlock(operator.connect().await?, code).await?;
    let kept = KeptToken {
        server: operator.server().to_owned(),
        token: answer.token,
    };
    let path = operator.token_file();
    write(&path, &kept).map_err(|error| Problem::file("keep the unlocking in", &path, &error))?;
    Ok(answer.expire_time)
}

/// Ends the unlocking that is kept; `false` if there was none, or it had ended by itself.
pub async fn lock_and_forget(operator: &Operator) -> Result<bool, Problem> {
    let Some(token) = kept(operator) else {
        return Ok(false);
    };
    let locked = lock(operator.connect().await?, &token).await;
    forget(operator);
    match locked {
        Ok(()) => Ok(true),
        Err(status) if is_locked(&status) => Ok(false),
        Err(status) => Err(status.into()),
    }
}

/// Makes one call with the preferences unlocked.
pub async fn with_unlocked<T: Clone, R>(
    operator: &Operator,
    code: &CodeFlags,
    message: T,
    call: impl AsyncFn(Channel, Request<T>) -> Result<Response<R>, Status>,
) -> Result<R, Problem> {
    let channel = operator.connect().await?;
    // A code that is named is used, whatever is kept.
    if code.code_file.is_none()
        && let Some(token) = kept(operator)
    {
        match call(channel.clone(), unlocked(message.clone(), &token)?).await {
            Err(status) if is_locked(&status) => forget(operator),
            outcome => return Ok(outcome?.into_inner()),
        }
    }
    let token = SecretString::from(unlock(channel.clone(), code).await?.token);
    let outcome = call(channel.clone(), unlocked(message, &token)?).await;
    let locked = lock(channel, &token).await;
    // What the command itself says matters more than a lock that will end by itself.
    let answer = outcome?.into_inner();
    match locked {
        // The command itself may have ended every unlocking.
        Err(status) if !is_locked(&status) => Err(status.into()),
        _ => Ok(answer),
    }
}

async fn unlock(channel: Channel, code: &CodeFlags) -> Result<UnlockResponse, Problem> {
    let request = UnlockRequest {
        authorisation_code: code.code()?.expose_secret().to_owned(),
    };
    let answer = PreferenceServiceClient::new(channel).unlock(request).await?;
    Ok(answer.into_inner())
}

async fn lock(channel: Channel, token: &SecretString) -> Result<(), Status> {
    let request = LockRequest {
        token: token.expose_secret().to_owned(),
    };
    PreferenceServiceClient::new(channel)
        .lock(request)
        .await
        .map(drop)
}

fn unlocked<T>(message: T, token: &SecretString) -> Result<Request<T>, Problem> {
    let mut value: MetadataValue<Ascii> = token.expose_secret().parse().map_err(Fault::internal)?;
    value.set_sensitive(true);
    let mut request = Request::new(message);
    request.metadata_mut().insert(UNLOCK_METADATA, value);
    Ok(request)
}

fn is_locked(status: &Status) -> bool {
    supplysync_api::fault::from_status(status).reason == Reason::PREFERENCES_LOCKED.0
}

/// The token that is kept for this server. A file that can't be read is as good as none.
fn kept(operator: &Operator) -> Option<SecretString> {
    let text = std::fs::read(operator.token_file()).ok()?;
    let kept: KeptToken = serde_json::from_slice(&text).ok()?;
    (kept.server == operator.server()).then(|| SecretString::from(kept.token))
}

fn forget(operator: &Operator) {
    // One that stays is refused by the server all the same.
    let _ = std::fs::remove_file(operator.token_file());
}

/// For its owner only, whoever could read a file that was there before.
fn write(path: &Path, kept: &KeptToken) -> std::io::Result<()> {
    let text = serde_json::to_vec(kept)?;
    let staged = path.with_extension("unlock-new");
    let _ = std::fs::remove_file(&staged);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&staged)?;
    file.write_all(&text)?;
    std::fs::rename(&staged, path)
}
