//! Delivering a changed user name and password (DESIGN 7): a site that still shows the old ones is handed the new ones in
//! the answer to its call, and once every site has shown the new ones the old are retired. Changing them is in
//! `preferences`, checking them in `net`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use secrecy::SecretString;
use supplysync_model::{Fault, SyncId};
use supplysync_net::CredentialVerifier;
use supplysync_net::credential::secret_matches;
use supplysync_node::command::caller::Caller;
use supplysync_node::command::preferences::Authority;
use supplysync_store::{Store, WriteTx};

use crate::credentials::Credentials;
use crate::sessions::Sessions;

/// The local preference with the sites that have shown the present ones since the last change, as JSON.
const SHOWN: &str = "credential.shown_by";

/// What a site is to show from now on.
pub struct Handed {
    /// The user name.
    pub user_name: String,
    /// The password.
    pub password: SecretString,
}

/// What is delivered, and to whom it has been. Clones are the same.
#[derive(Clone)]
pub struct Delivery(Arc<Inner>);

struct Inner {
    store: Store,
    verifier: Arc<CredentialVerifier>,
    open: Sessions,
    /// The new ones, while the old are accepted and the password is known in plain.
    to_hand: Mutex<Option<(String, SecretString)>>,
}

impl Delivery {
    /// Goes on with a change that was under way when the program stopped, if the file has the new password.
    pub async fn begin(
        store: Store,
        verifier: Arc<CredentialVerifier>,
        open: Sessions,
        password_file: &Path,
    ) -> Result<Delivery, Fault> {
        let credentials = store.read("credentials", |tx| {
            async move { Credentials::load(tx).await }.boxed()
        });
        let credentials = credentials.await?;
        let mut to_hand = None;
        if credentials.previous.is_some() {
            let present = credentials.present;
            let password = kept_password(password_file.to_owned(), &present.password_hash).await?;
            to_hand = password.map(|password| (present.user_name, password));
        }
        Ok(Delivery(Arc::new(Inner {
            store,
            verifier,
            open,
            to_hand: Mutex::new(to_hand),
        })))
    }

    /// After a change: who is connected is asked to come again, and is handed what it does not have.
    pub fn changed(&self, credentials: &Credentials, password: Option<SecretString>) {
        let present = &credentials.present;
        let to_hand = password.filter(|_| credentials.previous.is_some());
        let to_hand = to_hand.map(|password| (present.user_name.clone(), password));
        let delivers = to_hand.is_some();
        *self.lock() = to_hand;
        if delivers {
            self.0.open.call_again();
        }
    }

    /// For a site that has shown the old ones.
    pub fn handed(&self) -> Option<Handed> {
        let to_hand = self.lock();
        to_hand.as_ref().map(|(user_name, password)| Handed {
            user_name: user_name.clone(),
            password: password.clone(),
        })
    }

    /// A site has shown the present ones. With the last site the old are retired.
    pub async fn shown(&self, site: SyncId) -> Result<(), Fault> {
        let read = self.0.store.read("whether a credential is delivered", |tx| {
            async move { Credentials::load(tx).await }.boxed()
        });
        if read.await?.previous.is_none() {
            return Ok(());
        }
        let write = self.0.store.write("note a delivered credential", move |tx| {
            async move { note(tx, site).await }.boxed()
        });
        if let Some(accepted) = write.await? {
            self.0.verifier.accept(accepted.accepted());
            *self.lock() = None;
            tracing::info!("every site has the new user name and password: the old ones are retired");
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(String, SecretString)>> {
        self.0.to_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody has shown the ones that a transaction sets.
pub async fn begin_anew(tx: &mut WriteTx) -> Result<(), Fault> {
    tx.set_preference(SHOWN, b"[]".to_vec()).await
}

/// Notes that the site has the present ones; what passes from now on, if it was the last.
async fn note(tx: &mut WriteTx, site: SyncId) -> Result<Option<Credentials>, Fault> {
    let before = Credentials::load(tx).await?;
    if before.previous.is_none() {
        return Ok(None);
    }
    let kept = tx.preference(SHOWN).await?.unwrap_or_else(|| b"[]".to_vec());
    let mut shown: BTreeSet<u16> = serde_json::from_slice(&kept).map_err(Fault::internal)?;
    if shown.insert(site.get()) {
        let kept = serde_json::to_vec(&shown).map_err(Fault::internal)?;
        tx.set_preference(SHOWN, kept).await?;
    }
    let sites = tx.sites().await?.into_iter();
    let mut satellites = sites.filter(|found| !found.retired && !found.value.sync_id.is_primary());
    if !satellites.all(|found| shown.contains(&found.value.sync_id.get())) {
        return Ok(None);
    }
    let after = Credentials {
        previous: None,
        ..before
    };
    after.save(tx).await?;
    let authority = Authority {
        caller: Caller {
            principal: format!("site/{}", SyncId::PRIMARY),
            from: "every site has shown the new ones".to_owned(),
        },
        token: None,
    };
    authority
        .audit_preference(tx, "previous_credential_accepted", true, false)
        .await?;
    Ok(Some(after))
}

/// The password that the file holds, if it is the one that this hash was made of. A file that is not there is no fault:
/// who does not want the password to be kept in plain deletes it.
pub async fn kept_password(file: PathBuf, hash: &str) -> Result<Option<SecretString>, Fault> {
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Ok(None);
    };
    let Some(line) = text.lines().next() else {
        return Ok(None);
    };
    let password = SecretString::from(line);
    if secret_matches(hash, &password).await? {
        return Ok(Some(password));
    }
    tracing::warn!(
        file = %file.display(),
        "the password in this file is not the one that the sites share: nobody is handed it"
    );
    Ok(None)
}

impl std::fmt::Debug for Handed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handed")
            .field("user_name", &self.user_name)
            .finish_non_exhaustive()
    }
}
