//! A collector that is away, slow or back again, and what is dropped meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::SpanData;
use supplysync_model::{Channel, Epoch, Kind, RecordHash, RecordId, RecordKey, RecordVersion, SyncId};

use super::super::step::Stage;
use super::super::{Origin, Traces};
use super::*;

/// Takes spans, or does not.
#[derive(Debug, Clone, Default)]
struct Collector {
    deliveries: Arc<Mutex<Vec<usize>>>,
    away: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.away.load(Ordering::Relaxed) {
            return Err(OTelSdkError::InternalFailure("nobody is there".into()));
        }
        self.deliveries.lock().unwrap().push(batch.len());
        Ok(())
    }
}

impl Collector {
    fn spans(&self) -> usize {
        self.deliveries.lock().unwrap().iter().sum()
    }
}

fn step(number: u8) -> Step {
    let key = RecordKey {
        kind: Kind::ITEM,
        id: RecordId::from_bytes([number; 16]),
    };
    Step {
        stage: Stage::Edit,
        version: RecordVersion {
            hash: RecordHash([number; 16]),
            key,
            channel: Channel::Master,
            origin_site: SyncId::PRIMARY,
            epoch: Epoch::default(),
            revision: 1,
        },
        peer: SyncId::PRIMARY,
        seq: None,
        batch: None,
        refused: None,
        began: SystemTime::UNIX_EPOCH,
        ended: SystemTime::UNIX_EPOCH,
    }
}

fn export(collector: &Collector, capacity: usize) -> (Traces, Export<Collector>, CancellationToken) {
    let origin = Origin {
        program: "a program",
        version: "0.0.0",
        site: SyncId::PRIMARY,
    };
    let (traces, steps) = Traces::queue(1.0, capacity);
    let finish = CancellationToken::new();
    let describing = Describing::new(origin);
    let export = Export::new(collector.clone(), steps, describing, finish.clone());
    (traces, export, finish)
}

/// Runs a test with a recorder of its own, on one thread; what it counted.
fn counted(test: impl Future<Output = ()>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    ::metrics::with_local_recorder(&recorder, || runtime.block_on(test));
    recorder.handle().render()
}

fn counts(text: &str, fate: &str, number: usize) -> bool {
    text.contains(&format!(
        "supplysync_trace_spans_total{{fate=\"{fate}\"}} {number}\n"
    ))
}

#[test]
fn what_waits_at_the_end_is_sent() {
    let collector = Collector::default();
    let text = counted(async {
        let (traces, export, finish) = export(&collector, 2_000);
        for _ in 0..1_200 {
            traces.tell(step(1));
        }
        finish.cancel();
        export.run().await.unwrap();
        // Nobody takes them any more.
        traces.tell(step(1));
    });
    assert_eq!(*collector.deliveries.lock().unwrap(), [512, 512, 176]);
    assert!(
        counts(&text, "sent", 1_200) && counts(&text, "dropped", 1),
        "{text}"
    );
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let text = counted(async {
        let (traces, _export, _finish) = export(&Collector::default(), 10);
        for _ in 0..15 {
            traces.tell(step(1));
        }
    });
    assert!(counts(&text, "dropped", 5), "{text}");
}

#[test]
fn a_collector_that_is_away_is_tried_again_with_what_comes_later() {
    let collector = Collector::default();
    collector.away.store(true, Ordering::Relaxed);
    let text = counted(async {
        let (_traces, mut export, _finish) = export(&collector, 100);
        for number in 0..3 {
            export.deliver(&[step(number)]).await;
            assert!(export.away);
        }
        collector.away.store(false, Ordering::Relaxed);
        export.deliver(&[step(4)]).await;
        assert!(!export.away);
    });
    assert_eq!(collector.spans(), 1);
    assert!(counts(&text, "sent", 1) && counts(&text, "dropped", 3), "{text}");
}

#[test]
fn a_collector_that_never_answers_holds_nobody_up_at_the_end() {
    let collector = Collector::default();
    collector.silent.store(true, Ordering::Relaxed);
    counted(async {
        let (traces, export, finish) = export(&collector, 100);
        traces.tell(step(1));
        let begun = Instant::now();
        finish.cancel();
        export.run().await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
    });
}

#[test]
fn it_ends_when_nobody_can_tell_any_more() {
    counted(async {
        let (traces, export, _finish) = export(&Collector::default(), 100);
        drop(traces);
        export.run().await.unwrap();
    });
}
