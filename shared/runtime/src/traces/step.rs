//! A step of a record version, its span, and the laws that all sites share: which versions are followed, and which ids their spans
//! have. No site hears of another's spans; each works them out from the version's hash.

use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use supplysync_model::{Reason, RecordHash, RecordVersion, Seq, SyncId};

use super::Origin;

/// What happens to a version on its way. Names and numbers never change: sites of all versions work out the same ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Written by its owner, from the begin of the transaction to its commit.
    Edit,
    /// Sent by a satellite to the primary, until that has acknowledged it.
    Push,
    /// Taken in from another site, from the begin of the transaction to its commit.
    Apply,
    /// Sent by the primary to a satellite, until that has acknowledged it.
    Route,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Edit => "edit",
            Stage::Push => "push",
            Stage::Apply => "apply",
            Stage::Route => "route",
        }
    }

    fn number(self) -> u8 {
        match self {
            Stage::Edit => 1,
            Stage::Push => 2,
            Stage::Apply => 3,
            Stage::Route => 4,
        }
    }

    fn kind(self) -> SpanKind {
        match self {
            Stage::Edit => SpanKind::Internal,
            Stage::Push | Stage::Route => SpanKind::Producer,
            Stage::Apply => SpanKind::Consumer,
        }
    }
}

/// One step. Nothing of the record's body, and no names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What happened.
    pub stage: Stage,
    /// To which version.
    pub version: RecordVersion,
    /// The site at the other end; of an edit its own.
    pub peer: SyncId,
    /// The seq that it took here, if it was written here.
    pub seq: Option<Seq>,
    /// The number of the batch that it was sent in.
    pub batch: Option<u64>,
    /// Why the other end did not take it.
    pub refused: Option<Reason>,
    /// When it began.
    pub began: SystemTime,
    /// When it had ended.
    pub ended: SystemTime,
}

/// The part of all versions that is followed: those whose hash ends in a number below a bound, as in OpenTelemetry's own sampling by
/// trace id. What a smaller part has, a larger one has, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    bound: u64,
}

impl Share {
    pub(super) fn of(ratio: f64) -> Share {
        // Of 63 bits; a float beyond the range becomes its end.
        let bound = (ratio * (1u64 << 63) as f64) as u64;
        Share { bound }
    }

    pub(super) fn has(self, hash: RecordHash) -> bool {
        let [.., a, b, c, d, e, f, g, h] = hash.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.bound
    }
}

/// The span of a stage at a site: for what is sent, `site` is where it is sent to or, on its way to the primary, from.
fn span_id(hash: RecordHash, stage: Stage, site: SyncId) -> SpanId {
    let mut input = [0; 19];
    input[..16].copy_from_slice(&hash.0);
    input[16] = stage.number();
    input[17..].copy_from_slice(&site.get().to_be_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(&input).as_bytes();
    SpanId::from_bytes([a, b, c, d, e, f, g, h])
}

/// Turns the steps of one site into spans.
pub(super) struct Describing {
    pub(super) resource: Resource,
    site: SyncId,
    scope: InstrumentationScope,
}

impl Describing {
    pub(super) fn new(origin: Origin) -> Describing {
        let resource = Resource::builder_empty()
            .with_service_name(origin.program)
            .with_attributes([
                KeyValue::new("service.namespace", "supplysync"),
                KeyValue::new("service.version", origin.version),
                KeyValue::new("service.instance.id", origin.site.to_string()),
            ])
            .build();
        let scope = InstrumentationScope::builder("supplysync")
            .with_version(origin.version)
            .build();
        Describing {
            resource,
            site: origin.site,
            scope,
        }
    }

    /// The step's own span, and the one that it followed from.
    fn ids(&self, step: &Step) -> (SpanId, SpanId) {
        let hash = step.version.hash;
        let edit = span_id(hash, Stage::Edit, step.version.origin_site);
        match step.stage {
            Stage::Edit => (edit, SpanId::INVALID),
            Stage::Push => (span_id(hash, Stage::Push, self.site), edit),
            Stage::Apply => {
                let came = match self.site.is_primary() {
                    true => span_id(hash, Stage::Push, step.peer),
                    false => span_id(hash, Stage::Route, self.site),
                };
                (span_id(hash, Stage::Apply, self.site), came)
            }
            Stage::Route => {
                let here = match step.version.origin_site == self.site {
                    true => edit,
                    false => span_id(hash, Stage::Apply, self.site),
                };
                (span_id(hash, Stage::Route, step.peer), here)
            }
        }
    }

    pub(super) fn span(&self, step: &Step) -> SpanData {
        let (id, parent) = self.ids(step);
        let trace = TraceId::from_bytes(step.version.hash.0);
        SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: parent,
            parent_span_is_remote: step.stage == Stage::Apply,
            span_kind: step.stage.kind(),
            name: step.stage.name().into(),
            start_time: step.began,
            // The system's clock may have been set back meanwhile.
            end_time: step.ended.max(step.began),
            attributes: self.attributes(step),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: step
                .refused
                .map_or(Status::Unset, |reason| Status::error(reason.0)),
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn attributes(&self, step: &Step) -> Vec<KeyValue> {
        let version = &step.version;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut attributes = vec![
            KeyValue::new("supplysync.site", i64::from(self.site.get())),
            KeyValue::new("supplysync.kind", version.key.kind.to_string()),
            KeyValue::new("supplysync.record", version.key.id.to_string()),
            KeyValue::new("supplysync.channel", version.channel.to_string()),
            KeyValue::new("supplysync.origin", i64::from(version.origin_site.get())),
            KeyValue::new("supplysync.epoch", version.epoch.to_string()),
            KeyValue::new("supplysync.revision", number(version.revision)),
        ];
        if step.stage != Stage::Edit {
            attributes.push(KeyValue::new("supplysync.peer", i64::from(step.peer.get())));
        }
        attributes.extend(step.seq.map(|seq| KeyValue::new("supplysync.seq", number(seq))));
        attributes.extend(
            step.batch
                .map(|batch| KeyValue::new("supplysync.batch", number(batch))),
        );
        attributes
    }
}

#[cfg(test)]
mod tests;
