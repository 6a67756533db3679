//! Poison: a record that comes so that its receiver can't read it, each time that it is sent.

use bytes::Bytes;
use rand::Rng;
use supplysync_model::{Kind, RecordHash, RecordKey};

use super::event::ProcessId;
use super::{World, note};
use crate::simulator::counts::Deed;
use crate::simulator::frame::Frame;
use crate::simulator::words;
use crate::{PrimaryMessage, SatelliteMessage};

/// Kinds that the store itself need not read.
const ENTITIES: [Kind; 5] = [
    Kind::UNIT,
    Kind::ITEM,
    Kind::NAME,
    Kind::STOCK_LINE,
    Kind::TRANSACTION,
];

impl World {
    /// Something that a process writes next will be poison.
    pub(super) fn poison_what_comes(&mut self) {
        let everywhere: Vec<_> = (0..self.processes.len()).collect();
        if let Some(process) = self.pick(&everywhere) {
            self.processes[process].trouble.poison_next = true;
        }
    }

    /// One of the versions just written is poison, if that is due.
    pub(super) fn poison(&mut self, process: ProcessId, written: &[(RecordKey, RecordHash)]) {
        if !self.processes[process].trouble.poison_next {
            return;
        }
        let fit: Vec<_> = written
            .iter()
            .copied()
            .filter(|(key, _)| ENTITIES.contains(&key.kind))
            .collect();
        if let Some((key, hash)) = self.pick(&fit) {
            note!(self, "{} will come so that nobody can read it", words::key(key));
            self.count(Deed::RecordPoisoned);
            self.processes[process].trouble.poison_next = false;
            self.truth.poisoned.insert((process, key, hash));
        }
    }

    /// What becomes of a frame that carries poison.
    pub(super) fn spoil(&mut self, process: ProcessId, frame: &mut Frame) {
        let (Frame::ToPrimary(SatelliteMessage::Batch(batch))
        | Frame::ToSatellite(PrimaryMessage::Batch(batch))) = frame
        else {
            return;
        };
        for record in batch.parts.iter_mut().flat_map(|part| &mut part.records) {
            let version = (process, record.key, record.hash);
            if self.truth.poisoned.contains(&version) {
                record.body = Bytes::copy_from_slice(&self.rng.random::<[u8; 3]>());
                self.counts.count(Deed::PoisonSent);
            }
        }
    }
}
