//! The preferences of a satellite: where each is kept, and how a change takes effect. The lock and the wire are in `node`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use supplysync_model::{Fault, StoreId, SyncId};
use supplysync_net::Endpoint;
use supplysync_node::certificates::Certificates;
use supplysync_node::command::caller::Caller;
use supplysync_node::command::preferences::{
    Authority, Copies, Partner as Shown, PreferenceBook, PreferenceChange, Preferences, not_here, stores,
};
use supplysync_node::command::problems::Problems;
use supplysync_node::password_file::{StagedPassword, read_password};
use supplysync_node::service::reference;
use supplysync_node::session::SyncControl;
use supplysync_store::{Queries, Store, WriteTx};
use tokio::sync::{Mutex, Notify};

use crate::follow::{LocalSettings, Partner};
use crate::rhythm::Rhythm;

/// Where they are.
pub struct SatellitePreferences {
    /// The site's database.
    pub store: Store,
    /// Whom to tell that something was changed here.
    pub changed_here: Arc<Notify>,
    /// What the primary says of itself, and asking for a session.
    pub control: SyncControl,
    /// The site's certificate, for which an address must be fit.
    pub certificates: Certificates,
    /// The file with the password.
    pub password_file: PathBuf,
    /// Held by the change that is being made.
    pub changing: Mutex<()>,
}

impl SatellitePreferences {
    async fn read(&self) -> Result<Preferences, Fault> {
        let site_name = self.store.identity().site_name;
        let board = self.control.board().current();
        let mismatches = board
            .get(&SyncId::PRIMARY)
            .map(|line| line.mismatches.clone())
            .unwrap_or_default();
        let read = self.store.read("preferences", move |tx| {
            let (site_name, mismatches) = (site_name.clone(), mismatches.clone());
            async move {
                let settings = LocalSettings::load(tx).await?.ok_or_else(not_started)?;
                let (rhythm, partner) = (*settings.rhythm.holds(), settings.partner.holds().clone());
                let primary = tx.site(SyncId::PRIMARY).await?;
                let shown = Shown {
                    sync_id: SyncId::PRIMARY,
                    name: primary.map(|site| site.value.name).unwrap_or_default(),
                    url: partner.primary_url.clone(),
                    stores: active_on(tx, SyncId::PRIMARY).await?,
                    mismatches,
                };
                let granted = tx.site_settings(tx.sync_id()).await?;
                let granted = granted.map(|found| found.value.copies).unwrap_or_default();
                let wish = tx.copy_wish(tx.sync_id()).await?.map(|wish| wish.stores);
                let wished = match wish.filter(|wish| *wish != granted) {
                    Some(wish) => Some(stores(tx, &wish).await?),
                    None => None,
                };
                Ok(Preferences {
                    sync_id: tx.sync_id(),
                    site_name,
                    user_name: partner.user_name,
                    interval_minutes: rhythm.interval_minutes,
                    live: rhythm.live,
                    primary_url: partner.primary_url,
                    partners: vec![shown],
                    copies: Copies::Of {
                        granted: stores(tx, &granted).await?,
                        wished,
                    },
                    previous_accepted: false,
                    copy_grant: None,
                })
            }
            .boxed()
        });
        read.await
    }

    async fn change(&self, mut change: PreferenceChange, authority: Authority) -> Result<Vec<String>, Fault> {
        self.check(&mut change)?;
        let _one_at_a_time = self.changing.lock().await;
        let staged = match &change.password {
            Some(password) => {
                self.require_unlocked(&authority).await?;
                Some(StagedPassword::write(&self.password_file, password)?)
            }
            None => None,
        };
        let (wanted, chosen) = (change.clone(), staged.as_ref().map(StagedPassword::name));
        self.store
            .write("change preferences", move |tx| {
                let (change, authority, chosen) = (wanted.clone(), authority.clone(), chosen.clone());
                async move {
                    authority.require(tx).await?;
                    let mut settings = LocalSettings::load(tx).await?.ok_or_else(not_started)?;
                    settings.hear(tx).await?;
                    let (rhythm, partner) = (*settings.rhythm.holds(), settings.partner.holds().clone());
                    let new_rhythm = Rhythm {
                        interval_minutes: change.interval_minutes.unwrap_or(rhythm.interval_minutes),
                        live: change.live.unwrap_or(rhythm.live),
                    };
                    let new_partner = Partner {
                        primary_url: change.primary_url.unwrap_or(partner.primary_url.clone()),
                        user_name: change.user_name.unwrap_or(partner.user_name.clone()),
                    };
                    if let Some(named) = &change.copies {
                        wish(tx, named, &authority).await?;
                    }
                    settings.rhythm.choose(new_rhythm);
                    settings.partner.choose(new_partner.clone());
                    settings.save(tx).await?;
                    let (old, new) = (rhythm, new_rhythm);
                    authority
                        .audit_preference(tx, "interval_minutes", old.interval_minutes, new.interval_minutes)
                        .await?;
                    authority.audit_preference(tx, "live", old.live, new.live).await?;
                    let (old, new) = (partner, new_partner);
                    authority
                        .audit_preference(tx, "primary_url", old.primary_url, new.primary_url)
                        .await?;
                    authority
                        .audit_preference(tx, "user_name", old.user_name, new.user_name)
                        .await?;
                    match chosen {
                        Some(name) => {
                            StagedPassword::choose(&name, tx).await?;
                            authority.audit_password(tx).await
                        }
                        None => Ok(()),
                    }
                }
                .boxed()
            })
            .await?;
        if let Some(staged) = staged {
            staged.put()?;
        }
        self.changed_here.notify_one();
        // Another address or user name is tried as soon as it is heard of.
        if change.password.is_some() || change.copies.is_some() {
            self.control.sync_now();
        }
        Ok(notes(&change))
    }

    /// Keeps the user name and password that the primary handed to this site.
    pub async fn adopt(&self, user_name: String, password: SecretString) -> Result<(), Fault> {
        let change = PreferenceChange {
            user_name: Some(user_name.clone()),
            password: Some(password.clone()),
            ..PreferenceChange::default()
        };
        let mut problems = Problems::default();
        change.check(&mut problems);
        problems.finish()?;
        let _one_at_a_time = self.changing.lock().await;
        // One that is there already, as when only the user name is new, leaves no line in the audit log.
        let staged = match read_password(&self.password_file) {
            Ok(held) if held.expose_secret() == password.expose_secret() => None,
            _ => Some(StagedPassword::write(&self.password_file, &password)?),
        };
        let chosen = staged.as_ref().map(StagedPassword::name);
        let write = self.store.write("keep a delivered credential", move |tx| {
            let (user_name, chosen) = (user_name.clone(), chosen.clone());
            async move {
                let mut settings = LocalSettings::load(tx).await?.ok_or_else(not_started)?;
                let partner = settings.partner.holds().clone();
                let authority = Authority {
                    caller: Caller {
                        principal: format!("site/{}", SyncId::PRIMARY),
                        from: partner.primary_url.clone(),
                    },
                    token: None,
                };
                authority
                    .audit_preference(tx, "user_name", &partner.user_name, &user_name)
                    .await?;
                settings.partner.choose(Partner { user_name, ..partner });
                settings.save(tx).await?;
                match chosen {
                    Some(name) => {
                        StagedPassword::choose(&name, tx).await?;
                        authority.audit_password(tx).await
                    }
                    None => Ok(()),
                }
            }
            .boxed()
        });
        write.await?;
        if let Some(staged) = staged {
            staged.put()?;
        }
        self.changed_here.notify_one();
        Ok(())
    }

    /// Before anything touches the disk. What is unlocked here must be so still when the change is made.
    async fn require_unlocked(&self, authority: &Authority) -> Result<(), Fault> {
        let authority = authority.clone();
        let write = self.store.write("are the preferences unlocked", move |tx| {
            let authority = authority.clone();
            async move { authority.require(tx).await }.boxed()
        });
        write.await
    }

    /// Refuses what can't hold; an address is kept as it is shown everywhere.
    fn check(&self, change: &mut PreferenceChange) -> Result<(), Fault> {
        if change.copy_grant.is_some() {
            return Err(not_here("copy_grant", "is decided on the primary"));
        }
        if change.previous_accepted.is_some() {
            return Err(not_here(
                "previous_credential_accepted",
                "is decided on the primary",
            ));
        }
        let mut problems = Problems::default();
        change.check(&mut problems);
        if let Some(url) = &mut change.primary_url {
            match Endpoint::new(url, &self.certificates.present()) {
                Ok(endpoint) => *url = endpoint.url().to_owned(),
                Err(fault) => {
                    let told = fault.violations().first().map(|found| found.description.clone());
                    problems.invalid("primary_url", told.unwrap_or_else(|| fault.message().to_owned()));
                }
            }
        }
        problems.finish()
    }
}

fn notes(change: &PreferenceChange) -> Vec<String> {
    let mut notes = Vec::new();
    if change.interval_minutes == Some(0) {
        notes.push(
            "synchronisation is paused: this site still asks the primary once a day for commands, and `sync-now` \
             synchronises at once"
                .to_owned(),
        );
    }
    if change.interval_minutes.is_some() || change.live.is_some() {
        notes.push(
            "it holds until somebody changes it here or on the primary: the later change wins".to_owned(),
        );
    }
    if change.copies.is_some() {
        notes.push(
            "the primary hears of the wish in the next session; it grants it, or its administrator does (`copies grant`)"
                .to_owned(),
        );
    }
    if change.touches_credential() {
        notes.push(
            "user name and password must be what the primary expects: `status` says how the next session went".to_owned(),
        );
    }
    notes
}

/// Wishes for copies of these stores, if that is news.
async fn wish(tx: &mut WriteTx, named: &[String], authority: &Authority) -> Result<(), Fault> {
    let found = reference::stores(tx, "copies", named).await?;
    let wished: BTreeSet<StoreId> = found.into_iter().collect();
    let mut problems = Problems::default();
    let own = active_on(tx, tx.sync_id()).await?;
    for store in own.iter().filter(|store| wished.contains(&store.id)) {
        problems.invalid(
            "copies",
            format!("store {} is active here: it needs no copy", store.code),
        );
    }
    problems.finish()?;
    let wished: Vec<_> = wished.into_iter().collect();
    let granted = tx.site_settings(tx.sync_id()).await?;
    let granted = granted.map(|found| found.value.copies).unwrap_or_default();
    let before = tx.copy_wish(tx.sync_id()).await?.map(|wish| wish.stores);
    let before = before.unwrap_or(granted);
    if before == wished {
        return Ok(());
    }
    tx.wish_for_copies(&wished).await?;
    let codes = async |ids: &[StoreId]| -> Result<String, Fault> {
        let found = stores(tx, ids).await?;
        let codes: Vec<_> = found.into_iter().map(|store| store.code).collect();
        Ok(codes.join(", "))
    };
    let (old, new) = (codes(&before).await?, codes(&wished).await?);
    authority.audit_preference(tx, "copies", old, new).await
}

async fn active_on(tx: &Queries, site: SyncId) -> Result<Vec<supplysync_model::Store>, Fault> {
    let ids = tx.stores_of_site(site).await?;
    stores(tx, &ids).await
}

fn not_started() -> Fault {
    Fault::internal("no settings were kept at the start")
}

impl PreferenceBook for SatellitePreferences {
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
