//! The preferences of the primary: where each is kept, and how a change takes effect. The lock and the wire are in `node`;
//! sites are changed in `command::site`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use supplysync_model::{CopyGrant, Fault, Random, StoreId, SyncId};
use supplysync_net::CredentialVerifier;
use supplysync_net::credential::{Credential, hash_secret};
use supplysync_node::command::preferences::{
    Authority, Copies, Partner, PreferenceBook, PreferenceChange, Preferences, not_here, stores,
};
use supplysync_node::command::problems::Problems;
use supplysync_node::password_file::StagedPassword;
use supplysync_node::session::SyncControl;
use supplysync_store::{Queries, Store, WriteTx};
use tokio::sync::Mutex;

use crate::command::copies::not_kept;
use crate::credentials::Credentials;
use crate::delivery::{Delivery, begin_anew, kept_password};
use crate::network::NetworkDefaults;

/// Where they are.
pub struct PrimaryPreferences {
    /// The site's database.
    pub store: Store,
    /// What sites say of themselves.
    pub control: SyncControl,
    /// Who checks the credential, and is told of another.
    pub verifier: Arc<CredentialVerifier>,
    /// For the salt of a new password's hash.
    pub random: Arc<dyn Random>,
    /// Held by the change that is being made, so that the verifier hears of credentials in the order of their commits.
    pub changing: Mutex<()>,
    /// Who delivers other credentials to the sites.
    pub delivery: Delivery,
    /// The file with the password that all sites share; it may not be there.
    pub password_file: PathBuf,
}

impl PrimaryPreferences {
    async fn read(&self) -> Result<Preferences, Fault> {
        let site_name = self.store.identity().site_name;
        let board = self.control.board().current();
        let read = self.store.read("preferences", move |tx| {
            let (site_name, board) = (site_name.clone(), board.clone());
            async move {
                let credentials = Credentials::load(tx).await?;
                let defaults = NetworkDefaults::load(tx).await?;
                let mut partners = partners(tx).await?;
                for partner in &mut partners {
                    let line = board.get(&partner.sync_id);
                    partner.mismatches = line.map(|line| line.mismatches.clone()).unwrap_or_default();
                }
                Ok(Preferences {
                    sync_id: tx.sync_id(),
                    site_name,
                    user_name: credentials.present.user_name,
                    interval_minutes: defaults.interval_minutes,
                    live: defaults.live,
                    primary_url: String::new(),
                    partners,
                    copies: Copies::AllBut(stores(tx, &not_kept(tx).await?).await?),
                    previous_accepted: credentials.previous.is_some(),
                    copy_grant: Some(tx.copy_grant().await?),
                })
            }
            .boxed()
        });
        read.await
    }

    async fn change(&self, change: PreferenceChange, authority: Authority) -> Result<Vec<String>, Fault> {
        check(&change)?;
        let _one_at_a_time = self.changing.lock().await;
        let hash = match &change.password {
            Some(password) => Some(hash_secret(password, &*self.random)?),
            None => None,
        };
        let staged = match &change.password {
            Some(password) if self.password_file.exists() => {
                self.require_unlocked(&authority).await?;
                Some(StagedPassword::write(&self.password_file, password)?)
            }
            _ => None,
        };
        let (wanted, chosen) = (change.clone(), staged.as_ref().map(StagedPassword::name));
        let write = self.store.write("change preferences", move |tx| {
            let (change, authority, hash) = (wanted.clone(), authority.clone(), hash.clone());
            let chosen = chosen.clone();
            async move {
                authority.require(tx).await?;
                change_defaults(tx, &change, &authority).await?;
                change_grant(tx, &change, &authority).await?;
                if let Some(name) = chosen {
                    StagedPassword::choose(&name, tx).await?;
                }
                change_credentials(tx, &change, hash, &authority).await
            }
            .boxed()
        });
        let credentials = write.await?;
        if let Some(staged) = staged {
            staged.put()?;
        }
        let previous = credentials.previous.is_some();
        let password = match &change.password {
            Some(password) => Some(password.clone()),
            None => kept_password(self.password_file.clone(), &credentials.present.password_hash).await?,
        };
        self.verifier.accept(credentials.clone().accepted());
        self.delivery.changed(&credentials, password);
        Ok(notes(&change, previous))
    }
}

impl PrimaryPreferences {
    /// Before anything touches the disk. What is unlocked here must be so still when the change is made.
    async fn require_unlocked(&self, authority: &Authority) -> Result<(), Fault> {
        let authority = authority.clone();
        let write = self.store.write("are the preferences unlocked", move |tx| {
            let authority = authority.clone();
            async move { authority.require(tx).await }.boxed()
        });
        write.await
    }
}

fn check(change: &PreferenceChange) -> Result<(), Fault> {
    if change.primary_url.is_some() {
        return Err(not_here(
            "primary_url",
            "is decided on each satellite: this is the primary",
        ));
    }
    if change.copies.is_some() {
        return Err(not_here(
            "copies",
            "is what a satellite wishes for; what the primary keeps is set with SetCopies (`copies set --site 1`)",
        ));
    }
    let mut problems = Problems::default();
    change.check(&mut problems);
    if change.previous_accepted == Some(true) {
        problems.invalid(
            "previous_credential_accepted",
            "can be set to false only: what was retired does not come back",
        );
    }
    problems.finish()
}

async fn change_defaults(
    tx: &mut WriteTx,
    change: &PreferenceChange,
    authority: &Authority,
) -> Result<(), Fault> {
    let old = NetworkDefaults::load(tx).await?;
    let new = NetworkDefaults {
        interval_minutes: change.interval_minutes.unwrap_or(old.interval_minutes),
        live: change.live.unwrap_or(old.live),
    };
    if new == old {
        return Ok(());
    }
    new.save(tx).await?;
    authority
        .audit_preference(tx, "interval_minutes", old.interval_minutes, new.interval_minutes)
        .await?;
    authority.audit_preference(tx, "live", old.live, new.live).await
}

async fn change_grant(
    tx: &mut WriteTx,
    change: &PreferenceChange,
    authority: &Authority,
) -> Result<(), Fault> {
    let Some(new) = change.copy_grant else {
        return Ok(());
    };
    let old = tx.copy_grant().await?;
    if old == new {
        return Ok(());
    }
    let word = |grant| match grant {
        CopyGrant::Ask => "ask",
        CopyGrant::Any => "any",
    };
    authority
        .audit_preference(tx, "copy_grant", word(old), word(new))
        .await?;
    tx.set_copy_grant(new).await
}

async fn change_credentials(
    tx: &mut WriteTx,
    change: &PreferenceChange,
    hash: Option<String>,
    authority: &Authority,
) -> Result<Credentials, Fault> {
    let before = Credentials::load(tx).await?;
    let mut after = before.clone();
    let retire = change.previous_accepted == Some(false);
    let user_name = change.user_name.as_ref().unwrap_or(&before.present.user_name);
    if hash.is_some() || *user_name != before.present.user_name {
        if retire {
            after.previous = None;
        }
        begin_anew(tx).await?;
        after = after.replaced(Credential {
            user_name: user_name.clone(),
            password_hash: hash.clone().unwrap_or(before.present.password_hash.clone()),
        })?;
    }
    if retire {
        after.previous = None;
    }
    if after == before {
        return Ok(after);
    }
    after.save(tx).await?;
    let (old, new) = (&before.present, &after.present);
    authority
        .audit_preference(tx, "user_name", &old.user_name, &new.user_name)
        .await?;
    if hash.is_some() {
        authority.audit_password(tx).await?;
    }
    let (old, new) = (before.previous.is_some(), after.previous.is_some());
    authority
        .audit_preference(tx, "previous_credential_accepted", old, new)
        .await?;
    Ok(after)
}

fn notes(change: &PreferenceChange, previous: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if change.interval_minutes.is_some() || change.live.is_some() {
        notes.push("it is what new sites are given; `sites edit` changes a site that is there".to_owned());
    }
    if change.touches_credential() && previous {
        notes.push(
            "each site is handed the new ones when it connects; the old are accepted until every site has shown the new, or \
             until they are retired with `prefs set accept-previous false`"
                .to_owned(),
        );
    }
    notes
}

/// Every satellite, by Sync ID.
async fn partners(tx: &Queries) -> Result<Vec<Partner>, Fault> {
    let mut active: BTreeMap<SyncId, Vec<StoreId>> = BTreeMap::new();
    for assignment in tx.all_assignments().await? {
        if !assignment.retired {
            let at = active.entry(assignment.value.site).or_default();
            at.push(assignment.value.store);
        }
    }
    let mut partners = Vec::new();
    for found in tx.sites().await? {
        let site = found.value;
        if found.retired || site.sync_id.is_primary() {
            continue;
        }
        let ids = active.remove(&site.sync_id).unwrap_or_default();
        partners.push(Partner {
            sync_id: site.sync_id,
            name: site.name,
            url: site.url,
            stores: stores(tx, &ids).await?,
            mismatches: Vec::new(),
        });
    }
    Ok(partners)
}

impl PreferenceBook for PrimaryPreferences {
    fn show(&self) -> BoxFuture<'_, Result<Preferences, Fault>> {
        self.read().boxed()
    }

    fn update(
        &self,
        change: PreferenceChange,
        authority: Authority,
    ) -> BoxFuture<'_, Result<Vec<String>, Fault>> {
        self.change(change, authority).boxed()
    }
}
