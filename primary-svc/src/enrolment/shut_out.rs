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
            before.get(&revocation.principal).is_none_or(|before| *before < revocation.revoked_at)
        });
        let sites = fresh.filter_map(|revocation| revocation.principal.strip_prefix("site/")?.parse().ok());
        let ended = sites.map(|site: SyncId| self.sessions.shut_out(site)).sum();
        self.write_file(&all)?;
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
