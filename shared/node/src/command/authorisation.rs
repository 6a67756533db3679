//! The authorisation code that unlocks preferences and sites, and the tokens it gives for ten minutes.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use supplysync_model::{Fault, FaultCode, Random, Reason, Timestamp};
use supplysync_store::{AuditEntry, Store, WriteTx};

use super::caller::Caller;
use super::lockout::Lockout;
use super::unlock_tokens::UnlockTokens;

/// The metadata key that carries the token.
pub const UNLOCK_METADATA: &str = "x-supplysync-unlock";
/// The preference that holds the code's argon2 hash (PHC text), written by `init`.
pub const CODE_HASH: &str = "authorisation_code_hash";

const LOCKOUT: &str = "unlock_lockout";
const TOKENS: &str = "unlock_tokens";
/// A right code's reward.
#[derive(Debug)]
pub struct Unlocked {
    /// To be sent as [`UNLOCK_METADATA`].
    pub token: SecretString,
    /// When it ends.
    pub until: Timestamp,
}

/// Gives a token for the right code. Every attempt is in the audit log.
pub async fn unlock(
    store: &Store,
    code: SecretString,
    caller: Caller,
    random: &dyn Random,
) -> Result<Unlocked, Fault> {
    let token = u128::from_be_bytes(random.bytes16());
    let token = SecretString::from(format!("{token:032x}"));
    let stored = match begin_attempt(store, &caller).await? {
        Ok(stored) => stored,
        Err(refusal) => return Err(refusal),
    };
    if !verify_code(code, stored).await? {
        note(store, caller, "unlock refused: wrong code").await?;
        return Err(Fault::new(
            FaultCode::PermissionDenied,
            Reason::WRONG_AUTHORISATION_CODE,
            "the authorisation code is wrong",
        ));
    }
    store
        .write("unlock", move |tx| {
            let (caller, token) = (caller.clone(), token.clone());
            Box::pin(async move {
                let now = tx.now();
                save(tx, LOCKOUT, &Lockout::default()).await?;
                let mut tokens: UnlockTokens = load(tx, TOKENS).await?;
                let until = tokens.add(token.expose_secret(), now);
                save(tx, TOKENS, &tokens).await?;
                audit(tx, &caller, "unlock").await?;
                Ok(Unlocked { token, until })
            })
        })
        .await
}

/// Ends a token.
pub async fn lock(store: &Store, token: SecretString, caller: Caller) -> Result<(), Fault> {
    store
        .write("lock", move |tx| {
            let (token, caller) = (token.clone(), caller.clone());
            Box::pin(async move {
                let now = tx.now();
                let mut tokens: UnlockTokens = load(tx, TOKENS).await?;
                if !tokens.remove(token.expose_secret(), now) {
                    return Err(locked());
                }
                save(tx, TOKENS, &tokens).await?;
                audit(tx, &caller, "lock").await
            })
        })
        .await
}

/// Refuses unless the token is valid now: to be asked inside the transaction that makes the change.
pub async fn require_unlocked(tx: &mut WriteTx, token: Option<&SecretString>) -> Result<(), Fault> {
    let now = tx.now();
    let tokens: UnlockTokens = load(tx, TOKENS).await?;
    match token {
        Some(token) if tokens.holds(token.expose_secret(), now) => Ok(()),
        _ => Err(locked()),
    }
}

/// Counts the attempt and gives the stored hash. The refusal is the inner result, so that its audit entry stays.
async fn begin_attempt(store: &Store, caller: &Caller) -> Result<Result<String, Fault>, Fault> {
    let caller = caller.clone();
    store
        .write("count an unlock attempt", move |tx| {
            let caller = caller.clone();
            Box::pin(async move {
                let now = tx.now();
                let lockout: Lockout = load(tx, LOCKOUT).await?;
                let counted = match lockout.attempt(now) {
                    Ok(counted) => counted,
                    Err(refusal) => {
                        audit(tx, &caller, "unlock refused: locked out").await?;
                        return Ok(Err(refusal));
                    }
                };
                save(tx, LOCKOUT, &counted).await?;
                let stored = tx.preference(CODE_HASH).await?.ok_or_else(no_code)?;
                String::from_utf8(stored).map(Ok).map_err(Fault::internal)
            })
        })
        .await
}

fn locked() -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::PREFERENCES_LOCKED,
        format!(
            "the preferences are locked: call Unlock with the authorisation code and send its token as {UNLOCK_METADATA}"
        ),
    )
}

fn no_code() -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::PREFERENCES_LOCKED,
        "this site has no authorisation code: `init` makes one",
    )
}

async fn note(store: &Store, caller: Caller, action: &'static str) -> Result<(), Fault> {
    store
        .write("note in the audit log", move |tx| {
            let caller = caller.clone();
            Box::pin(async move { audit(tx, &caller, action).await })
        })
        .await
}

async fn verify_code(code: SecretString, stored: String) -> Result<bool, Fault> {
    let verifying = move || {
        let hash = PasswordHash::new(&stored).map_err(|error| Fault::internal(error.to_string()))?;
        let typed = code.expose_secret().trim();
        Ok(Argon2::default().verify_password(typed.as_bytes(), &hash).is_ok())
    };
    tokio::task::spawn_blocking(verifying)
        .await
        .map_err(Fault::internal)?
}

async fn load<T: DeserializeOwned + Default>(tx: &mut WriteTx, key: &'static str) -> Result<T, Fault> {
    match tx.preference(key).await? {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(Fault::internal),
        None => Ok(T::default()),
    }
}

async fn save<T: Serialize>(tx: &mut WriteTx, key: &'static str, value: &T) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(value).map_err(Fault::internal)?;
    tx.set_preference(key, bytes).await
}

async fn audit(tx: &mut WriteTx, caller: &Caller, action: &str) -> Result<(), Fault> {
    let at = tx.now();
    tx.audit(AuditEntry {
        at,
        principal: caller.principal.clone(),
        from: caller.from.clone(),
        action: action.to_owned(),
        subject: "authorisation code".to_owned(),
        old: String::new(),
        new: String::new(),
    })
    .await
}
