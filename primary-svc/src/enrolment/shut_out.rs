//! Who is shut out, as this process holds it: read from the database at the start and after each change, with a copy in
//! a file beside the authority, because a database that is restored must not let anybody in again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt;
use supplysync_model::{Fault, SyncId, Timestamp};
use supplysync_net::Revocations;
use supplysync_net::pem_file::{self, Overwrite};
use supplysync_store::{Revocation, Store};
use tokio_util::sync::CancellationToken;

use crate::sessions::Sessions;

/// How often another replica's changes are looked for: a revocation holds everywhere within a second.
const LOOK: Duration = Duration::from_millis(500);
/// The copy's file.
const FILE: &str = "revoked";

/// Whose certificates are refused. Clones are the same.
#[derive(Clone)]
pub struct ShutOut {
    store: Store,
    revocations: Revocations,
    sessions: Sessions,
    file: PathBuf,
}

impl ShutOut {
    /// Takes what the file knows into the database, and reads it all.
    pub async fn begin(
        store: Store,
        revocations: Revocations,
        sessions: Sessions,
        folder: PathBuf,
    ) -> Result<ShutOut, Fault> {
        let shut_out = ShutOut {
            store,
            revocations,
            sessions,
            file: folder.join(FILE),
        };
        let kept = shut_out.read_file()?;
        if !kept.is_empty() {
            let learning = shut_out.store.write("learn revocations", move |tx| {
                let kept = kept.clone();
                async move {
                    for revocation in kept {
                        tx.revoke(revocation).await?;
                    }
                    Ok(())
                }
                .boxed()
            });
            learning.await?;
        }
        shut_out.refresh().await?;
        Ok(shut_out)
    }

    /// Reads the database again: from now on handshakes and calls are judged by it, and sessions of sites that were
    /// revoked since are ended. How many.
    pub async fn refresh(&self) -> Result<usize, Fault> {
        let read = self
            .store
            .read("revocations", |tx| async move { tx.revocations().await }.boxed());
        let all = read.await?;
        let before = self.revocations.all();
        let now: HashMap<String, Timestamp> = (all.iter())
            .map(|revocation| (revocation.principal.clone(), revocation.revoked_at))
            .collect();
        if *before == now {
            return Ok(0);
        }
        self.revocations.replace(now);
        let fresh = all.iter().filter(|revocation| {
            before
                .get(&revocation.principal)
                .is_none_or(|before| *before < revocation.revoked_at)
        });
        let sites = fresh.filter_map(|revocation| revocation.principal.strip_prefix("site/")?.parse().ok());
        let ended = sites.map(|site: SyncId| self.sessions.shut_out(site)).sum();
        if let Err(fault) = self.write_file(&all) {
            // It holds all the same; only a database that is restored would not know of it.
            tracing::error!(
                reason = fault.reason().0,
                ?fault,
                "the list of who is shut out has no copy: {fault}"
            );
        }
        Ok(ended)
    }

    /// Follows what other replicas change.
    pub async fn follow(self, stop: CancellationToken) -> Result<(), Fault> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Err(fault) = self.refresh().await {
                tracing::warn!(reason = fault.reason().0, ?fault, "can't read who is shut out");
            }
        }
    }

    fn read_file(&self) -> Result<Vec<Revocation>, Fault> {
        let text = match std::fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.unreadable().with_source(error)),
        };
        let lines = text.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (principal, moment) = line.split_once(' ').ok_or_else(|| self.unreadable())?;
                Ok(Revocation {
                    principal: principal.to_owned(),
                    revoked_at: Timestamp::parse(moment).ok_or_else(|| self.unreadable())?,
                })
            })
            .collect()
    }

    fn write_file(&self, all: &[Revocation]) -> Result<(), Fault> {
        let line = |revocation: &Revocation| format!("{} {}\n", revocation.principal, revocation.revoked_at);
        let text: String = all.iter().map(line).collect();
        pem_file::write_certificate(&self.file, &text, Overwrite::Replace)
    }

    fn unreadable(&self) -> Fault {
        Fault::new(
            supplysync_model::FaultCode::FailedPrecondition,
            supplysync_model::Reason::CERTIFICATE_UNUSABLE,
            format!(
                "{} can't be read: it says whose certificates are revoked; bring it back from a backup, or remove it to go by \
                 the database alone",
                self.file.display()
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use supplysync_model::Reason;
    use supplysync_net::PeerIdentity;
    use supplysync_runtime::{SystemClock, SystemRandom};
    use supplysync_store::{NewIdentity, StoreConfig, StoreDeps};

    use super::*;

    async fn store(folder: &std::path::Path, name: &str) -> Store {
        let config = StoreConfig::new(format!("sqlite://{}/{name}.db", folder.display()));
        let identity = NewIdentity {
            sync_id: SyncId::PRIMARY,
            site_name: "Head office".into(),
        };
        let deps = StoreDeps {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        };
        Store::init(config, identity, deps).await.unwrap()
    }

    #[tokio::test]
    async fn a_database_that_has_forgotten_learns_it_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (revocations, sessions) = (Revocations::default(), Sessions::default());
        let begin = |store| {
            ShutOut::begin(
                store,
                revocations.clone(),
                sessions.clone(),
                folder.path().to_owned(),
            )
        };
        let (site, other) = (SyncId::new(2).unwrap(), SyncId::new(3).unwrap());
        let refused = |site| {
            revocations
                .check(&PeerIdentity::Site(site), Timestamp(0))
                .map_err(|fault| fault.reason())
        };
        let first = store(folder.path(), "first").await;
        let shut_out = begin(first.clone()).await.unwrap();
        let (place, others) = (
            sessions.enter(site, 1, &CancellationToken::new()).unwrap(),
            sessions.enter(other, 2, &CancellationToken::new()).unwrap(),
        );
        let revoking = first.write("revoke", move |tx| {
            async move { crate::command::join_token::shut_out(tx, site).await }.boxed()
        });
        revoking.await.unwrap();
        assert_eq!(shut_out.refresh().await.unwrap(), 1);
        assert_eq!(shut_out.refresh().await.unwrap(), 0, "once is enough");
        assert!(place.fence.is_cancelled() && !others.fence.is_cancelled());
        assert_eq!(
            (refused(site), refused(other)),
            (Err(Reason::CERTIFICATE_REVOKED), Ok(()))
        );

        revocations.replace(HashMap::new());
        let restored = store(folder.path(), "restored").await;
        begin(restored.clone()).await.unwrap();
        assert_eq!(refused(site), Err(Reason::CERTIFICATE_REVOKED));
        let read = restored.read("revocations", |tx| async move { tx.revocations().await }.boxed());
        assert_eq!(read.await.unwrap().len(), 1);
        std::fs::write(folder.path().join(FILE), "site/2 yesterday\n").unwrap();
        assert!(
            begin(restored).await.is_err(),
            "a list that can't be read lets nobody in"
        );
    }
}
