//! Waking satellites that are not connected: each is dialled at the URL on record, must prove its Sync ID, and is asked to
//! synchronise now. What can't be reached is told, and dials by itself.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use supplysync_api::fault::from_status;
use supplysync_api::v1::SyncNowRequest;
use supplysync_api::v1::diagnostics_service_client::DiagnosticsServiceClient;
use supplysync_model::{Fault, Site, SyncId};
use supplysync_net::Endpoint;
use supplysync_net::client::fault_in;
use supplysync_node::certificates::Certificates;
use supplysync_node::session::SyncControl;
use supplysync_node::status::SyncState;
use supplysync_node::wake::{Wake, Woken};
use supplysync_runtime::{Context, OnEnd};
use supplysync_store::Store;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::command::site::require_site;

/// How long one may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Dialled at one time, whoever asked for it.
const TOGETHER: usize = 32;

/// Who wakes them. Clones are the same.
#[derive(Clone)]
pub struct Waking {
    store: Store,
    control: SyncControl,
    certificates: Certificates,
    program: Context,
    users: TaskTracker,
    turns: Arc<Semaphore>,
}

impl Waking {
    /// With the primary's own certificate.
    pub fn new(
        store: Store,
        control: SyncControl,
        certificates: Certificates,
        program: Context,
        users: TaskTracker,
    ) -> Waking {
        Waking {
            store,
            control,
            certificates,
            program,
            users,
            turns: Arc::new(Semaphore::new(TOGETHER)),
        }
    }

    /// Wakes one without waiting for it: what was decided for it holds there the sooner.
    pub fn soon(&self, site: SyncId) {
        let waking = self.clone();
        let task = self.users.track_future(async move {
            let woken = tokio::select! {
                () = waking.program.stop.cancelled() => return Ok(()),
                woken = waking.all(Some(site)) => woken?,
            };
            for Woken { reached, words, .. } in woken {
                tracing::info!(site = site.get(), reached, "a change of its settings: {words}");
            }
            Ok(())
        });
        self.program
            .tasks
            .spawn("wake a satellite", OnEnd::Optional, task);
    }

    async fn all(&self, only: Option<SyncId>) -> Result<Vec<Woken>, Fault> {
        if only.is_some_and(SyncId::is_primary) {
            return Err(Fault::field(
                "sync_id",
                "is the primary itself, which is asked and does not ask",
            ));
        }
        let read = self.store.read("sites to wake", move |tx| {
            async move {
                if let Some(site) = only {
                    return Ok(vec![require_site(tx, site).await?]);
                }
                let sites = tx.sites().await?.into_iter().filter(|site| !site.retired);
                let sites = sites.map(|site| site.value);
                Ok(sites.filter(|site| !site.sync_id.is_primary()).collect())
            }
            .boxed()
        });
        let sites: Vec<Site> = read.await?;
        let waking = futures::stream::iter(sites).map(|site| self.one(site));
        Ok(waking.buffered(TOGETHER).collect().await)
    }

    async fn one(&self, site: Site) -> Woken {
        let (reached, words) = match self.ask(&site).await {
            Ok(how) => (true, how),
            Err(why) => (false, why),
        };
        Woken {
            site: site.sync_id,
            name: site.name,
            reached,
            words,
        }
    }

    async fn ask(&self, site: &Site) -> Result<String, String> {
        let board = self.control.board().current();
        if board
            .get(&site.sync_id)
            .is_some_and(|line| line.state == SyncState::Connected)
        {
            return Ok("is connected, and looks again".to_owned());
        }
        let elsewhere = self.store.present_elsewhere().await;
        if elsewhere.is_ok_and(|elsewhere| elsewhere.contains(&site.sync_id)) {
            return Ok("is connected to another server of this primary, and looks again".to_owned());
        }
        let url = &site.url;
        if url.is_empty() {
            return Err("no URL is on record at which it could be woken (`sites edit --url`)".to_owned());
        }
        let Ok(_turn) = self.turns.acquire().await else {
            return Err("the primary is stopping".to_owned());
        };
        match tokio::time::timeout(PATIENCE, self.dial(site)).await {
            Ok(Ok(())) => Ok(format!("was woken at {url}: it starts a session")),
            Ok(Err(fault)) => Err(told(&fault)),
            Err(_) => Err(format!("{url} did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn dial(&self, site: &Site) -> Result<(), Fault> {
        let own = self.certificates.present();
        let channel = Endpoint::of_site(&site.url, site.sync_id, &own)?
            .connect()
            .await?;
        let asked = DiagnosticsServiceClient::new(channel)
            .sync_now(SyncNowRequest::default())
            .await;
        let fault = |status| fault_in(&status).unwrap_or_else(|| Fault::from(from_status(&status)));
        asked.map(drop).map_err(fault)
    }
}

/// What is wrong, where a field is.
fn told(fault: &Fault) -> String {
    let wrong = fault.violations().first();
    wrong.map_or_else(|| fault.message().to_owned(), |wrong| wrong.description.clone())
}

impl Wake for Waking {
    fn wake(&self, only: Option<SyncId>) -> BoxFuture<'_, Result<Vec<Woken>, Fault>> {
        self.all(only).boxed()
    }
}
