//! The settings that may change while the program runs: read at the start, kept in the database with who changed them
//! last (`later`), and followed. Asking for a change is in `preferences`; what is done with them in `dial`.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use supplysync_model::Fault;
use supplysync_store::{Queries, Store, WriteTx};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::later::Later;
use crate::rhythm::Rhythm;

/// The local preferences that hold them, as JSON.
const RHYTHM: &str = "sync.rhythm";
const PARTNER: &str = "sync.partner";
/// The feed may move often: what the primary decided is read again at most this often.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the primary is, and the user name that it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// `https://HOST:PORT`.
    pub primary_url: String,
    /// The user name that all sites share.
    pub user_name: String,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// When to synchronise.
    pub rhythm: Later<Rhythm>,
    /// With whom.
    pub partner: Later<Partner>,
}

impl LocalSettings {
    /// As they are kept; `None` before the first start.
    pub async fn load(tx: &Queries) -> Result<Option<LocalSettings>, Fault> {
        let (rhythm, partner) = (read(tx, RHYTHM).await?, read(tx, PARTNER).await?);
        Ok(rhythm
            .zip(partner)
            .map(|(rhythm, partner)| LocalSettings { rhythm, partner }))
    }

    /// Takes in what the primary decided for this site, so that what is chosen next is the later change.
    pub async fn hear(&mut self, tx: &Queries) -> Result<(), Fault> {
        self.rhythm.hear(decided(tx).await?);
        Ok(())
    }

    /// Keeps them.
    pub async fn save(&self, tx: &mut WriteTx) -> Result<(), Fault> {
        let rhythm = serde_json::to_vec(&self.rhythm).map_err(Fault::internal)?;
        let partner = serde_json::to_vec(&self.partner).map_err(Fault::internal)?;
        tx.set_preference(RHYTHM, rhythm).await?;
        tx.set_preference(PARTNER, partner).await
    }
}

async fn read<T: DeserializeOwned>(tx: &Queries, key: &str) -> Result<Option<T>, Fault> {
    let bytes = tx.preference(key).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// What holds now, for whoever acts on it.
#[derive(Debug, Clone)]
pub struct Following {
    /// When to synchronise.
    pub rhythm: watch::Receiver<Rhythm>,
    /// With whom.
    pub partner: watch::Receiver<Partner>,
    /// To be told after a change that was made here.
    pub changed_here: Arc<Notify>,
}

/// Reads what holds at the start, and what to watch for changes; the second is a task of its own.
pub async fn follow(
    store: Store,
    configured: (Rhythm, Partner),
    stop: CancellationToken,
) -> Result<
    (
        Following,
        impl Future<Output = Result<(), Fault>> + Send + 'static,
    ),
    Fault,
> {
    let settings = at_start(&store, configured).await?;
    let mut heads = store.heads();
    let (rhythms, rhythm) = watch::channel(*settings.rhythm.holds());
    let (partners, partner) = watch::channel(settings.partner.holds().clone());
    let changed_here = Arc::new(Notify::new());
    let nudged = changed_here.clone();
    let following = async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = nudged.notified() => {}
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
            }
            match hear(&store).await {
                Ok(None) => {}
                Ok(Some(settings)) => {
                    let rhythm = *settings.rhythm.holds();
                    let Rhythm {
                        interval_minutes,
                        live,
                    } = rhythm;
                    if rhythms.send_if_modified(|held| std::mem::replace(held, rhythm) != rhythm) {
                        tracing::info!(interval_minutes, live, "another interval or live push holds");
                    }
                    let partner = settings.partner.holds().clone();
                    partners.send_if_modified(|held| {
                        let differs = *held != partner;
                        *held = partner;
                        differs
                    });
                }
                Err(fault) => tracing::warn!(
                    reason = fault.reason().0,
                    ?fault,
                    "can't read this site's settings"
                ),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    };
    let following_now = Following {
        rhythm,
        partner,
        changed_here,
    };
    Ok((following_now, following))
}

async fn at_start(store: &Store, configured: (Rhythm, Partner)) -> Result<LocalSettings, Fault> {
    store
        .write("settings at the start", move |tx| {
            let (rhythm, partner) = configured.clone();
            async move {
                let before = LocalSettings::load(tx).await?;
                let said = decided(tx).await?;
                let (had_rhythm, had_partner) = before
                    .clone()
                    .map(|before| (before.rhythm, before.partner))
                    .unzip();
                let settings = LocalSettings {
                    rhythm: Later::at_start(had_rhythm, rhythm, said),
                    partner: Later::at_start(had_partner, partner, None),
                };
                if before.as_ref() != Some(&settings) {
                    settings.save(tx).await?;
                }
                Ok(settings)
            }
            .boxed()
        })
        .await
}

/// What holds after what the primary says now; kept if that is new.
async fn hear(store: &Store) -> Result<Option<LocalSettings>, Fault> {
    let heard = store.read("settings", |tx| {
        async move {
            let before = LocalSettings::load(tx).await?;
            let mut after = before.clone();
            if let Some(after) = &mut after {
                after.hear(tx).await?;
            }
            Ok((before == after, after))
        }
        .boxed()
    });
    let (same, settings) = heard.await?;
    if same {
        return Ok(settings);
    }
    store
        .write("keep what the primary decided", |tx| {
            async move {
                // A person may have changed them since they were read.
                let mut settings = LocalSettings::load(tx).await?;
                if let Some(settings) = &mut settings {
                    settings.hear(tx).await?;
                    settings.save(tx).await?;
                }
                Ok(settings)
            }
            .boxed()
        })
        .await
}

/// What the primary decided for this site.
async fn decided(tx: &Queries) -> Result<Option<Rhythm>, Fault> {
    let settings = tx.site_settings(tx.sync_id()).await?;
    Ok(settings
        .filter(|settings| !settings.retired)
        .map(|settings| Rhythm {
            interval_minutes: settings.value.interval_minutes,
            live: settings.value.live,
        }))
}
