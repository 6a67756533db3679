//! Traces for OpenTelemetry: one for each record version, its steps told by the sites that it passes (ADR 0018). Off unless a
//! collector is configured. What the steps are is in `step`, how they leave in `export`; where they are taken is in `node`.

mod config;
mod export;
mod step;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::metrics::{counter, describe_counter};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig, WithTonicConfig};
use supplysync_model::{Fault, FaultCode, Reason, RecordHash, SyncId};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

use crate::tasks::{OnEnd, Tasks};

pub use config::TracesConfig;
use export::Export;
use step::{Describing, Share};
pub use step::{Stage, Step};

const SPANS: &str = "supplysync_trace_spans_total";

/// Steps that wait to be sent, at the most; what comes then is dropped. Each takes some 150 bytes.
const QUEUE: usize = 4_096;
/// How long the collector may take for one delivery.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a connection on which nothing is answered is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Says what is counted of traces, and begins at 0.
pub fn describe() {
    describe_counter!(
        SPANS,
        "Spans for the collector of traces, by what became of them; `dropped` found no room or no collector."
    );
    sent(0);
    dropped(0);
}

fn sent(spans: u64) {
    counter!(SPANS, "fate" => "sent").increment(spans);
}

fn dropped(spans: u64) {
    counter!(SPANS, "fate" => "dropped").increment(spans);
}

/// Where steps are told, or nowhere, which is the default. Clones are the same.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Inner>>);

struct Inner {
    share: Share,
    queue: mpsc::Sender<Step>,
}

/// Which program tells.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Its name.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its site.
    pub site: SyncId,
}

impl Traces {
    /// Begins to send to the configured collector, which need not be there. Once the guard is dropped, what waits is sent within
    /// a bound, and the task ends. Nothing is begun where traces are off.
    pub fn begin(config: &TracesConfig, origin: Origin, tasks: &Tasks) -> Result<(Traces, DropGuard), Fault> {
        let finish = CancellationToken::new();
        if !config.is_on() {
            return Ok((Traces::default(), finish.drop_guard()));
        }
        // One try each: what comes meanwhile waits in the queue, not behind what is lost already.
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_channel(channel(&config.endpoint)?)
            .with_timeout(PATIENCE)
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(unusable)?;
        let (traces, steps) = Traces::queue(config.ratio, QUEUE);
        let export = Export::new(exporter, steps, Describing::new(origin), finish.clone());
        tasks.spawn("traces", OnEnd::Optional, export.run());
        tracing::info!(
            endpoint = config.endpoint,
            ratio = config.ratio,
            "steps of record versions are told to the collector of traces"
        );
        Ok((traces, finish.drop_guard()))
    }

    /// Where steps go into a queue, and its other end.
    pub fn queue(ratio: f64, capacity: usize) -> (Traces, mpsc::Receiver<Step>) {
        let (queue, steps) = mpsc::channel(capacity);
        let share = Share::of(ratio);
        (Traces(Some(Arc::new(Inner { share, queue }))), steps)
    }

    /// Whether any steps are told at all.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the steps of this version are told; every site with this ratio says the same.
    pub fn follow(&self, hash: RecordHash) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.share.has(hash))
    }

    /// Tells a step of a version that is followed. Never waits: where there is no room, it is dropped, and counted.
    pub fn tell(&self, step: Step) {
        if let Some(inner) = &self.0
            && inner.queue.try_send(step).is_err()
        {
            dropped(1);
        }
    }

    /// The present moment, finer than a [`supplysync_model::Timestamp`].
    #[expect(
        clippy::disallowed_methods,
        reason = "steps take less than a millisecond, and nothing is decided by them"
    )]
    pub fn now() -> SystemTime {
        SystemTime::now()
    }
}

/// Connects when something is sent, and again after a connection that is dead without a word.
fn channel(endpoint: &str) -> Result<Channel, Fault> {
    let endpoint = Channel::from_shared(endpoint.to_owned()).map_err(unusable)?;
    Ok(endpoint
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(PATIENCE)
        .connect_lazy())
}

fn unusable(error: impl std::error::Error) -> Fault {
    let message = format!("the collector of traces can't be used: {error}; correct the section traces");
    Fault::new(FaultCode::InvalidArgument, Reason::CONFIGURATION_INVALID, message)
}
