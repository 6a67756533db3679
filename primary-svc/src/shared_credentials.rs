//! User name and password that another primary on the same database has changed: this one goes by them once it has notice
//! of it, within a second at the latest, and hands them out, too.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use supplysync_model::Fault;
use supplysync_net::CredentialVerifier;
use supplysync_net::credential::secret_matches;
use supplysync_store::{Notice, Store};
use tokio_util::sync::CancellationToken;

use crate::credentials::Credentials;
use crate::delivery::{Delivery, kept_password};

/// How often the database is looked at without notice.
const LOOK: Duration = Duration::from_secs(1);
/// How often the file with a new password is looked at: it is put in place just after the change.
const LOOKS_AT_FILE: u32 = 5;

/// What this primary goes by, and where others may have changed it.
pub struct SharedCredentials {
    /// The database of all of them.
    pub store: Store,
    /// Who checks what sites show.
    pub verifier: Arc<CredentialVerifier>,
    /// Who hands out what is new.
    pub delivery: Delivery,
    /// The file with the password, which all of them have.
    pub password_file: PathBuf,
    /// What was in the database last.
    pub seen: Credentials,
}

impl SharedCredentials {
    /// Follows what others change.
    pub async fn follow(mut self, stop: CancellationToken) -> Result<(), Fault> {
        let mut notices = self.store.notices();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = notices.about(Notice::Credentials) => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Err(fault) = self.look().await {
                tracing::warn!(
                    reason = fault.reason().0,
                    ?fault,
                    "can't read user name and password"
                );
            }
        }
    }

    async fn look(&mut self) -> Result<(), Fault> {
        let read = self.store.read("credentials", |tx| {
            async move { Credentials::load(tx).await }.boxed()
        });
        let found = read.await?;
        if found == self.seen {
            return Ok(());
        }
        self.verifier.accept(found.clone().accepted());
        if found.previous.is_none() {
            self.delivery.changed(&found, None);
        } else if !self.is_handed(&found).await? {
            self.hand(&found).await?;
        }
        self.seen = found;
        Ok(())
    }

    /// Whether it was this very primary that changed them.
    async fn is_handed(&self, found: &Credentials) -> Result<bool, Fault> {
        match self.delivery.handed() {
            Some(handed) => secret_matches(&found.present.password_hash, &handed.password).await,
            None => Ok(false),
        }
    }

    /// Hands out what the file holds; where it does not hold the new one, the other primary does it alone.
    async fn hand(&self, found: &Credentials) -> Result<(), Fault> {
        for _ in 0..LOOKS_AT_FILE {
            let hash = &found.present.password_hash;
            if let Some(password) = kept_password(self.password_file.clone(), hash).await? {
                self.delivery.changed(found, Some(password));
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use supplysync_model::SyncId;
    use supplysync_net::credential::{Credential, hash_secret};
    use supplysync_runtime::{SystemClock, SystemRandom};

    use super::*;
    use crate::sessions::Sessions;
    use crate::test_store::new_store;

    fn credential(password: &str) -> Credential {
        Credential {
            user_name: "supplysync".into(),
            password_hash: hash_secret(&SecretString::from(password), &SystemRandom).unwrap(),
        }
    }

    async fn keep(store: &Store, credentials: Credentials) {
        let write = store.write("credentials", move |tx| {
            let credentials = credentials.clone();
            async move { credentials.save(tx).await }.boxed()
        });
        write.await.unwrap();
    }

    #[tokio::test]
    async fn what_another_primary_changes_is_accepted_and_handed_out_here() {
        let folder = tempfile::tempdir().unwrap();
        let store = new_store(folder.path(), "a").await;
        let password_file = folder.path().join("password");
        let first = Credentials {
            present: credential("first"),
            previous: None,
        };
        keep(&store, first.clone()).await;
        let Credential {
            user_name,
            password_hash,
        } = first.present.clone();
        let verifier =
            CredentialVerifier::new(user_name, password_hash, Arc::new(SystemClock), &SystemRandom);
        let verifier = Arc::new(verifier);
        let begun = Delivery::begin(
            store.clone(),
            verifier.clone(),
            Sessions::default(),
            &password_file,
        );
        let mut shared = SharedCredentials {
            store: store.clone(),
            verifier,
            delivery: begun.await.unwrap(),
            password_file: password_file.clone(),
            seen: first.clone(),
        };
        shared.look().await.unwrap();
        assert!(shared.delivery.handed().is_none());

        // As the other primary does it.
        std::fs::write(&password_file, "second\n").unwrap();
        let second = first.replaced(credential("second")).unwrap();
        keep(&store, second.clone()).await;
        shared.look().await.unwrap();
        assert!(shared.delivery.handed().is_some(), "the new one is handed out");
        let site = SyncId::new(2).unwrap();
        for password in ["first", "second"] {
            let shown = shared
                .verifier
                .verify(site, "127.0.0.1", "supplysync", password.into());
            assert!(shown.await.is_ok(), "{password} passes");
        }
        assert_eq!(shared.seen, second);

        keep(
            &store,
            Credentials {
                previous: None,
                ..second
            },
        )
        .await;
        shared.look().await.unwrap();
        assert!(shared.delivery.handed().is_none(), "every site has it");
    }
}
