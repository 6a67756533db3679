//! The authorisation code that unlocks preferences and sites, and the tokens it gives for ten minutes.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use supplysync_model::{Fault, FaultCode, Random, Reason, Timestamp};
use supplysync_net::credential::{hash_secret, secret_matches};
use supplysync_store::{AuditEntry, Store, WriteTx};

use super::caller::Caller;
use super::lockout::Lockout;
use super::refusals::{Noted, RefusalsNoted};
use super::unlock_tokens::UnlockTokens;

/// The metadata key that carries the token.
pub const UNLOCK_METADATA: &str = "x-supplysync-unlock";
/// The preference that holds the code's argon2 hash (PHC text), written by `init`.
pub const CODE_HASH: &str = "authorisation_code_hash";

/// The fewest characters of a code.
const SHORTEST_CODE: usize = 6;
/// The most.
const LONGEST_CODE: usize = 100;

const LOCKOUT: &str = "unlock_lockout";
const TOKENS: &str = "unlock_tokens";
const REFUSALS: &str = "unlock_refusals_noted";

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
    let stored = prove(store, &code, &caller, "unlock").await?;
    store
        .write("unlock", move |tx| {
            let (caller, token, stored) = (caller.clone(), token.clone(), stored.clone());
            Box::pin(async move {
                require_unchanged(tx, &stored).await?;
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

/// Sets another code. The present one is the authority, whether or not the preferences are unlocked; every token ends.
pub async fn change_code(
    store: &Store,
    present: SecretString,
    new: SecretString,
    caller: Caller,
    random: &dyn Random,
) -> Result<(), Fault> {
    check_code(&new)?;
    let stored = prove(store, &present, &caller, "change of the code").await?;
    let hash = hash_code(&new, random)?;
    store
        .write("change the authorisation code", move |tx| {
            let (caller, stored, hash) = (caller.clone(), stored.clone(), hash.clone());
            Box::pin(async move {
                require_unchanged(tx, &stored).await?;
                tx.set_preference(CODE_HASH, hash.into_bytes()).await?;
                save(tx, LOCKOUT, &Lockout::default()).await?;
                save(tx, TOKENS, &UnlockTokens::default()).await?;
                audit(tx, &caller, "change of the code").await
            })
        })
        .await
}

/// What a code must be, whoever chose it.
pub fn check_code(code: &SecretString) -> Result<(), Fault> {
    let length = code.expose_secret().trim().chars().count();
    if (SHORTEST_CODE..=LONGEST_CODE).contains(&length) {
        return Ok(());
    }
    Err(Fault::field(
        "new_authorisation_code",
        format!("has {length} characters: {SHORTEST_CODE} to {LONGEST_CODE}"),
    ))
}

/// The hash that is kept of a code. Spaces around it are not part of it: it is dictated and copied by hand.
pub fn hash_code(code: &SecretString, random: &dyn Random) -> Result<String, Fault> {
    hash_secret(&trimmed(code), random)
}

/// Puts a refused change of what the lock guards in the audit log, which nobody can fill with them; anything else that went wrong is not its business.
pub async fn note_locked(
    store: &Store,
    caller: Caller,
    action: &'static str,
    fault: &Fault,
) -> Result<(), Fault> {
    if fault.reason() != Reason::PREFERENCES_LOCKED {
        return Ok(());
    }
    store
        .write("note a refusal", move |tx| {
            let caller = caller.clone();
            Box::pin(async move {
                let now = tx.now();
                let mut noted: RefusalsNoted = load(tx, REFUSALS).await?;
                let action = match noted.another(now) {
                    Noted::Fully => format!("{action} refused: locked"),
                    Noted::Last => {
                        format!("{action} refused: locked; further refusals of this hour are not noted")
                    }
                    Noted::Not => return Ok(()),
                };
                save(tx, REFUSALS, &noted).await?;
                audit(tx, &caller, &action).await
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

/// Gives the stored hash if the code is the one that it was made of; counts and notes the attempt if not.
async fn prove(store: &Store, code: &SecretString, caller: &Caller, what: &str) -> Result<String, Fault> {
    let stored = begin_attempt(store, caller, what).await??;
    if secret_matches(&stored, &trimmed(code)).await? {
        return Ok(stored);
    }
    note(store, caller.clone(), format!("{what} refused: wrong code")).await?;
    Err(wrong_code())
}

/// The code may have been changed while this one was being checked.
async fn require_unchanged(tx: &WriteTx, stored: &str) -> Result<(), Fault> {
    match tx.preference(CODE_HASH).await? {
        Some(now) if now == stored.as_bytes() => Ok(()),
        _ => Err(wrong_code()),
    }
}

fn trimmed(code: &SecretString) -> SecretString {
    SecretString::from(code.expose_secret().trim())
}

fn wrong_code() -> Fault {
    Fault::new(
        FaultCode::PermissionDenied,
        Reason::WRONG_AUTHORISATION_CODE,
        "the authorisation code is wrong",
    )
}

/// Counts the attempt and gives the stored hash. The refusal is the inner result, so that its audit entry stays.
async fn begin_attempt(store: &Store, caller: &Caller, what: &str) -> Result<Result<String, Fault>, Fault> {
    let (caller, refused) = (caller.clone(), format!("{what} refused: locked out"));
    store
        .write("count an unlock attempt", move |tx| {
            let (caller, refused) = (caller.clone(), refused.clone());
            Box::pin(async move {
                let now = tx.now();
                let lockout: Lockout = load(tx, LOCKOUT).await?;
                let counted = match lockout.attempt(now) {
                    Ok(counted) => counted,
                    Err(refusal) => {
                        audit(tx, &caller, &refused).await?;
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
        "this site has no authorisation code: run `init` again with the server stopped, it makes one",
    )
}

async fn note(store: &Store, caller: Caller, action: String) -> Result<(), Fault> {
    store
        .write("note in the audit log", move |tx| {
            let (caller, action) = (caller.clone(), action.clone());
            Box::pin(async move { audit(tx, &caller, &action).await })
        })
        .await
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
