//! User name and password: hashed with argon2id, checked with it once per credential, then compared in constant time.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use supplysync_model::{Clock, Fault, FaultCode, Random, Reason, SyncId};
use tokio::sync::Semaphore;

use crate::throttle::{Key, Throttle};

/// The longest secret that is hashed.
const MAX_SECRET_BYTES: usize = 1_024;

/// Hashes a password or code with argon2id, for storage (PHC string). Takes about 20 ms and 19 MiB: init and changes only.
pub fn hash_secret(secret: &SecretString, random: &dyn Random) -> Result<String, Fault> {
    let bytes = secret.expose_secret().as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_SECRET_BYTES {
        return Err(Fault::field("secret", "must be 1 to 1024 bytes long"));
    }
    let hash = Argon2::default()
        .hash_password_with_salt(bytes, &random.bytes16())
        .map_err(|error| Fault::internal(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `secret` is the one that `hash` was made of. Runs on a blocking thread.
pub async fn secret_matches(hash: &str, secret: &SecretString) -> Result<bool, Fault> {
    let (hash, secret) = (hash.to_owned(), secret.clone());
    let compared = tokio::task::spawn_blocking(move || matches(&hash, &secret));
    compared.await.map_err(Fault::internal)?
}

fn matches(hash: &str, secret: &SecretString) -> Result<bool, Fault> {
    let bytes = secret.expose_secret().as_bytes();
    if bytes.len() > MAX_SECRET_BYTES {
        return Ok(false);
    }
    let hash = PasswordHash::new(hash).map_err(|error| Fault::internal(format!("stored secret: {error}")))?;
    match Argon2::default().verify_password(bytes, &hash) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(Fault::internal(format!("stored secret: {error}"))),
    }
}

/// The refusal of a site whose identity does not hold: the same words whatever was wrong.
pub fn identity_refused() -> Fault {
    Fault::new(
        FaultCode::Unauthenticated,
        Reason::IDENTITY_REFUSED,
        "certificate, Sync ID, user name and password are not what the primary expects of this site; check them there and here",
    )
}

/// A user name, and the hash ([`hash_secret`]) of the password that goes with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user name.
    pub user_name: String,
    /// Of the password; PHC text.
    pub password_hash: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("user_name", &self.user_name)
            .finish_non_exhaustive()
    }
}

/// Which of the credentials that pass somebody has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The first.
    Present,
    /// One from before a change.
    Previous,
}

/// What is accepted now, the present one first, and fingerprints of what was verified against just that.
struct Accepted {
    credentials: Arc<[Credential]>,
    verified: Vec<([u8; 32], Standing)>,
}

/// Checks the credential that every site shows the primary. While a change is under way there are two that pass.
pub struct CredentialVerifier {
    /// Key of the fingerprint by which a verified credential is known again; of this process only.
    key: [u8; 32],
    accepted: Mutex<Accepted>,
    throttle: Mutex<Throttle>,
    /// One argon2 at a time, and none for who must wait.
    turn: Semaphore,
    hashed: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl CredentialVerifier {
    /// A verifier of this user name and of the password that `password_hash` ([`hash_secret`]) was made of.
    pub fn new(
        user_name: impl Into<String>,
        password_hash: impl Into<String>,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> CredentialVerifier {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&random.bytes16());
        key[16..].copy_from_slice(&random.bytes16());
        CredentialVerifier {
            key,
            accepted: Mutex::new(Accepted {
                credentials: Arc::new([Credential {
                    user_name: user_name.into(),
                    password_hash: password_hash.into(),
                }]),
                verified: Vec::new(),
            }),
            throttle: Mutex::default(),
            turn: Semaphore::new(1),
            hashed: AtomicU64::new(0),
            clock,
        }
    }

    /// From now on these pass and no others, the present one first; sessions that are open stay so.
    pub fn accept(&self, credentials: Vec<Credential>) {
        *lock(&self.accepted) = Accepted {
            credentials: credentials.into(),
            verified: Vec::new(),
        };
    }

    /// Passes iff both are right, and says of which credential. `IDENTITY_REFUSED` otherwise, in words that don't say which was wrong;
    /// `RATE_LIMITED` while `site` at `address` (with or without a port) has failed too often.
    pub async fn verify(
        &self,
        site: SyncId,
        address: &str,
        user_name: &str,
        password: SecretString,
    ) -> Result<Standing, Fault> {
        let key = (site, ip_of(address));
        self.admit(&key)?;
        let shown = self.fingerprint(user_name, &password);
        if let Some(standing) = self.known(&shown) {
            return Ok(standing);
        }
        let _turn = self.turn.acquire().await.map_err(Fault::internal)?;
        // Others of the same key may have failed while this one waited, or one with the same credential got through.
        self.admit(&key)?;
        if let Some(standing) = self.known(&shown) {
            return Ok(standing);
        }
        let credentials = Arc::clone(&lock(&self.accepted).credentials);
        let mut right = None;
        // All of them, whichever is right: how long it takes says nothing.
        for (place, credential) in credentials.iter().enumerate() {
            self.hashed.fetch_add(1, Ordering::Relaxed);
            let password_right = secret_matches(&credential.password_hash, &password).await?;
            let name_right = bool::from(user_name.as_bytes().ct_eq(credential.user_name.as_bytes()));
            let standing = match place {
                0 => Standing::Present,
                _ => Standing::Previous,
            };
            right = right.or((password_right & name_right).then_some(standing));
        }
        if let Some(standing) = right {
            let mut accepted = lock(&self.accepted);
            // Others may be accepted by now: what was verified against these says nothing about those.
            if Arc::ptr_eq(&accepted.credentials, &credentials) {
                accepted.verified.push((shown, standing));
            }
            drop(accepted);
            lock(&self.throttle).passed(&key);
            Ok(standing)
        } else {
            lock(&self.throttle).failed(key, self.clock.now());
            Err(identity_refused())
        }
    }

    /// How often argon2 has run, for metrics.
    pub fn times_hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    fn admit(&self, key: &Key) -> Result<(), Fault> {
        lock(&self.throttle).check(key, self.clock.now())
    }

    fn known(&self, shown: &[u8; 32]) -> Option<Standing> {
        let accepted = lock(&self.accepted);
        let mut found = None;
        for (verified, standing) in &accepted.verified {
            found = found.or(bool::from(verified.ct_eq(shown)).then_some(*standing));
        }
        found
    }

    fn fingerprint(&self, user_name: &str, password: &SecretString) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // The length first, so that no two pairs run together.
        hasher.update(&(user_name.len() as u64).to_le_bytes());
        hasher.update(user_name.as_bytes());
        hasher.update(password.expose_secret().as_bytes());
        *hasher.finalize().as_bytes()
    }
}

impl fmt::Debug for CredentialVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = Arc::clone(&lock(&self.accepted).credentials);
        f.debug_struct("CredentialVerifier")
            .field("credentials", &credentials)
            .finish_non_exhaustive()
    }
}

fn ip_of(address: &str) -> Option<IpAddr> {
    let with_port = address.parse::<SocketAddr>().map(|address| address.ip());
    with_port.or_else(|_| address.parse()).ok()
}

/// What is behind these locks is never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use supplysync_model::Timestamp;

    use super::*;

    struct Fixed;
    impl Random for Fixed {
        fn bytes16(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    #[derive(Default)]
    struct Hands(AtomicI64);
    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::SeqCst))
        }
    }

    fn verifier() -> (CredentialVerifier, Arc<Hands>) {
        let clock = Arc::new(Hands::default());
        let hash = hash_secret(&"correct horse".into(), &Fixed).unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        (
            CredentialVerifier::new("supplysync", hash, clock.clone(), &Fixed),
            clock,
        )
    }

    async fn attempt(verifier: &CredentialVerifier, user: &str, password: &str) -> Result<Standing, Fault> {
        verifier
            .verify(SyncId::PRIMARY, "10.0.0.7:4711", user, password.into())
            .await
    }

    #[tokio::test]
    async fn argon2_runs_once_per_credential() {
        let (verifier, _) = verifier();
        for _ in 0..50 {
            attempt(&verifier, "supplysync", "correct horse").await.unwrap();
        }
        assert_eq!(verifier.times_hashed(), 1);
        attempt(&verifier, "supplysync", "wrong").await.unwrap_err();
        attempt(&verifier, "supplysync", "correct horse").await.unwrap();
        assert_eq!(verifier.times_hashed(), 2);
    }

    #[tokio::test]
    async fn two_credentials_pass_until_the_old_one_is_retired() {
        let (verifier, _) = verifier();
        attempt(&verifier, "supplysync", "correct horse").await.unwrap();
        let credential = |password: &str| Credential {
            user_name: "supplysync".into(),
            password_hash: hash_secret(&password.into(), &Fixed).unwrap(),
        };
        let (old, new) = (credential("correct horse"), credential("battery staple"));
        verifier.accept(vec![new.clone(), old]);
        for _ in 0..3 {
            attempt(&verifier, "supplysync", "correct horse").await.unwrap();
            attempt(&verifier, "supplysync", "battery staple").await.unwrap();
        }
        assert_eq!(verifier.times_hashed(), 1 + 2 * 2, "once per credential shown");
        verifier.accept(vec![new]);
        let refused = attempt(&verifier, "supplysync", "correct horse").await;
        assert_eq!(refused.unwrap_err().reason(), Reason::IDENTITY_REFUSED);
        attempt(&verifier, "supplysync", "battery staple").await.unwrap();
    }

    #[tokio::test]
    async fn every_refusal_has_the_same_words_and_costs_the_same() {
        let (verifier, _) = verifier();
        let mut words = Vec::new();
        for (user, password) in [
            ("nobody", "correct horse"),
            ("supplysync", "wrong"),
            ("supplysynccorrect ", "horse"),
        ] {
            let fault = attempt(&verifier, user, password).await.unwrap_err();
            assert_eq!(fault.reason(), Reason::IDENTITY_REFUSED);
            words.push(fault.message().to_owned());
        }
        words.dedup();
        assert_eq!(words.len(), 1);
        assert_eq!(
            verifier.times_hashed(),
            3,
            "a wrong user name takes the same work"
        );
    }

    #[tokio::test]
    async fn failures_are_slowed_down_for_that_site_and_address_only() {
        let (verifier, clock) = verifier();
        for _ in 0..4 {
            attempt(&verifier, "supplysync", "wrong").await.unwrap_err();
        }
        let work = verifier.times_hashed();
        let limited = attempt(&verifier, "supplysync", "correct horse")
            .await
            .unwrap_err();
        assert_eq!(limited.reason(), Reason::RATE_LIMITED);
        assert_eq!(verifier.times_hashed(), work, "no work for who must wait");
        let elsewhere = verifier.verify(
            SyncId::PRIMARY,
            "10.0.0.8:1",
            "supplysync",
            "correct horse".into(),
        );
        elsewhere.await.unwrap();
        clock.0.store(2_000, Ordering::SeqCst);
        attempt(&verifier, "supplysync", "correct horse").await.unwrap();
    }

    #[test]
    fn debug_shows_no_secret() {
        let (verifier, _) = verifier();
        assert!(!format!("{verifier:?}").contains("argon2"));
    }
}
