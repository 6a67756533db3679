//! How steps leave: a task that gathers what waits, makes spans of it and hands them to the exporter, one delivery at a time. Whoever
//! tells steps never waits for it. OpenTelemetry's own batching is not used, as it does not tell how much it has dropped.

use std::time::Duration;

use opentelemetry_sdk::trace::SpanExporter;
use supplysync_model::Fault;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::step::{Describing, Step};
use super::{PATIENCE, dropped, sent};

/// Spans of one delivery, at the most.
const DELIVERY: usize = 512;
/// How long a delivery waits to be full.
const GATHERING: Duration = Duration::from_millis(500);
/// How long the last ones may take once the program stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// The task's state.
pub(super) struct Export<E> {
    exporter: E,
    steps: mpsc::Receiver<Step>,
    describing: Describing,
    finish: CancellationToken,
    /// Whether the last delivery failed: it is said once, until one arrives.
    away: bool,
}

impl<E: SpanExporter> Export<E> {
    pub(super) fn new(
        mut exporter: E,
        steps: mpsc::Receiver<Step>,
        describing: Describing,
        finish: CancellationToken,
    ) -> Export<E> {
        exporter.set_resource(&describing.resource);
        Export {
            exporter,
            steps,
            describing,
            finish,
            away: false,
        }
    }

    /// Sends until it is to finish, or nobody can tell any more; what waits then is sent, within a bound.
    pub(super) async fn run(mut self) -> Result<(), Fault> {
        let finish = self.finish.clone();
        let late = async {
            finish.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            () = self.work() => {}
            () = late => tracing::warn!("the collector of traces did not take the last spans in time"),
        }
        Ok(())
    }

    async fn work(&mut self) {
        loop {
            let steps = self.gather().await;
            if steps.is_empty() {
                return;
            }
            self.deliver(&steps).await;
        }
    }

    /// What waits, once it is enough or has waited long enough; nothing at the end.
    async fn gather(&mut self) -> Vec<Step> {
        let mut gathered = Vec::new();
        let finish = self.finish.clone();
        let mut until = None::<Instant>;
        while gathered.len() < DELIVERY {
            let room = DELIVERY - gathered.len();
            let waited = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // The last ones are still taken out of a closed queue.
                () = finish.cancelled(), if !self.steps.is_closed() => self.steps.close(),
                came = self.steps.recv_many(&mut gathered, room) => match came {
                    0 => break,
                    _ => { until.get_or_insert_with(|| Instant::now() + GATHERING); }
                },
                () = waited => break,
            }
        }
        gathered
    }

    async fn deliver(&mut self, steps: &[Step]) {
        let spans: Vec<_> = steps.iter().map(|step| self.describing.span(step)).collect();
        let number = spans.len() as u64;
        let trouble = match tokio::time::timeout(PATIENCE, self.exporter.export(spans)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it does not answer".to_owned()),
        };
        match trouble {
            None => {
                sent(number);
                if std::mem::take(&mut self.away) {
                    tracing::info!("the collector of traces takes spans again");
                }
            }
            Some(trouble) => {
                dropped(number);
                if !std::mem::replace(&mut self.away, true) {
                    tracing::warn!(
                        trouble,
                        "the collector of traces takes no spans: they are dropped until it does; see that it runs at traces.endpoint"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
