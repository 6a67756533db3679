//! Notices between programs on one PostgreSQL: each commit that moves the feed's head tells the others, and so does what
//! `WriteTx::notify` is given. A notice is a hint that comes with the commit; who hears one looks at the database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::{PgListener, PgPool};
use supplysync_model::{Seq, SyncId};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use crate::connect::Pools;
use crate::presence;
use crate::store::move_head;

/// Where they are told; PostgreSQL keeps the channels of each database apart.
pub(crate) const CHANNEL: &str = "supplysync";
/// The feed may move thousands of times a second: its head is read at most this often.
const PAUSE: Duration = Duration::from_millis(10);
/// Without any notice the head is read this often: a link that is dead without a word is found so.
const PULSE: Duration = Duration::from_secs(10);
/// How long reading it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to connect again: doubled each time.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Notices that wait for who reads them; beyond, it is told to look at everything.
const WAITING: usize = 256;

/// What another program on this database has done beside the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The lease of a site is another session's now, or nobody's.
    Lease(SyncId),
    /// User name or password were changed.
    Credentials,
    /// Somebody was shut out.
    Revocations,
    /// Every open session is to look again.
    Look,
    /// Notices may have been missed: whatever they are about is to be looked at.
    Anything,
}

impl Notice {
    pub(crate) fn payload(self) -> String {
        match self {
            Notice::Lease(site) => format!("lease {site}"),
            Notice::Credentials => "credentials".to_owned(),
            Notice::Revocations => "revocations".to_owned(),
            Notice::Look => "look".to_owned(),
            Notice::Anything => "anything".to_owned(),
        }
    }

    /// Of a payload that is not empty; what a newer program says is about anything.
    fn of(payload: &str) -> Notice {
        match payload {
            "credentials" => Notice::Credentials,
            "revocations" => Notice::Revocations,
            "look" => Notice::Look,
            other => other
                .strip_prefix("lease ")
                .and_then(|site| SyncId::new(site.parse().ok()?))
                .map_or(Notice::Anything, Notice::Lease),
        }
    }
}

/// Notices as they come. SQLite has none, as nobody else has its file.
#[derive(Debug)]
pub struct Notices(broadcast::Receiver<Notice>);

impl Notices {
    /// The next one; never ends.
    pub async fn next(&mut self) -> Notice {
        match self.0.recv().await {
            Ok(notice) => notice,
            Err(broadcast::error::RecvError::Lagged(_)) => Notice::Anything,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// Waits until one comes that may be about this.
    pub async fn about(&mut self, what: Notice) {
        loop {
            let notice = self.next().await;
            if notice == what || notice == Notice::Anything {
                return;
            }
        }
    }
}

/// The connection that hears them, and who is told.
pub(crate) struct Listening {
    heard: broadcast::Sender<Notice>,
    /// The sites that have a session here: see `presence`.
    pub(crate) present: watch::Sender<BTreeSet<SyncId>>,
    /// PostgreSQL's number of the connection.
    pub(crate) backend: Arc<AtomicI32>,
    task: Option<AbortHandle>,
}

impl Listening {
    /// Listens in the background from now on, and moves the head as others move it; PostgreSQL only.
    pub(crate) fn start(pools: &Pools, head: watch::Sender<Seq>) -> Listening {
        let (heard, _) = broadcast::channel(WAITING);
        let present = watch::Sender::default();
        let backend = Arc::new(AtomicI32::new(0));
        let task = pools.notices.clone().map(|pool| {
            let listener = Listener {
                pool,
                head,
                heard: heard.clone(),
                present: present.subscribe(),
                backend: backend.clone(),
            };
            #[expect(
                clippy::disallowed_methods,
                reason = "ends with the store, which holds its handle"
            )]
            let task = tokio::spawn(listener.run());
            task.abort_handle()
        });
        Listening {
            heard,
            present,
            backend,
            task,
        }
    }

    pub(crate) fn subscribe(&self) -> Notices {
        Notices(self.heard.subscribe())
    }

    pub(crate) fn stop(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Listener {
    pool: PgPool,
    head: watch::Sender<Seq>,
    heard: broadcast::Sender<Notice>,
    present: watch::Receiver<BTreeSet<SyncId>>,
    backend: Arc<AtomicI32>,
}

impl Listener {
    async fn run(mut self) {
        let mut wait = SHORTEST_WAIT;
        while !self.pool.is_closed() {
            match self.listen(&mut wait).await {
                Ok(()) => {
                    tracing::warn!("the connection for notices of other servers is lost; it is made again")
                }
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => {
                    tracing::warn!(%error, "other servers' notices can't be heard; it is tried again")
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Listens until the connection is lost.
    async fn listen(&mut self, wait: &mut Duration) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        // This would hide that notices were missed.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        // A connection that was given back with its locks, and is used again, holds none now.
        listener.execute("SELECT pg_advisory_unlock_all()").await?;
        let number = sqlx::query_scalar("SELECT pg_backend_pid()");
        let number = number.fetch_one(&mut listener).await?;
        self.backend.store(number, Ordering::Relaxed);
        self.look(&mut listener).await?;
        self.tell(Notice::Anything);
        *wait = SHORTEST_WAIT;
        let mut held = BTreeSet::new();
        loop {
            let wanted = self.present.borrow_and_update().clone();
            presence::hold(&mut listener, &mut held, &wanted).await?;
            tokio::select! {
                heard = listener.try_recv() => match heard? {
                    Some(notification) => self.take(notification.payload()),
                    None => return Ok(()),
                },
                Ok(()) = self.present.changed() => {}
                () = tokio::time::sleep(PULSE) => {}
            }
            while let Some(notification) = listener.next_buffered() {
                self.take(notification.payload());
            }
            // What comes from here on is taken, and looked at, in the next turn.
            self.look(&mut listener).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// An empty payload is the head's, which is looked at after any.
    fn take(&self, payload: &str) {
        if !payload.is_empty() {
            self.tell(Notice::of(payload));
        }
    }

    fn tell(&self, notice: Notice) {
        // Nobody may be interested.
        let _ = self.heard.send(notice);
    }

    async fn look(&self, listener: &mut PgListener) -> Result<(), sqlx::Error> {
        let read = sqlx::query_scalar::<_, i64>("SELECT seq FROM feed_head WHERE id = 1");
        let head = tokio::time::timeout(PATIENCE, read.fetch_one(listener)).await;
        let head = head.map_err(|_| sqlx::Error::PoolTimedOut)??;
        move_head(&self.head, head as Seq);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_read_as_it_was_written_and_anything_else_is_about_anything() {
        let notices = [
            Notice::Lease(SyncId::new(64).unwrap()),
            Notice::Credentials,
            Notice::Revocations,
            Notice::Look,
            Notice::Anything,
        ];
        for notice in notices {
            assert_eq!(Notice::of(&notice.payload()), notice);
        }
        for odd in ["lease 0", "lease", "lease x", "of a later version"] {
            assert_eq!(Notice::of(odd), Notice::Anything, "{odd}");
        }
    }
}
