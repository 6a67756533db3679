//! The simulator's model store as a store to test: what the simulator proves of the protocol rests on its answers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use supplysync_model::{
    Assignment, Channel, Checkpoint, Fault, Incarnation, Record, RecordKey, Seq, SiteReport, StoreId,
    StoreTotals, SyncId, Timestamp,
};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::simulator::store::{Bodies, ModelStore, Moment, OwnChange, Side};
use supplysync_sync_core::{
    Ack, ApplyOutcome, ApplyRequest, Comparison, Cursor, Direction, LineageVerdict, Page, PageRequest,
    ReportNoted, ReportsRead, Served,
};

use crate::alike::{Counts, LedgerKey};
use crate::records::{Bed, Records};

/// Where model stores come from.
pub struct Models;

pub struct Model {
    store: RefCell<ModelStore>,
    moments: Cell<u8>,
}

fn read_assignment(record: &Record) -> Option<Assignment> {
    match RecordBody::of_record(record) {
        Ok(RecordBody::Assignment(assignment)) => Some(assignment),
        _ => None,
    }
}

fn read_copies(record: &Record) -> Option<Vec<StoreId>> {
    match RecordBody::of_record(record) {
        Ok(RecordBody::SiteSettings(settings)) => Some(settings.copies),
        _ => None,
    }
}

impl Bed for Models {
    type Records = Model;

    async fn site(&self, site: u16) -> Model {
        let sync_id = SyncId::new(site).unwrap();
        let life = Incarnation {
            counter: 1,
            random: 1001,
        };
        let bodies = Bodies {
            assignment: read_assignment,
            copies: read_copies,
            write_assignment: |assignment| RecordBody::Assignment(assignment.clone()).encode(),
        };
        let store = ModelStore::init(
            sync_id,
            format!("Site {site}"),
            sync_id.is_primary().then_some(life),
            bodies,
        );
        Model {
            store: RefCell::new(store),
            moments: Cell::new(0),
        }
    }
}

impl Model {
    fn moment(&self) -> Moment {
        self.moments.set(self.moments.get().wrapping_add(1));
        Moment {
            now: Timestamp(1_795_000_000_000),
            salt: [self.moments.get(); 16],
        }
    }

    fn change(&self, bodies: Vec<RecordBody>, deleted: bool) -> Result<usize, Fault> {
        let changes = bodies.into_iter().map(|body| {
            let (schema, bytes) = body.encode();
            OwnChange {
                key: body.key(),
                channel: body.channel(),
                schema,
                body: bytes,
                deleted,
                expected: None,
            }
        });
        let written = self.store.borrow_mut().put(self.moment(), changes.collect())?;
        Ok(written.iter().filter(|written| written.changed).count())
    }

    fn positions(&self, peer: SyncId, direction: Direction) -> Vec<(Channel, Cursor)> {
        let store = self.store.borrow();
        let rows = store
            .cursors()
            .filter(|((site, _, way), _)| *site == peer && *way == direction);
        rows.map(|((_, channel, _), row)| (*channel, row.cursor))
            .collect()
    }
}

impl Records for Model {
    fn sync_id(&self) -> SyncId {
        self.store.borrow().sync_id()
    }

    async fn put(&self, bodies: Vec<RecordBody>) -> Result<usize, Fault> {
        self.change(bodies, false)
    }

    async fn delete(&self, body: RecordBody) -> Result<usize, Fault> {
        self.change(vec![body], true)
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyOutcome, Fault> {
        let applied = self.store.borrow_mut().apply(self.moment(), request);
        applied.map(|(outcome, _)| outcome)
    }

    async fn page(&self, request: PageRequest) -> Result<Page, Fault> {
        self.store.borrow().read_page(request)
    }

    async fn acknowledge(&self, peer: SyncId, lease: Option<u64>, ack: &Ack) -> Result<(), Fault> {
        self.store
            .borrow_mut()
            .record_ack(self.moment(), peer, lease, ack)
    }

    async fn adopt(&self, incarnation: Incarnation) {
        self.store
            .borrow_mut()
            .adopt_incarnation(self.moment(), incarnation)
            .unwrap();
    }

    async fn lease(&self, site: SyncId, session: u64, incarnation: Incarnation) {
        self.store
            .borrow_mut()
            .grant_lease(self.moment(), site, session, incarnation, None);
    }

    async fn lease_life(&self, site: SyncId, session: u64, begins: Checkpoint) {
        let life = begins.incarnation;
        self.store
            .borrow_mut()
            .grant_lease(self.moment(), site, session, life, Some(begins));
    }

    async fn recover(&self) {
        self.store.borrow_mut().recover(self.moment());
    }

    async fn begin_life(&self, life: Incarnation, resume_after: Seq) -> Checkpoint {
        let moment = self.moment();
        let begun = self.store.borrow_mut().begin_life(moment, life, resume_after);
        begun.unwrap().0
    }

    async fn settled(&self) {}

    async fn forget(&self, channels: Vec<Channel>) {
        self.store.borrow_mut().forget_channels(self.moment(), &channels);
    }

    async fn move_store(&self, store: StoreId, to: SyncId, forced: bool) -> Result<(), Fault> {
        self.store
            .borrow_mut()
            .begin_move(self.moment(), store, to, forced)
    }

    async fn cancel_move(&self, store: StoreId) -> Result<(), Fault> {
        self.store.borrow_mut().cancel_move(self.moment(), store)
    }

    async fn record_report(&self, peer: SyncId, report: SiteReport) -> Result<ReportNoted, Fault> {
        let lease = Some(crate::link::SESSION);
        self.store
            .borrow_mut()
            .record_report(self.moment(), peer, lease, report)
    }

    async fn read_reports(&self) -> ReportsRead {
        self.store.borrow_mut().read_reports(self.moment(), &[])
    }

    async fn abort(&self, store: StoreId) -> bool {
        self.store.borrow_mut().abort_move(self.moment(), store).is_ok()
    }

    async fn find_assignment(&self, store: StoreId) -> Option<Assignment> {
        self.store.borrow().assignment(store)
    }

    async fn totals(&self, store: StoreId) -> StoreTotals {
        self.store.borrow().totals(store)
    }

    async fn head(&self) -> Checkpoint {
        self.store.borrow().head().unwrap()
    }

    async fn served(&self, site: SyncId) -> Vec<Served> {
        self.store.borrow().served_channels(site)
    }

    async fn pushed(&self) -> Vec<Channel> {
        self.store.borrow().push_channels()
    }

    async fn pulled_to(&self) -> Vec<(Channel, Cursor)> {
        self.store.borrow().hello_state().cursors
    }

    async fn received_to(&self, site: SyncId) -> Vec<(Channel, Cursor)> {
        self.positions(site, Direction::Push)
    }

    async fn lineage(&self, held: Option<Checkpoint>) -> LineageVerdict {
        self.store.borrow().check_lineage(held)
    }

    async fn record(&self, key: RecordKey) -> Option<(Record, Seq)> {
        let store = self.store.borrow();
        store
            .get_record(key)
            .map(|stored| (stored.record.clone(), stored.seq))
    }

    async fn compared(&self) -> Vec<Comparison> {
        let store = self.store.borrow();
        let received = store
            .cursors()
            .filter(|((_, _, direction), _)| *direction == store.receives());
        received.filter_map(|(_, row)| row.compared).collect()
    }

    /// The model counts channel by channel; both channels of a store are one entry.
    async fn ledger(&self) -> BTreeMap<LedgerKey, Counts> {
        let store = self.store.borrow();
        let mut rows: BTreeMap<LedgerKey, (usize, Counts)> = BTreeMap::new();
        for row in store.ledger() {
            if matches!(row.channel, Channel::Site(_)) {
                continue;
            }
            let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b);
            let key = (row.channel.store(), row.receiver, row.side == Side::Sender);
            let (channels, counts) = rows.entry(key).or_insert((0, (Some(0), 0, 0, Some(0))));
            *channels += 1;
            *counts = (
                sum(counts.0, row.owner_records),
                counts.1 + row.held,
                counts.2 + row.quarantined,
                sum(counts.3, row.pending),
            );
        }
        // A store of which only one channel has a cursor yet is counted whole by the real store, and not here.
        rows.retain(|(store, _, _), (channels, _)| *channels == if store.is_some() { 2 } else { 1 });
        rows.into_iter().map(|(key, (_, counts))| (key, counts)).collect()
    }

    async fn quarantined(&self) -> Vec<(RecordKey, String)> {
        let store = self.store.borrow();
        let open = store.quarantine().iter().filter(|kept| kept.open);
        open.map(|kept| (kept.record.key, kept.reason.0.to_owned()))
            .collect()
    }
}
