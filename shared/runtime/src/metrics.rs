//! What an operator's Prometheus is told: what the program counts as it goes, and gauges that are read when somebody asks. Which
//! there are is said where they are counted and read; the HTTP side is in `health`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::metrics::{Label, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use supplysync_model::Fault;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Gauges are read again after this time at the earliest, however often somebody asks.
const SHORTEST_AGE: Duration = Duration::from_secs(5);
/// Reading them takes one part in so many of the time, at the most.
const SHARE: u32 = 20;
/// How long one reading may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What was measured is put into its buckets this often: until then each value takes room.
const UPKEEP: Duration = Duration::from_secs(5);

/// Upper bounds of what takes time, in seconds.
const SECONDS: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];
/// Upper bounds of how many records are in a batch; 2,500 is the most.
const RECORDS: &[f64] = &[0.0, 1.0, 10.0, 100.0, 500.0, 1_000.0, 2_500.0];

const READABLE: Description = (
    "supplysync_readings_ok",
    "Whether the gauges that need the database could be read: 1, or 0 and they are missing.",
);

/// The name of a metric, and what it tells.
pub type Description = (&'static str, &'static str);

/// The value of one gauge.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which one.
    pub of: Description,
    /// Of whom or what, by name. Only words of ours and Sync IDs: as many as there can be are bounded.
    pub labels: Vec<(&'static str, String)>,
    /// How much.
    pub value: f64,
}

/// Where gauges are read.
pub trait Gauges: Send + Sync + 'static {
    /// Those that cost nothing.
    fn present(&self) -> Vec<Reading>;
    /// Those that need the database.
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Vec<Reading>, Fault>> + Send + '_>>;
}

/// The program's metrics. Clones are the same.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    counted: PrometheusHandle,
    gauges: OnceLock<Box<dyn Gauges>>,
    last: Mutex<Option<Last>>,
}

/// The last reading that needed the database.
struct Last {
    readings: Vec<Reading>,
    /// When the next may be.
    next: Instant,
}

impl Metrics {
    /// From here on, what this program counts is kept. Once in a program.
    pub fn install() -> Result<Metrics, Fault> {
        let counted = builder()?.install_recorder().map_err(Fault::internal)?;
        Ok(Metrics::new(counted))
    }

    /// Of what no other part of this program counts: for tests.
    #[cfg(test)]
    pub(crate) fn apart() -> Metrics {
        Metrics::new(PrometheusBuilder::new().build_recorder().handle())
    }

    fn new(counted: PrometheusHandle) -> Metrics {
        Metrics(Arc::new(Inner {
            counted,
            gauges: OnceLock::new(),
            last: Mutex::default(),
        }))
    }

    /// What is read when somebody asks; the first that is given stays.
    pub fn read_from(&self, gauges: impl Gauges) {
        let _ = self.0.gauges.set(Box::new(gauges));
    }

    /// All of it in Prometheus' text format. The database is asked only if the last answer is old enough; who asks meanwhile gets
    /// that one.
    pub async fn text(&self) -> String {
        let mut text = self.0.counted.render();
        if let Some(gauges) = self.0.gauges.get() {
            let mut readings = gauges.present();
            readings.extend(self.read(gauges.as_ref()).await);
            text.push_str(&in_text(&readings));
        }
        text
    }

    async fn read(&self, gauges: &dyn Gauges) -> Vec<Reading> {
        let mut last = self.0.last.lock().await;
        let now = Instant::now();
        if let Some(last) = last.as_ref().filter(|last| now < last.next) {
            return last.readings.clone();
        }
        let read = tokio::time::timeout(PATIENCE, gauges.read()).await;
        let mut readings = match read {
            Ok(Ok(readings)) => readings,
            Ok(Err(fault)) => {
                tracing::warn!(
                    reason = fault.reason().0,
                    ?fault,
                    "metrics can't be read from the database"
                );
                Vec::new()
            }
            Err(_) => {
                tracing::warn!("metrics could not be read from the database in time");
                Vec::new()
            }
        };
        readings.push(Reading {
            of: READABLE,
            labels: Vec::new(),
            value: f64::from(u8::from(!readings.is_empty())),
        });
        let next = Instant::now() + rest(now.elapsed());
        *last = Some(Last {
            readings: readings.clone(),
            next,
        });
        readings
    }

    /// Keeps what is counted small, until stopped.
    pub async fn keep(self, stop: CancellationToken) -> Result<(), Fault> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(UPKEEP) => self.0.counted.run_upkeep(),
            }
        }
    }
}

fn builder() -> Result<PrometheusBuilder, Fault> {
    let bounds = [("_seconds", SECONDS), ("_records", RECORDS)];
    bounds
        .into_iter()
        .try_fold(PrometheusBuilder::new(), |builder, (ending, bounds)| {
            builder
                .set_buckets_for_metric(Matcher::Suffix(ending.to_owned()), bounds)
                .map_err(Fault::internal)
        })
}

/// In a recorder of their own: what is not read any more, of a site that was removed, is not told any more.
fn in_text(readings: &[Reading]) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || {
        for reading in readings {
            let (name, help) = reading.of;
            describe_gauge!(name, help);
            let labels = reading
                .labels
                .iter()
                .map(|(name, value)| Label::new(*name, value.clone()));
            gauge!(name, labels.collect::<Vec<_>>()).set(reading.value);
        }
    });
    recorder.handle().render()
}

/// How long nothing is read after a reading that took so long.
fn rest(took: Duration) -> Duration {
    SHORTEST_AGE.max(took * SHARE)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const PENDING: Description = ("supplysync_pending", "How many.");

    struct Counting {
        times: Arc<AtomicU32>,
        fails: bool,
    }

    impl Gauges for Counting {
        fn present(&self) -> Vec<Reading> {
            Vec::new()
        }

        fn read(&self) -> Pin<Box<dyn Future<Output = Result<Vec<Reading>, Fault>> + Send + '_>> {
            self.times.fetch_add(1, Ordering::Relaxed);
            let pending = Reading {
                of: PENDING,
                labels: vec![("site", "2".to_owned())],
                value: 7.0,
            };
            Box::pin(async move {
                match self.fails {
                    true => Err(Fault::internal("no database")),
                    false => Ok(vec![pending]),
                }
            })
        }
    }

    /// Asks a hundred times at once; every answer, and how often it was read.
    async fn asked(fails: bool) -> (Vec<String>, u32) {
        let recorder = builder().unwrap().build_recorder();
        with_local_recorder(&recorder, || {
            ::metrics::histogram!("supplysync_wait_seconds", "write" => "apply").record(0.01);
        });
        let metrics = Metrics::new(recorder.handle());
        let times = Arc::new(AtomicU32::new(0));
        metrics.read_from(Counting {
            times: times.clone(),
            fails,
        });
        let texts = futures::future::join_all((0..100).map(|_| metrics.text())).await;
        (texts, times.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn the_database_is_asked_once_however_often_somebody_asks() {
        let (texts, times) = asked(false).await;
        assert_eq!(times, 1);
        for text in texts {
            assert!(text.contains("supplysync_pending{site=\"2\"} 7\n"), "{text}");
            assert!(text.contains("supplysync_readings_ok 1\n"), "{text}");
        }
    }

    #[tokio::test]
    async fn what_can_not_be_read_is_said_and_the_rest_is_told() {
        let (texts, times) = asked(true).await;
        assert_eq!(times, 1);
        for text in texts {
            assert!(text.contains("supplysync_readings_ok 0\n"), "{text}");
            assert!(!text.contains("supplysync_pending"), "{text}");
            let bucket = "supplysync_wait_seconds_bucket{write=\"apply\",le=\"0.02\"} 1\n";
            assert!(text.contains(bucket), "{text}");
        }
    }

    #[test]
    fn a_slow_database_is_asked_less_often() {
        assert_eq!(rest(Duration::from_millis(3)), SHORTEST_AGE);
        assert_eq!(rest(Duration::from_secs(2)), Duration::from_secs(40));
    }
}
