//! When this site synchronises: the interval and the live flag, from its own configuration or from the primary, whichever
//! changed last (DESIGN 9). Following the changes; dialling itself is in `dial`.

use std::time::Duration;

use futures::FutureExt;
use serde::{Deserialize, Serialize};
use supplysync_model::Fault;
use supplysync_store::{Queries, Store};
use supplysync_sync_core::Mode;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The local preference that holds [`Noted`], as JSON.
const KEY: &str = "sync.rhythm";
/// The feed may move often: what the primary decided is read again at most this often.
const PAUSE: Duration = Duration::from_secs(1);

/// How often, and whether the connection stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// Minutes between sessions; 0 pauses.
    pub interval_minutes: u32,
    /// Whether the session stays open.
    pub live: bool,
}

impl Rhythm {
    /// Whether synchronisation is paused.
    pub fn paused(self) -> bool {
        self.interval_minutes == 0
    }

    /// How a session runs under it.
    pub fn mode(self) -> Mode {
        if self.live && !self.paused() {
            Mode::Live
        } else {
            Mode::Drain
        }
    }

    /// The time between two sessions.
    pub fn interval(self) -> Duration {
        Duration::from_secs(u64::from(self.interval_minutes) * 60)
    }
}

/// A version of the primary's settings for this site: epoch, revision.
type Version = (u64, u64);

/// What the configuration said at the last start, and which settings of the primary were older than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    configured: Rhythm,
    overruled: Option<Version>,
}

impl Noted {
    /// A configuration that differs from the one at the last start is the later change.
    fn at_start(before: Option<Noted>, configured: Rhythm, decided: Option<(Version, Rhythm)>) -> Noted {
        match before {
            Some(noted) if noted.configured == configured => noted,
            _ => Noted {
                configured,
                overruled: decided.map(|(version, _)| version),
            },
        }
    }

    fn effective(&self, decided: Option<(Version, Rhythm)>) -> Rhythm {
        match decided {
            Some((version, rhythm)) if Some(version) > self.overruled => rhythm,
            _ => self.configured,
        }
    }
}

/// Reads what holds at the start, and what to watch for changes; the second is a task of its own.
pub async fn follow(
    store: Store,
    configured: Rhythm,
    stop: CancellationToken,
) -> Result<
    (
        watch::Receiver<Rhythm>,
        impl Future<Output = Result<(), Fault>> + Send + 'static,
    ),
    Fault,
> {
    let noted = note(&store, configured).await?;
    let mut heads = store.heads();
    let (sender, receiver) = watch::channel(noted.effective(decided_in(&store).await?));
    let following = async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = heads.changed() => if changed.is_err() { return Ok(()) },
            }
            match decided_in(&store).await {
                Ok(decided) => {
                    let rhythm = noted.effective(decided);
                    let changed = sender.send_if_modified(|held| std::mem::replace(held, rhythm) != rhythm);
                    if changed {
                        let Rhythm {
                            interval_minutes,
                            live,
                        } = rhythm;
                        tracing::info!(interval_minutes, live, "the primary changed when to synchronise");
                    }
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
    Ok((receiver, following))
}

async fn note(store: &Store, configured: Rhythm) -> Result<Noted, Fault> {
    let (before, decided) = store
        .read("rhythm", |tx| {
            async move { Ok((tx.preference(KEY).await?, decided(tx).await?)) }.boxed()
        })
        .await?;
    let before: Option<Noted> = before.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let noted = Noted::at_start(before, configured, decided);
    if before != Some(noted) {
        let bytes = serde_json::to_vec(&noted).map_err(Fault::internal)?;
        store
            .write("note the rhythm", move |tx| {
                tx.set_preference(KEY, bytes.clone()).boxed()
            })
            .await?;
    }
    Ok(noted)
}

async fn decided_in(store: &Store) -> Result<Option<(Version, Rhythm)>, Fault> {
    store
        .read("site settings", |tx| async move { decided(tx).await }.boxed())
        .await
}

/// What the primary decided for this site.
async fn decided(tx: &Queries) -> Result<Option<(Version, Rhythm)>, Fault> {
    let settings = tx.site_settings(tx.sync_id()).await?;
    Ok(settings.filter(|settings| !settings.retired).map(|settings| {
        let version = (settings.etag.epoch.packed(), settings.etag.revision);
        let rhythm = Rhythm {
            interval_minutes: settings.value.interval_minutes,
            live: settings.value.live,
        };
        (version, rhythm)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Rhythm = Rhythm {
        interval_minutes: 5,
        live: true,
    };
    const PAUSED: Rhythm = Rhythm {
        interval_minutes: 0,
        live: true,
    };
    const HOURLY: Rhythm = Rhythm {
        interval_minutes: 60,
        live: false,
    };

    #[test]
    fn the_later_change_wins() {
        let first = Noted::at_start(None, FIVE, None);
        assert_eq!(first.effective(None), FIVE, "nothing came from the primary yet");
        let decided = Some(((1, 7), HOURLY));
        assert_eq!(first.effective(decided), HOURLY, "the primary's came later");

        let again = Noted::at_start(Some(first), FIVE, decided);
        assert_eq!(again, first, "a start alone changes nothing");
        let edited = Noted::at_start(Some(first), PAUSED, decided);
        assert_eq!(edited.effective(decided), PAUSED, "the file was edited since");
        assert_eq!(
            edited.effective(Some(((1, 9), HOURLY))),
            HOURLY,
            "and the primary's changed after that"
        );
        assert_eq!(
            Noted::at_start(Some(edited), PAUSED, decided).effective(decided),
            PAUSED
        );
    }

    #[test]
    fn a_pause_ends_live_sync_too() {
        assert_eq!(FIVE.mode(), Mode::Live);
        assert_eq!(PAUSED.mode(), Mode::Drain);
        assert_eq!(HOURLY.mode(), Mode::Drain);
        assert_eq!(HOURLY.interval(), Duration::from_secs(3_600));
    }
}
