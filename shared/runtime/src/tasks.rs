//! Supervised tasks: each has a name and a meaning of its end; a stop waits for all of them. The only place that spawns.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use supplysync_model::Fault;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the end of a task means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnEnd {
    /// The program can't go on without it: it stops.
    Critical,
    /// The others go on; a fault is logged.
    Optional,
}

/// How long a task that restarts waits: doubling from `first` up to `longest`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Before the first restart.
    pub first: Duration,
    /// At most. A run longer than this begins from `first` again.
    pub longest: Duration,
}

/// The tasks of a program, and its stop signal. Clones are the same set.
#[derive(Clone)]
pub struct Tasks(Arc<Inner>);

struct Inner {
    tracker: TaskTracker,
    stop: CancellationToken,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    next: u64,
    tasks: BTreeMap<u64, (&'static str, Option<AbortHandle>)>,
    failure: Option<Fault>,
}

impl Tasks {
    /// No tasks; `stop` is cancelled when one that is critical ends.
    pub fn new(stop: CancellationToken) -> Tasks {
        Tasks(Arc::new(Inner {
            tracker: TaskTracker::new(),
            stop,
            running: Mutex::default(),
        }))
    }

    /// Cancelled when the program is to stop; tasks end soon after.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Runs `future` as a task. A panic in it stops the program whatever its end would mean: what it left is not known.
    pub fn spawn<F>(&self, name: &'static str, on_end: OnEnd, future: F)
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let number = self.enter(name);
        let tasks = self.clone();
        let supervised = async move {
            let end = AssertUnwindSafe(future).catch_unwind().await;
            tasks.ended(number, name, on_end, end);
        };
        let handle = self.0.tracker.track_future(supervised);
        #[expect(clippy::disallowed_methods, reason = "these are the supervised tasks")]
        let handle = tokio::spawn(handle).abort_handle();
        if let Some((_, abort)) = self.lock().tasks.get_mut(&number) {
            *abort = Some(handle);
        }
    }

    /// Runs what `begin` makes, and again after a fault and a wait; `Ok` ends it. Faults are logged.
    pub fn spawn_restarting<B, F>(&self, name: &'static str, backoff: Backoff, mut begin: B)
    where
        B: FnMut() -> F + Send + 'static,
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let stop = self.0.stop.clone();
        self.spawn(name, OnEnd::Optional, async move {
            let mut wait = backoff.first;
            loop {
                let begun = tokio::time::Instant::now();
                let Err(fault) = begin().await else {
                    return Ok(());
                };
                if begun.elapsed() > backoff.longest {
                    wait = backoff.first;
                }
                tracing::warn!(task = name, reason = fault.reason().0, fault = ?fault, ?wait, "task failed; it restarts");
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(wait) => {}
                }
                wait = wait.saturating_mul(2).min(backoff.longest);
            }
        });
    }

    /// Waits until every task has ended, at most `within`; then aborts the rest and names them.
    pub async fn finished(&self, within: Duration) -> Result<(), Vec<&'static str>> {
        self.0.tracker.close();
        if tokio::time::timeout(within, self.0.tracker.wait()).await.is_ok() {
            return Ok(());
        }
        let running = self.lock();
        for (_, abort) in running.tasks.values() {
            abort.iter().for_each(AbortHandle::abort);
        }
        Err(running.tasks.values().map(|(name, _)| *name).collect())
    }

    /// The first failure that stopped the program, if one did.
    pub fn take_failure(&self) -> Option<Fault> {
        self.lock().failure.take()
    }

    /// Stops the program because of `fault`; the first one counts.
    pub fn fail(&self, fault: Fault) {
        let mut running = self.lock();
        if running.failure.is_none() {
            running.failure = Some(fault);
        }
        drop(running);
        self.0.stop.cancel();
    }

    fn enter(&self, name: &'static str) -> u64 {
        let mut running = self.lock();
        let number = running.next;
        running.next += 1;
        running.tasks.insert(number, (name, None));
        number
    }

    fn ended(
        &self,
        number: u64,
        name: &'static str,
        on_end: OnEnd,
        end: std::thread::Result<Result<(), Fault>>,
    ) {
        self.lock().tasks.remove(&number);
        match (end, on_end) {
            (Err(panic), _) => self.fail(Fault::internal(format!(
                "the task {name} panicked: {}",
                words_of(&*panic)
            ))),
            (Ok(Err(fault)), OnEnd::Critical) => self.fail(fault),
            (Ok(Err(fault)), OnEnd::Optional) => {
                tracing::warn!(task = name, reason = fault.reason().0, fault = ?fault, "task ended with a fault");
            }
            (Ok(Ok(())), OnEnd::Critical) if !self.0.stop.is_cancelled() => {
                self.fail(Fault::internal(format!(
                    "the task {name} ended though the program was to go on"
                )));
            }
            (Ok(Ok(())), _) => {}
        }
    }

    /// What is behind the lock is never left half changed.
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.lock().tasks.values().map(|(name, _)| *name).collect();
        f.debug_tuple("Tasks").field(&names).finish()
    }
}

/// What a panic says.
pub(crate) fn words_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use supplysync_model::{FaultCode, Reason};

    use super::*;

    fn fault() -> Fault {
        Fault::new(FaultCode::Unavailable, Reason::PEER_UNREACHABLE, "gone")
    }

    #[tokio::test]
    async fn the_end_of_a_critical_task_stops_the_program() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("optional", OnEnd::Optional, async { Err(fault()) });
        tasks.spawn("server", OnEnd::Critical, async { Err(fault()) });
        tasks.stop().cancelled().await;
        assert_eq!(
            tasks.take_failure().map(|fault| fault.reason()),
            Some(Reason::PEER_UNREACHABLE)
        );
        tasks.finished(Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test]
    async fn a_critical_task_may_not_just_end_and_an_optional_one_may() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("optional", OnEnd::Optional, async { Err(fault()) });
        tasks.finished(Duration::from_secs(5)).await.unwrap();
        assert!(!tasks.stop().is_cancelled());
        tasks.spawn("server", OnEnd::Critical, async { Ok(()) });
        tasks.stop().cancelled().await;
        assert!(tasks.take_failure().is_some());
    }

    #[tokio::test]
    async fn a_panic_stops_the_program() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("session", OnEnd::Optional, async { panic!("on purpose") });
        tasks.stop().cancelled().await;
        let failure = tasks.take_failure().unwrap();
        assert!(format!("{failure:?}").contains("session panicked: on purpose"));
    }

    #[tokio::test]
    async fn a_stop_waits_for_tasks_and_names_those_that_hang() {
        let tasks = Tasks::new(CancellationToken::new());
        let stop = tasks.stop().clone();
        tasks.spawn("orderly", OnEnd::Critical, async move {
            stop.cancelled().await;
            Ok(())
        });
        tasks.spawn("hanging", OnEnd::Optional, std::future::pending());
        tasks.stop().cancel();
        assert_eq!(
            tasks.finished(Duration::from_millis(200)).await,
            Err(vec!["hanging"])
        );
        tasks.0.tracker.wait().await;
        assert!(tasks.take_failure().is_none());
    }

    #[tokio::test]
    async fn a_restarting_task_waits_longer_each_time() {
        let tasks = Tasks::new(CancellationToken::new());
        let backoff = Backoff {
            first: Duration::from_millis(10),
            longest: Duration::from_millis(40),
        };
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let begun = tokio::time::Instant::now();
        tasks.spawn_restarting("flaky", backoff, move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move { if run < 4 { Err(fault()) } else { Ok(()) } }
        });
        tasks.finished(Duration::from_secs(60)).await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 5);
        assert!(begun.elapsed() >= Duration::from_millis(10 + 20 + 40 + 40));
    }
}
