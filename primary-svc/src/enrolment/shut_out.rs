//! Who is shut out, as this process holds it: read from the database at the start and after each change, with a copy in
//! a file beside the authority, because a database that is restored must not let anybody in again.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use supplysync_model::{Fault, RevokedOperator, SyncId, Timestamp};
use supplysync_net::Revocations;
use supplysync_record_codec::RecordBody;
use supplysync_store::{Notice, Store, WriteTx};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::revoked_file::RevokedFile;
use crate::command::join_token::OPERATOR;
use crate::command::site::put;
use crate::sessions::Sessions;

/// How often another replica's changes are looked for without notice: a revocation holds everywhere within a second.
const LOOK: Duration = Duration::from_millis(500);

/// Whose certificates are refused. Clones are the same.
#[derive(Clone)]
pub struct ShutOut {
    store: Store,
    revocations: Revocations,
    sessions: Sessions,
    file: RevokedFile,
    /// Held while the database is read and taken in: what was read later is never overtaken by what was read before.
    turn: Arc<Mutex<()>>,
}

impl ShutOut {
    /// Takes what the file knows into the database, and reads it all.
    pub async fn begin(
        store: Store,
        revocations: Revocations,
        sessions: Sessions,
        folder: &Path,
    ) -> Result<ShutOut, Fault> {
        let shut_out = ShutOut {
            store,
            revocations,
            sessions,
            file: RevokedFile::in_folder(folder),
            turn: Arc::default(),
        };
        let kept = shut_out.file.read()?;
        if !kept.is_empty() {
            let learning = shut_out.store.write("learn revocations", move |tx| {
                let kept = kept.clone();
                async move {
                    for revocation in kept {
                        tx.revoke(revocation).await?;
                    }
                    tell_satellites(tx).await
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
        let _turn = self.turn.lock().await;
        self.take_in().await
    }

    /// The same after a change of who is shut out, before any notice of it: what the change returns, and how many sessions
    /// it has ended here.
    pub async fn after<T>(
        &self,
        change: impl Future<Output = Result<T, Fault>>,
    ) -> Result<(T, usize), Fault> {
        let _turn = self.turn.lock().await;
        let changed = change.await?;
        Ok((changed, self.take_in().await?))
    }

    async fn take_in(&self) -> Result<usize, Fault> {
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
        if let Err(fault) = self.file.write(&all) {
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
        let mut notices = self.store.notices();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = notices.about(Notice::Revocations) => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Err(fault) = self.refresh().await {
                tracing::warn!(reason = fault.reason().0, ?fault, "can't read who is shut out");
            }
        }
    }
}

/// Writes the record of each operator who is shut out, where it is not there yet.
async fn tell_satellites(tx: &mut WriteTx) -> Result<(), Fault> {
    let all = tx.revocations().await?;
    let operators = all.iter().filter_map(|revocation| {
        let name = revocation.principal.strip_prefix(OPERATOR)?.to_owned();
        let revoked_at = revocation.revoked_at;
        Some(RecordBody::RevokedOperator(RevokedOperator { name, revoked_at }))
    });
    put(tx, operators.collect()).await
}

#[cfg(test)]
mod tests {
    use supplysync_model::Reason;
    use supplysync_net::PeerIdentity;

    use super::*;
    use crate::test_store::new_store;

    #[tokio::test]
    async fn a_database_that_has_forgotten_learns_it_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (revocations, sessions) = (Revocations::default(), Sessions::default());
        let begin = |store| ShutOut::begin(store, revocations.clone(), sessions.clone(), folder.path());
        let (site, other) = (SyncId::new(2).unwrap(), SyncId::new(3).unwrap());
        let refused = |site| {
            revocations
                .check(&PeerIdentity::Site(site), Timestamp(0))
                .map_err(|fault| fault.reason())
        };
        let first = new_store(folder.path(), "first").await;
        let shut_out = begin(first.clone()).await.unwrap();
        let (place, others) = (
            sessions.enter(site, 1, &CancellationToken::new()).unwrap(),
            sessions.enter(other, 2, &CancellationToken::new()).unwrap(),
        );
        let noticed = shut_out.clone();
        let revoking = async {
            let revoking = first.write("revoke", move |tx| {
                async move { crate::command::join_token::shut_out(tx, site).await }.boxed()
            });
            let revoked = revoking.await?;
            // Whoever hears of the commit waits for the answer to it.
            let heard = tokio::time::timeout(Duration::from_millis(100), noticed.refresh());
            assert!(heard.await.is_err());
            Ok(revoked)
        };
        let (_, ended) = shut_out.after(revoking).await.unwrap();
        assert_eq!(ended, 1);
        assert_eq!(shut_out.refresh().await.unwrap(), 0, "once is enough");
        assert!(place.fence.is_cancelled() && !others.fence.is_cancelled());
        assert_eq!(
            (refused(site), refused(other)),
            (Err(Reason::CERTIFICATE_REVOKED), Ok(()))
        );

        revocations.replace(HashMap::new());
        let restored = new_store(folder.path(), "restored").await;
        begin(restored.clone()).await.unwrap();
        assert_eq!(refused(site), Err(Reason::CERTIFICATE_REVOKED));
        let read = restored.read("revocations", |tx| async move { tx.revocations().await }.boxed());
        assert_eq!(read.await.unwrap().len(), 1);
        std::fs::write(folder.path().join("revoked"), "site/2 yesterday\n").unwrap();
        assert!(
            begin(restored).await.is_err(),
            "a list that can't be read lets nobody in"
        );
    }
}
