//! What a session tells of the record versions in the batches that it sends: that each was on its way, once it is acknowledged.
//! Nothing is kept while traces are off, nor of versions that are not followed.

use std::collections::{HashMap, VecDeque};
use std::time::SystemTime;

use supplysync_model::{RecordVersion, SyncId};
use supplysync_runtime::Traces;
use supplysync_runtime::traces::{Stage, Step};
use supplysync_sync_core::{Ack, Batch, Direction};

/// A batch on its way that carries something which is followed.
struct Sent {
    number: u64,
    began: SystemTime,
    versions: Vec<RecordVersion>,
}

/// What is on its way to one peer; a session's window bounds it.
pub(super) struct Trail {
    traces: Traces,
    stage: Stage,
    peer: SyncId,
    under_way: VecDeque<Sent>,
}

impl Trail {
    /// Of a session that sends that way.
    pub(super) fn begin(traces: Traces, sends: Direction, peer: SyncId) -> Trail {
        Trail {
            traces,
            stage: match sends {
                Direction::Push => Stage::Push,
                Direction::Pull => Stage::Route,
            },
            peer,
            under_way: VecDeque::new(),
        }
    }

    /// A batch is about to go.
    pub(super) fn sending(&mut self, batch: &Batch) {
        if !self.traces.are_on() {
            return;
        }
        let records = batch.parts.iter().flat_map(|part| &part.records);
        let followed = records.filter(|record| self.traces.follow(record.hash));
        let versions: Vec<_> = followed.map(RecordVersion::from).collect();
        if !versions.is_empty() {
            self.under_way.push_back(Sent {
                number: batch.number,
                began: Traces::now(),
                versions,
            });
        }
    }

    /// Everything up to the ack's batch is durable at the other end, or refused there.
    pub(super) fn acknowledged(&mut self, ack: &Ack) {
        let Some(first) = self.under_way.front() else {
            return;
        };
        if first.number > ack.number {
            return;
        }
        let ended = Traces::now();
        let refused = ack.refused.iter().map(|refusal| (refusal.key, refusal.reason));
        let refused: HashMap<_, _> = refused.collect();
        while let Some(sent) = self.under_way.pop_front_if(|sent| sent.number <= ack.number) {
            for version in sent.versions {
                self.traces.tell(Step {
                    stage: self.stage,
                    version,
                    peer: self.peer,
                    seq: None,
                    batch: Some(sent.number),
                    refused: refused.get(&version.key).copied(),
                    began: sent.began,
                    ended,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
