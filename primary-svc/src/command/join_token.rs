//! Join tokens and revocations as commands: making a token, letting a machine in for one, shutting a site or an operator
//! out.

use secrecy::ExposeSecret;
use supplysync_model::{Fault, FaultCode, Reason, RevokedOperator, Site, SiteSettings, SyncId, Timestamp};
use supplysync_net::JoinToken;
use supplysync_net::join_token::{hash_matches, hash_of_secret};
use supplysync_node::command::caller::Caller;
use supplysync_node::command::preferences::Authority;
use supplysync_record_codec::RecordBody;
use supplysync_store::{AuditEntry, JoinTokenRow, Revocation, Store as RecordStore, WriteTx};

use super::site::{audit, find_site, put, require_settings, require_site};

/// Keeps a new token for a site that is registered; the unused one before is void. Until when it holds.
pub async fn create_token(
    store: &RecordStore,
    token: &JoinToken,
    life_ms: u64,
    authority: Authority,
) -> Result<Timestamp, Fault> {
    let (id, site) = (token.id.to_vec(), token.site);
    let secret_hash = hash_of_secret(token.secret.expose_secret()).to_vec();
    store
        .write("create join token", move |tx| {
            let (id, secret_hash, authority) = (id.clone(), secret_hash.clone(), authority.clone());
            Box::pin(async move {
                authority.require(tx).await?;
                refuse_primary(site)?;
                require_site(tx, site).await?;
                let now = tx.now();
                let expires_at = Timestamp(now.0.saturating_add_unsigned(life_ms));
                let said = format!("join token {} until {expires_at}", name_of(&id));
                tx.put_join_token(JoinTokenRow {
                    id,
                    site,
                    secret_hash,
                    created_at: now,
                    expires_at,
                    used: None,
                })
                .await?;
                audit(
                    tx,
                    authority,
                    "sites.join_token",
                    site.to_string(),
                    String::new(),
                    said,
                )
                .await?;
                Ok(expires_at)
            })
        })
        .await
}

/// Shuts a satellite out: what was issued to it until now is refused, and its tokens are void. From when.
pub async fn revoke_site(
    store: &RecordStore,
    site: SyncId,
    authority: Authority,
) -> Result<Timestamp, Fault> {
    store
        .write("revoke site", move |tx| {
            let authority = authority.clone();
            Box::pin(async move {
                authority.require(tx).await?;
                refuse_primary(site)?;
                require_site(tx, site).await?;
                let revoked_at = shut_out(tx, site).await?;
                let said = format!("certificates issued until {revoked_at} are refused");
                audit(
                    tx,
                    authority,
                    "sites.revoke",
                    site.to_string(),
                    String::new(),
                    said,
                )
                .await?;
                Ok(revoked_at)
            })
        })
        .await
}

/// What the principal of an operator begins with, whatever the role.
pub const OPERATOR: &str = "operator/";

/// Shuts an operator out on every site: what was issued under this name until now is refused, whatever the role. From
/// when.
pub async fn revoke_operator(
    store: &RecordStore,
    name: String,
    authority: Authority,
) -> Result<Timestamp, Fault> {
    store
        .write("revoke operator", move |tx| {
            let (name, authority) = (name.clone(), authority.clone());
            Box::pin(async move {
                authority.require(tx).await?;
                let (principal, revoked_at) = (format!("{OPERATOR}{name}"), tx.now());
                tx.revoke(Revocation {
                    principal: principal.clone(),
                    revoked_at,
                })
                .await?;
                // Satellites read it in their feed.
                let told = RevokedOperator { name, revoked_at };
                put(tx, vec![RecordBody::RevokedOperator(told)]).await?;
                let said = format!("certificates issued until {revoked_at} are refused");
                audit(tx, authority, "certs.revoke", principal, String::new(), said).await?;
                Ok(revoked_at)
            })
        })
        .await
}

/// Inside a transaction: refuses what a site has been issued until now, and voids its tokens. Who calls it makes it hold
/// at once with [`crate::enrolment::ShutOut::refresh`] after the commit.
pub async fn shut_out(tx: &mut WriteTx, site: SyncId) -> Result<Timestamp, Fault> {
    let revoked_at = tx.now();
    tx.revoke(Revocation {
        principal: format!("site/{site}"),
        revoked_at,
    })
    .await?;
    tx.forget_join_tokens(site).await?;
    Ok(revoked_at)
}

/// A machine at the enrolment port.
#[derive(Clone)]
pub struct Applicant {
    /// The token's public part.
    pub token_id: Vec<u8>,
    /// The hash of its key: the same machine asks with the same.
    pub key: Vec<u8>,
    /// Where it calls from.
    pub from: String,
}

/// Who was let in, and what it begins with.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The site.
    pub site: Site,
    /// Its settings.
    pub settings: SiteSettings,
}

/// Lets a machine in for a token, once. Refusals of tokens whose secret was right are in the audit log.
pub async fn admit(store: &RecordStore, applicant: Applicant, secret: Vec<u8>) -> Result<Admitted, Fault> {
    let shown = hash_of_secret(&secret);
    let admitted = store.write("enrol", move |tx| {
        let applicant = applicant.clone();
        Box::pin(async move {
            let held = tx.join_token(&applicant.token_id).await?;
            let kept = held.as_ref().map_or(&[0; 32][..], |held| &held.secret_hash);
            let right = hash_matches(kept, &shown);
            let held = held.filter(|_| right).ok_or_else(unknown)?;
            // Inside: what is refused is written down, so the transaction is committed.
            match judge(&held, &applicant, tx.now()) {
                Ok(()) => enter(tx, &held, &applicant).await.map(Ok),
                Err(refusal) => {
                    let said = format!("refused: {}", refusal.reason().0);
                    note(tx, &held, &applicant, said).await?;
                    Ok(Err(refusal))
                }
            }
        })
    });
    admitted.await?
}

fn judge(held: &JoinTokenRow, applicant: &Applicant, now: Timestamp) -> Result<(), Fault> {
    let refuse = |reason, why: String| Err(Fault::new(FaultCode::FailedPrecondition, reason, why));
    let fresh = "ask the administrator for a fresh one (`sites token`)";
    if let Some((at, key)) = &held.used
        && *key != applicant.key
    {
        let why = format!("the join token let another machine in at {at}; {fresh}");
        return refuse(Reason::TOKEN_USED, why);
    }
    if held.expires_at <= now {
        let why = format!("the join token expired at {}; {fresh}", held.expires_at);
        return refuse(Reason::TOKEN_EXPIRED, why);
    }
    Ok(())
}

async fn enter(tx: &mut WriteTx, held: &JoinTokenRow, applicant: &Applicant) -> Result<Admitted, Fault> {
    let site = require_site(tx, held.site).await?;
    let settings = require_settings(tx, held.site).await?;
    if held.used.is_none() {
        tx.use_join_token(&held.id, applicant.key.clone()).await?;
    }
    let again = match held.used {
        Some(_) => " again, for the same key",
        None => "",
    };
    note(tx, held, applicant, format!("certificate issued{again}")).await?;
    Ok(Admitted { site, settings })
}

/// Notes a renewal.
pub async fn note_renewal(
    store: &RecordStore,
    caller: Caller,
    site: SyncId,
    until: Timestamp,
) -> Result<(), Fault> {
    store
        .write("note a renewal", move |tx| {
            let caller = caller.clone();
            Box::pin(async move {
                if find_site(tx, site).await?.is_none() {
                    return Err(Fault::new(
                        FaultCode::FailedPrecondition,
                        Reason::SITE_NOT_FOUND,
                        format!(
                            "site {site} is not registered here any more: its certificate is not renewed"
                        ),
                    ));
                }
                let at = tx.now();
                tx.audit(AuditEntry {
                    at,
                    principal: caller.principal,
                    from: caller.from,
                    action: "enrolment.renew".to_owned(),
                    subject: site.to_string(),
                    old: format!("certificate until {until}"),
                    new: "certificate issued".to_owned(),
                })
                .await
            })
        })
        .await
}

async fn note(
    tx: &mut WriteTx,
    held: &JoinTokenRow,
    applicant: &Applicant,
    said: String,
) -> Result<(), Fault> {
    let at = tx.now();
    tx.audit(AuditEntry {
        at,
        principal: format!("join token {}", name_of(&held.id)),
        from: applicant.from.clone(),
        action: "enrolment.enrol".to_owned(),
        subject: held.site.to_string(),
        old: String::new(),
        new: said,
    })
    .await
}

/// One and the same for a token that was never made and a secret that is wrong.
fn unknown() -> Fault {
    Fault::new(
        FaultCode::Unauthenticated,
        Reason::TOKEN_UNKNOWN,
        "the primary does not know this join token: it was replaced by a fresh one, made void, or is of another primary; \
         ask the administrator for a fresh one (`sites token`)",
    )
}

fn refuse_primary(site: SyncId) -> Result<(), Fault> {
    if !site.is_primary() {
        return Ok(());
    }
    Err(Fault::new(
        FaultCode::InvalidArgument,
        Reason::SYNC_ID_OUT_OF_RANGE,
        "Sync ID 1 is the primary itself, which joins nobody and can't be shut out",
    ))
}

/// As the audit log calls a token.
fn name_of(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
