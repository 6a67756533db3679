//! What is told of batches once they are acknowledged, and what is not.

use bytes::Bytes;
use supplysync_model::{
    Channel, Checkpoint, Epoch, Incarnation, Kind, Reason, Record, RecordHash, RecordId, RecordKey,
};
use supplysync_sync_core::{Cursor, Part, Refusal};
use tokio::sync::mpsc::Receiver;

use super::*;

fn record(number: u8) -> Record {
    Record {
        key: RecordKey {
            kind: Kind::ITEM,
            id: RecordId::from_bytes([number; 16]),
        },
        channel: Channel::Master,
        origin_site: SyncId::PRIMARY,
        epoch: Epoch::default(),
        revision: number.into(),
        schema: 1,
        deleted: false,
        hash: RecordHash([number; 16]),
        body: Bytes::new(),
    }
}

fn head() -> Checkpoint {
    Checkpoint {
        incarnation: Incarnation {
            counter: 1,
            random: 0,
        },
        seq: 9,
        chain: Default::default(),
    }
}

fn batch(number: u64, records: &[u8]) -> Batch {
    let part = Part {
        channel: Channel::Master,
        from: None,
        through: Cursor::START,
        caught_up: false,
        records: records.iter().copied().map(record).collect(),
        digest: None,
        owner_proof: None,
    };
    Batch {
        number,
        parts: vec![part],
        checkpoint: head(),
    }
}

fn ack(number: u64, refused: &[u8]) -> Ack {
    let refused = refused.iter().map(|number| Refusal {
        key: record(*number).key,
        reason: Reason::STALE_EPOCH,
    });
    Ack {
        number,
        channels: Vec::new(),
        refused: refused.collect(),
        head: head(),
    }
}

fn told(steps: &mut Receiver<Step>) -> Vec<(u64, u64, Option<Reason>)> {
    let told = std::iter::from_fn(|| steps.try_recv().ok());
    told.map(|step| (step.version.revision, step.batch.unwrap(), step.refused))
        .collect()
}

#[test]
fn a_version_is_told_of_once_its_batch_is_acknowledged() {
    let (traces, mut steps) = Traces::queue(1.0, 100);
    let mut trail = Trail::begin(traces, Direction::Pull, SyncId::PRIMARY);
    trail.sending(&batch(1, &[1, 2]));
    trail.sending(&batch(2, &[3]));
    trail.sending(&batch(3, &[4]));
    assert_eq!(told(&mut steps), []);
    trail.acknowledged(&ack(2, &[2]));
    let refused = Some(Reason::STALE_EPOCH);
    assert_eq!(told(&mut steps), [(1, 1, None), (2, 1, refused), (3, 2, None)]);
    // Heard before.
    trail.acknowledged(&ack(2, &[]));
    assert_eq!(told(&mut steps), []);
    trail.acknowledged(&ack(3, &[]));
    assert_eq!(told(&mut steps), [(4, 3, None)]);
}

#[test]
fn nothing_is_kept_of_what_is_not_followed() {
    // Of the two hashes one is in the lower half.
    let (traces, mut steps) = Traces::queue(0.5, 100);
    let mut trail = Trail::begin(traces, Direction::Push, SyncId::PRIMARY);
    trail.sending(&batch(1, &[200, 20]));
    trail.sending(&batch(2, &[200]));
    assert_eq!((trail.under_way.len(), trail.under_way[0].versions.len()), (1, 1));
    trail.acknowledged(&ack(2, &[]));
    assert_eq!(told(&mut steps), [(20, 1, None)]);

    let mut off = Trail::begin(Traces::default(), Direction::Push, SyncId::PRIMARY);
    off.sending(&batch(1, &[1]));
    assert!(off.under_way.is_empty());
}
