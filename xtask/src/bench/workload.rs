//! What the benchmark applies: stock lines of one store as a satellite that keeps a copy receives them. The same seed
//! makes the same batches, so both sides get the same rows.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use supplysync_model::limits::MAX_BATCH_RECORDS;
use supplysync_model::{
    Amount, Chain, Channel, Checkpoint, Date, Digest, Epoch, Incarnation, Record, RecordHash, RecordKey, Seq,
    StockLine, StockLineId, StoreId, SyncId,
};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{ApplyRequest, Cursor, Direction, Part, seal};
use supplysync_tests::Outcome;

use super::master::{ITEMS, SUPPLIERS, item_id, supplier_id};

/// The store whose copy is received.
pub const STORE: StoreId = StoreId::from_bytes([0x51; 16]);
/// The channel that the batches are of.
pub const CHANNEL: Channel = Channel::StoreStock(STORE);
/// The primary's life.
pub const INCARNATION: Incarnation = Incarnation {
    counter: 1,
    random: 7,
};
const OWNER: u16 = 3;

/// Makes batches and remembers the last version of every stock line.
pub struct Workload {
    random: ChaCha8Rng,
    lines: Vec<StockLine>,
    /// The last version of each line that was sent.
    records: BTreeMap<RecordKey, Record>,
    seq: Seq,
    digest: Digest,
}

impl Workload {
    /// A store with this many stock lines, none of them sent yet.
    pub fn new(seed: u64, lines: usize) -> Workload {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let lines = (0..lines).map(|index| stock_line(index, &mut random)).collect();
        Workload {
            random,
            lines,
            records: BTreeMap::new(),
            seq: 0,
            digest: Digest::default(),
        }
    }

    /// A load of all in key order: batches that end in `Loading`, the last in `Following`.
    pub fn load(&mut self) -> Outcome<Vec<ApplyRequest>> {
        let order: Vec<usize> = (0..self.lines.len()).collect();
        let records = self.versions(&order)?;
        let head = self.seq;
        let mut from = None;
        let mut requests = Vec::new();
        let batches = records.chunks(MAX_BATCH_RECORDS).count();
        for (index, chunk) in records.chunks(MAX_BATCH_RECORDS).enumerate() {
            let last = index + 1 == batches;
            let through = match chunk.last() {
                Some(record) if !last => Cursor::Loading {
                    head,
                    last: Some(record.key),
                },
                _ => Cursor::Following { seq: head },
            };
            requests.push(self.request(from, through, last, chunk.to_vec()));
            from = Some(through);
        }
        Ok(requests)
    }

    /// The end of a load of nothing: the channel is followed from here.
    pub fn open(&self) -> ApplyRequest {
        self.request(None, Cursor::Following { seq: self.seq }, true, Vec::new())
    }

    /// All of them, changed, in shuffled order as followed changes.
    pub fn shuffled(&mut self) -> Outcome<Vec<ApplyRequest>> {
        let mut indexes: Vec<usize> = (0..self.lines.len()).collect();
        indexes.shuffle(&mut self.random);
        let mut seq = self.seq;
        for line in &mut self.lines {
            line.packs_total = Amount::from_micros(self.random.random_range(1..1_000_000) * 1_000_000);
            line.packs_available = line.packs_total;
        }
        let records = self.versions(&indexes)?;
        let mut requests = Vec::new();
        let batches = records.chunks(MAX_BATCH_RECORDS).count();
        for (index, chunk) in records.chunks(MAX_BATCH_RECORDS).enumerate() {
            let through = seq + u64::try_from(chunk.len())?;
            let part = (Cursor::Following { seq }, Cursor::Following { seq: through });
            requests.push(self.request(Some(part.0), part.1, index + 1 == batches, chunk.to_vec()));
            seq = through;
        }
        Ok(requests)
    }

    /// The last version of every record, in key order: what a receiver must end with.
    pub fn expected(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// The digest of them all.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// New versions of these lines, in this order, each with the next seq as its revision.
    fn versions(&mut self, order: &[usize]) -> Outcome<Vec<Record>> {
        let mut made = Vec::with_capacity(order.len());
        for &index in order {
            self.seq += 1;
            let record = record(&self.lines[index], self.seq)?;
            if let Some(old) = self.records.insert(record.key, record.clone()) {
                self.digest.remove(old.hash);
            }
            self.digest.add(record.hash);
            made.push(record);
        }
        Ok(made)
    }

    fn request(
        &self,
        from: Option<Cursor>,
        through: Cursor,
        last: bool,
        records: Vec<Record>,
    ) -> ApplyRequest {
        let part = Part {
            channel: CHANNEL,
            from,
            through,
            caught_up: last,
            records,
            digest: last.then_some(self.digest),
            owner_proof: None,
        };
        ApplyRequest {
            direction: Direction::Pull,
            peer: SyncId::PRIMARY,
            parts: vec![part],
            checkpoint: Checkpoint {
                incarnation: INCARNATION,
                seq: self.seq,
                chain: Chain::default(),
            },
            lease: None,
        }
    }
}

fn stock_line(index: usize, random: &mut ChaCha8Rng) -> StockLine {
    // Ids as UUIDv7 has them: the first half grows with time, the second is random.
    let number = (index as u128) << 64 | u128::from(random.random::<u64>());
    let packs = Amount::from_micros(random.random_range(1..1_000) * 1_000_000);
    let cost = Amount::from_micros(random.random_range(100..10_000) * 10_000);
    StockLine {
        id: StockLineId::from_bytes(number.to_be_bytes()),
        store: STORE,
        item: item_id(random.random_range(1..=ITEMS)),
        batch: format!("B{:06}", random.random_range(0..1_000_000)),
        expiry_date: Date::from_julian_day(2_461_000 + random.random_range(0..1_000)).ok(),
        pack_size: Amount::from_micros(100_000_000),
        packs_total: packs,
        packs_available: packs,
        cost_price: cost,
        sell_price: cost,
        supplier: Some(supplier_id(random.random_range(1..=SUPPLIERS))),
        location_code: format!("S{:03}", random.random_range(0..200)),
        on_hold: false,
    }
}

fn record(line: &StockLine, revision: Seq) -> Outcome<Record> {
    let body = RecordBody::StockLine(line.clone());
    let (schema, bytes) = body.encode();
    let owner = SyncId::new(OWNER).ok_or("Sync ID 0")?;
    Ok(seal(Record {
        key: body.key(),
        channel: CHANNEL,
        origin_site: owner,
        epoch: Epoch {
            incarnation: 1,
            counter: 1,
        },
        revision,
        schema,
        deleted: false,
        hash: RecordHash::default(),
        body: bytes,
    }))
}
