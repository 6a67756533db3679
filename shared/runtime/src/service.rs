//! A program's life: logging, runtime, signals, the service itself, an orderly stop, and the exit code.
//!
//! Exit codes: 0 stopped in order; 1 a fault (the log says which); 2 the configuration or a certificate is wrong, nothing
//! was begun; 130 a second signal cut the stop short.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use supplysync_model::{Clock, Fault, Random, Reason, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::clock::{SystemClock, SystemRandom};
use crate::health::Readiness;
use crate::metrics::Metrics;
use crate::tasks::{OnEnd, Tasks};
use crate::telemetry::{self, LogConfig};

/// How long tasks may take to end once they are asked to. With the rest it stays below ten seconds.
const SOFT_STOP: Duration = Duration::from_secs(8);
/// How long threads may take after that.
const HARD_STOP: Duration = Duration::from_secs(1);

/// Exit code: a fault.
pub const EXIT_FAULT: u8 = 1;
/// Exit code: the configuration or a certificate is wrong.
pub const EXIT_CONFIGURATION: u8 = 2;
/// Exit code: a second signal.
pub const EXIT_ABORTED: i32 = 130;

/// What a service is given.
#[derive(Clone)]
pub struct Context {
    /// The program's name.
    pub name: &'static str,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// Cancelled when it is to stop.
    pub stop: CancellationToken,
    /// What `/readyz` answers.
    pub readiness: Readiness,
    /// What `/metrics` answers.
    pub metrics: Metrics,
    /// When it was started.
    pub started: Timestamp,
    /// The system's clock.
    pub clock: Arc<dyn Clock>,
    /// The system's random bits.
    pub random: Arc<dyn Random>,
}

/// Runs a service from its start to its end: a signal, a fault of `serve`, or the end of a critical task. `serve` may
/// return `Ok` once its tasks run, or stay until `stop`; both are well.
pub fn service_main<S, F>(name: &'static str, log: &LogConfig, serve: S) -> ExitCode
where
    S: FnOnce(Context) -> F,
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    crate::memory::keep_little();
    let outcome = telemetry::init(log).and_then(|()| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime
            .enable_all()
            .thread_name(name)
            .build()
            .map_err(Fault::internal)?;
        let outcome = runtime.block_on(live(name, serve));
        runtime.shutdown_timeout(HARD_STOP);
        outcome
    });
    match outcome {
        Ok(()) => {
            tracing::info!(program = name, "stopped");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            let source = std::error::Error::source(&fault).map(tracing::field::display);
            tracing::error!(
                program = name,
                reason = fault.reason().0,
                source,
                "stopped: {fault}"
            );
            ExitCode::from(exit_code(&fault))
        }
    }
}

/// The exit code of a program that ended with this fault.
pub fn exit_code(fault: &Fault) -> u8 {
    match fault.reason() {
        Reason::CONFIGURATION_INVALID | Reason::CERTIFICATE_UNUSABLE => EXIT_CONFIGURATION,
        _ => EXIT_FAULT,
    }
}

async fn live<S, F>(name: &'static str, serve: S) -> Result<(), Fault>
where
    S: FnOnce(Context) -> F,
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let tasks = Tasks::new(stop.clone());
    let metrics = Metrics::install()?;
    tasks.spawn("metrics", OnEnd::Critical, metrics.clone().keep(stop.clone()));
    stop_on_panic(tasks.clone());
    let context = Context {
        name,
        tasks: tasks.clone(),
        stop: stop.clone(),
        readiness: Readiness::default(),
        metrics: metrics.clone(),
        started: SystemClock.now(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    tracing::info!(program = name, version = env!("CARGO_PKG_VERSION"), "starting");
    let (failing, serving) = (tasks.clone(), serve(context));
    tasks.spawn("service", OnEnd::Optional, async move {
        if let Err(fault) = serving.await {
            failing.fail(fault);
        }
        Ok(())
    });
    tokio::select! {
        which = signals.next() => {
            tracing::info!(signal = which, "stopping; a second signal cuts it short");
            stop.cancel();
        }
        () = stop.cancelled() => {}
    }
    let ended = tokio::select! {
        ended = tasks.finished(SOFT_STOP) => ended,
        which = signals.next() => {
            tracing::error!(signal = which, "second signal: stopping at once");
            std::process::exit(EXIT_ABORTED);
        }
    };
    match (tasks.take_failure(), ended) {
        (Some(fault), _) => Err(fault),
        (None, Ok(())) => Ok(()),
        (None, Err(names)) => Err(Fault::internal(format!(
            "these tasks did not end within {} s and were aborted: {}",
            SOFT_STOP.as_secs(),
            names.join(", ")
        ))),
    }
}

/// A panic anywhere, in a thread of a library too, is logged and stops the program: a supervisor restarts it clean.
fn stop_on_panic(tasks: Tasks) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        let words = words_of_hook(panic);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {words}");
        tasks.fail(Fault::internal(format!("panic at {place}: {words}")));
    }));
}

fn words_of_hook<'a>(panic: &'a std::panic::PanicHookInfo<'_>) -> &'a str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Fault> {
        let listen = |kind| signal(kind).map_err(Fault::internal);
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    //! The test program starts itself again as a service, and is sent real signals.

    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use supplysync_model::FaultCode;

    use super::*;

    const ROLE: &str = "SUPPLYSYNC_TEST_SERVICE";

    /// What the child does; as an ordinary test it does nothing.
    #[test]
    fn child() {
        let Ok(role) = std::env::var(ROLE) else {
            return;
        };
        let log = LogConfig {
            format: telemetry::LogFormat::Json,
            ..LogConfig::default()
        };
        let code = service_main("child", &log, |context| async move {
            let (stop, tasks) = (context.stop.clone(), context.tasks.clone());
            match role.as_str() {
                "orderly" => tasks.spawn("worker", OnEnd::Critical, async move {
                    stop.cancelled().await;
                    Ok(())
                }),
                "hanging" => tasks.spawn("worker", OnEnd::Critical, std::future::pending()),
                "panics" => tasks.spawn("worker", OnEnd::Optional, async { panic!("on purpose") }),
                "unconfigured" => {
                    return Err(Fault::new(
                        FaultCode::InvalidArgument,
                        Reason::CONFIGURATION_INVALID,
                        "wrong",
                    ));
                }
                _ => return Err(Fault::internal("a fault")),
            }
            Ok(())
        });
        // The harness knows 0 and 101 only.
        std::process::exit(if code == ExitCode::SUCCESS {
            0
        } else if code == ExitCode::from(EXIT_CONFIGURATION) {
            EXIT_CONFIGURATION.into()
        } else {
            EXIT_FAULT.into()
        });
    }

    fn start(role: &str) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "service::tests::child", "--nocapture"])
            .env(ROLE, role)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().contains("\"starting\"")),
            "the child began"
        );
        // Goes on reading, or the child would block; ends with it.
        std::thread::spawn(move || lines.for_each(drop));
        child
    }

    fn send(signal: &str, child: &Child) {
        let kill = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", child.id())])
            .status();
        assert!(kill.unwrap().success());
    }

    #[test]
    fn a_signal_stops_in_order() {
        for signal in ["TERM", "INT"] {
            let mut child = start("orderly");
            send(signal, &child);
            assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        }
    }

    #[test]
    fn a_second_signal_stops_at_once() {
        let mut child = start("hanging");
        // The child may take the first only after the second was sent, which the system then merges: so again.
        let code = loop {
            send("TERM", &child);
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            std::thread::yield_now();
        };
        assert_eq!(code, Some(EXIT_ABORTED));
    }

    #[test]
    fn faults_and_panics_have_exit_codes() {
        for (role, code) in [
            ("panics", EXIT_FAULT),
            ("fails", EXIT_FAULT),
            ("unconfigured", EXIT_CONFIGURATION),
        ] {
            assert_eq!(start(role).wait().unwrap().code(), Some(code.into()), "{role}");
        }
    }
}
