//! The authorisation code: right, wrong, too often wrong; tokens and their end.

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use secrecy::SecretString;
use supplysync_model::{Fault, Reason};

use super::site::{TestSite, caller};
use crate::command::authorisation::{CODE_HASH, Unlocked, lock, require_unlocked, unlock};

async fn site() -> TestSite {
    let site = TestSite::primary().await;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(b"ABCD-2345", &[7; 16])
        .unwrap();
    let hash = hash.to_string().into_bytes();
    site.store
        .write("code", move |tx| {
            let hash = hash.clone();
            Box::pin(async move { tx.set_preference(CODE_HASH, hash).await })
        })
        .await
        .unwrap();
    site
}

async fn try_code(site: &TestSite, code: &str) -> Result<Unlocked, Fault> {
    unlock(&site.store, code.into(), caller(), site.random.as_ref()).await
}

async fn use_token(site: &TestSite, token: Option<SecretString>) -> Result<(), Fault> {
    site.store
        .write("use", move |tx| {
            let token = token.clone();
            Box::pin(async move { require_unlocked(tx, token.as_ref()).await })
        })
        .await
}

#[tokio::test]
async fn a_token_unlocks_for_ten_minutes_or_until_locked() {
    let site = site().await;
    assert_eq!(
        use_token(&site, None).await.unwrap_err().reason(),
        Reason::PREFERENCES_LOCKED
    );
    let unlocked = try_code(&site, "ABCD-2345").await.unwrap();
    use_token(&site, Some(unlocked.token.clone())).await.unwrap();
    site.forward(600_000);
    let late = use_token(&site, Some(unlocked.token)).await.unwrap_err();
    assert_eq!(late.reason(), Reason::PREFERENCES_LOCKED);
    let unlocked = try_code(&site, "ABCD-2345").await.unwrap();
    lock(&site.store, unlocked.token.clone(), caller()).await.unwrap();
    assert!(use_token(&site, Some(unlocked.token)).await.is_err());
}

#[tokio::test]
async fn five_wrong_codes_lock_even_the_right_one_out() {
    let site = site().await;
    for _ in 0..5 {
        let wrong = try_code(&site, "WRONG").await.unwrap_err();
        assert_eq!(wrong.reason(), Reason::WRONG_AUTHORISATION_CODE);
    }
    let locked_out = try_code(&site, "ABCD-2345").await.unwrap_err();
    assert_eq!(locked_out.reason(), Reason::UNLOCK_LOCKED_OUT);
    site.forward(60_000);
    try_code(&site, "ABCD-2345").await.unwrap();
}
