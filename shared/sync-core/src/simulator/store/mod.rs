//! The model store: what the real store promises the machines, in memory, plain enough to be seen to be right.
//! Its whole state is `Clone`: a crash keeps it, a backup or a cloned server is a copy of it.

mod apply;
mod compare;
mod give;
mod ledger;
mod life;
mod lineage;
mod moves;
mod own;
mod page;
mod peer;
mod readable;
mod recovery;
mod roster;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use supplysync_model::{
    Assignment, Chain, Channel, Checkpoint, Digest, Epoch, Fault, FaultCode, Incarnation, Reason, Record,
    RecordHash, RecordKey, Seq, StoreId, StoreTotals, SyncId,
};

use crate::{Direction, extend_chain};

pub use ledger::{LedgerRow, Side};
pub use moves::MoveRow;
pub use own::{Etag, OwnChange, Written};
pub use peer::HelloState;
pub use recovery::Renewal;
pub use state::{Bodies, CursorRow, Moment, Peer, Quarantined, Recovery, RecoveryStep, StoredRecord};

/// A site's durable state.
#[derive(Debug, Clone)]
pub struct ModelStore {
    sync_id: SyncId,
    site_name: String,
    incarnation: Option<Incarnation>,
    bodies: Bodies,
    seq: Seq,
    chain: Chain,
    chains: BTreeMap<Seq, Chain>,
    records: BTreeMap<RecordKey, StoredRecord>,
    feed: BTreeMap<(Channel, Seq), RecordKey>,
    peers: BTreeMap<SyncId, Peer>,
    cursors: BTreeMap<(SyncId, Channel, Direction), CursorRow>,
    leases: BTreeMap<SyncId, u64>,
    quarantine: Vec<Quarantined>,
    /// Moves under way (primary).
    moves: BTreeMap<StoreId, MoveRow>,
    /// How each store came to the site that has it: the site that handed it over, and what that reported (primary).
    handed: BTreeMap<StoreId, (SyncId, Option<StoreTotals>)>,
    /// What this site decided about moves away from it (satellite).
    decisions: BTreeMap<StoreId, moves::Decision>,
    /// Ownerships under which this site has begun to write.
    taken: BTreeSet<(StoreId, Epoch)>,
    /// Stores that went elsewhere while some of this site's work was on its way (satellite).
    lost: BTreeSet<StoreId>,
    /// What the primary refused of what this site wrote, with the place in the feed (satellite).
    refused: BTreeSet<(RecordKey, Seq)>,
    /// What of that was replaced here since: the primary keeps it, as long as its database is not lost (satellite).
    replaced: Vec<Record>,
    /// What it acknowledged, and the ack was lost: it may have been refused (satellite).
    unanswered: BTreeSet<(RecordKey, Seq)>,
    /// What the primary held of channels at hand-overs that have been overtaken.
    stood: BTreeMap<(Channel, Seq), Digest>,
    /// The recovery under way (satellite).
    recovery: Option<Recovery>,
    /// The later life of this database (primary).
    life: Option<life::OwnLife>,
    /// The later life of the primary's database, as met (satellite).
    met: Option<life::Met>,
    /// The highest schema that this site's program knows.
    reads: u32,
    commits: u64,
}

impl ModelStore {
    /// A new database. The primary has an incarnation from the beginning, a satellite is given one.
    pub fn init(
        sync_id: SyncId,
        site_name: impl Into<String>,
        incarnation: Option<Incarnation>,
        bodies: Bodies,
    ) -> ModelStore {
        ModelStore {
            sync_id,
            site_name: site_name.into(),
            incarnation,
            bodies,
            seq: 0,
            chain: Chain::default(),
            chains: BTreeMap::new(),
            records: BTreeMap::new(),
            feed: BTreeMap::new(),
            peers: BTreeMap::new(),
            cursors: BTreeMap::new(),
            leases: BTreeMap::new(),
            quarantine: Vec::new(),
            moves: BTreeMap::new(),
            handed: BTreeMap::new(),
            decisions: BTreeMap::new(),
            taken: BTreeSet::new(),
            lost: BTreeSet::new(),
            refused: BTreeSet::new(),
            replaced: Vec::new(),
            unanswered: BTreeSet::new(),
            stood: BTreeMap::new(),
            recovery: None,
            life: None,
            met: None,
            reads: u32::MAX,
            commits: 0,
        }
    }

    /// This site.
    pub fn sync_id(&self) -> SyncId {
        self.sync_id
    }

    /// The life of this database.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.incarnation
    }

    /// The head of its feed; `None` before it has an incarnation.
    pub fn head(&self) -> Option<Checkpoint> {
        self.incarnation.map(|incarnation| Checkpoint {
            incarnation,
            seq: self.seq,
            chain: self.chain,
        })
    }

    /// The last seq handed out.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// How many transactions have committed.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// The chain after each transaction that wrote records.
    pub fn chains(&self) -> &BTreeMap<Seq, Chain> {
        &self.chains
    }

    /// One record, deleted ones included.
    pub fn get_record(&self, key: RecordKey) -> Option<&StoredRecord> {
        self.records.get(&key)
    }

    /// Every record, in key order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &StoredRecord> {
        self.records.values()
    }

    /// The records of a channel beyond a seq, in seq order.
    pub fn feed(&self, channel: Channel, after: Seq) -> impl Iterator<Item = &StoredRecord> {
        self.feed
            .range((channel, after.saturating_add(1))..=(channel, Seq::MAX))
            .filter_map(|(_, key)| self.records.get(key))
    }

    /// The channels that hold anything.
    pub fn channels(&self) -> Vec<Channel> {
        let mut channels: Vec<_> = self.feed.keys().map(|(channel, _)| *channel).collect();
        channels.dedup();
        channels
    }

    /// Where a store is active.
    pub fn assignment(&self, store: StoreId) -> Option<Assignment> {
        let key = RecordKey {
            kind: supplysync_model::Kind::ASSIGNMENT,
            id: store.into(),
        };
        let held = &self.records.get(&key)?.record;
        (!held.deleted).then(|| (self.bodies.assignment)(held)).flatten()
    }

    /// Every assignment.
    pub fn assignments(&self) -> impl Iterator<Item = Assignment> {
        self.records
            .values()
            .filter(|held| held.record.key.kind == supplysync_model::Kind::ASSIGNMENT)
            .filter_map(|held| self.assignment(held.record.key.id.into()))
    }

    /// A channel's total: counted afresh each time.
    pub fn digest(&self, channel: Channel) -> Digest {
        let mut digest = Digest::default();
        for held in self.feed(channel, 0).filter(|held| !held.record.deleted) {
            digest.add(held.record.hash);
        }
        digest
    }

    /// Everything that was ever set aside, oldest first; what was superseded is no longer open.
    pub fn quarantine(&self) -> &[Quarantined] {
        &self.quarantine
    }

    /// What is known of another site.
    pub fn peer(&self, site: SyncId) -> Peer {
        self.peers.get(&site).copied().unwrap_or_default()
    }

    /// What is known of a receiver in a channel.
    pub fn cursor(&self, peer: SyncId, channel: Channel, direction: Direction) -> Option<&CursorRow> {
        self.cursors.get(&(peer, channel, direction))
    }

    /// Every cursor, of both ends' receiving.
    pub fn cursors(&self) -> impl Iterator<Item = (&(SyncId, Channel, Direction), &CursorRow)> {
        self.cursors.iter()
    }

    /// The direction in which this site receives.
    pub fn receives(&self) -> Direction {
        if self.sync_id.is_primary() {
            Direction::Push
        } else {
            Direction::Pull
        }
    }

    /// The direction in which this site sends.
    pub fn sends(&self) -> Direction {
        if self.sync_id.is_primary() {
            Direction::Pull
        } else {
            Direction::Push
        }
    }

    /// Writes a record at a new seq, without any check; the transaction's chain is extended by [`Self::commit`].
    fn write(&mut self, record: Record) -> RecordHash {
        self.remove(record.key);
        self.seq += 1;
        self.feed.insert((record.channel, self.seq), record.key);
        let hash = record.hash;
        let seq = self.seq;
        self.records.insert(record.key, StoredRecord { record, seq });
        hash
    }

    fn remove(&mut self, key: RecordKey) -> Option<StoredRecord> {
        let held = self.records.remove(&key)?;
        self.feed.remove(&(held.record.channel, held.seq));
        Some(held)
    }

    /// Ends a transaction: extends the chain if records were written.
    fn commit(&mut self, written: &[RecordHash], moment: Moment) {
        self.commits += 1;
        if !written.is_empty() {
            self.chain = extend_chain(self.chain, self.seq, written, moment.salt);
            self.chains.insert(self.seq, self.chain);
        }
    }

    /// What we know of a peer's feed only ever grows.
    fn learn_checkpoint(&mut self, site: SyncId, seen: Checkpoint) {
        let peer = self.peers.entry(site).or_default();
        let newer = peer
            .checkpoint
            .is_none_or(|known| known.incarnation != seen.incarnation || known.seq <= seen.seq);
        if newer {
            peer.checkpoint = Some(seen);
        }
    }
}

fn fault(code: FaultCode, reason: Reason, message: impl Into<String>) -> Fault {
    Fault::new(code, reason, message)
}
