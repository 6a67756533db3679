//! What a store answers as far as the protocol goes. The suite's protocol tests know nothing else of it.

use std::collections::BTreeMap;

use futures::FutureExt;
use supplysync_model::{
    Assignment, Channel, Checkpoint, Digest, Fault, Incarnation, Record, RecordKey, Seq, SiteReport, StoreId,
    StoreTotals, SyncId, Timestamp,
};
use supplysync_record_codec::RecordBody;
use supplysync_store::query::{PageQuery, Side};
use supplysync_store::{MoveOrder, OwnChange, Store};
use supplysync_sync_core::{
    Ack, ApplyOutcome, ApplyRequest, Comparison, Cursor, Hello, LineageVerdict, Page, PageRequest,
    ReportNoted, ReportsRead, Served,
};

use crate::alike::{Counts, LedgerKey};

/// Where stores come from.
pub trait Bed {
    type Records: Records;

    /// The new, empty store of a site.
    async fn site(&self, site: u16) -> Self::Records;
}

/// A store of records.
pub trait Records {
    fn sync_id(&self) -> SyncId;
    /// Writes what this site owns, all or none; the number of records that changed.
    async fn put(&self, bodies: Vec<RecordBody>) -> Result<usize, Fault>;
    /// The same as a deletion.
    async fn delete(&self, body: RecordBody) -> Result<usize, Fault>;
    async fn apply(&self, request: ApplyRequest) -> Result<ApplyOutcome, Fault>;
    async fn page(&self, request: PageRequest) -> Result<Page, Fault>;
    /// Stores an acknowledgement, on the primary under a session's lease.
    async fn acknowledge(&self, peer: SyncId, lease: Option<u64>, ack: &Ack) -> Result<(), Fault>;
    async fn adopt(&self, incarnation: Incarnation);
    async fn lease(&self, site: SyncId, session: u64, incarnation: Incarnation);
    /// Takes the lease for a new life of a site's database.
    async fn lease_life(&self, site: SyncId, session: u64, begins: Checkpoint);
    /// Declares that this database, put back or copied, goes on.
    async fn recover(&self);
    /// Begins a new life beyond a seq.
    async fn begin_life(&self, life: Incarnation, resume_after: Seq) -> Checkpoint;
    /// Stock and numbers are right again.
    async fn settled(&self);
    async fn forget(&self, channels: Vec<Channel>);
    async fn head(&self) -> Checkpoint;
    async fn served(&self, site: SyncId) -> Vec<Served>;
    async fn pushed(&self) -> Vec<Channel>;
    /// Where this satellite stands in the primary's channels.
    async fn pulled_to(&self) -> Vec<(Channel, Cursor)>;
    /// Where this primary stands in a satellite's channels.
    async fn received_to(&self, site: SyncId) -> Vec<(Channel, Cursor)>;
    /// Asks for a move on the primary: where to, and whether by force.
    async fn move_store(&self, store: StoreId, to: SyncId, forced: bool) -> Result<(), Fault>;
    async fn cancel_move(&self, store: StoreId) -> Result<(), Fault>;
    async fn record_report(&self, peer: SyncId, report: SiteReport) -> Result<ReportNoted, Fault>;
    async fn read_reports(&self) -> ReportsRead;
    /// A satellite goes on by itself with a store that is being moved away; whether it did.
    async fn abort(&self, store: StoreId) -> bool;
    async fn find_assignment(&self, store: StoreId) -> Option<Assignment>;
    async fn assignment(&self, store: StoreId) -> Assignment {
        self.find_assignment(store).await.unwrap()
    }
    async fn totals(&self, store: StoreId) -> StoreTotals;
    async fn lineage(&self, held: Option<Checkpoint>) -> LineageVerdict;
    async fn record(&self, key: RecordKey) -> Option<(Record, Seq)>;
    /// The last comparison of each channel that this site receives, in no order.
    async fn compared(&self) -> Vec<Comparison>;
    /// What is counted of each store and receiver.
    async fn ledger(&self) -> BTreeMap<LedgerKey, Counts>;
    /// What is in open quarantine, with reasons, in no order.
    async fn quarantined(&self) -> Vec<(RecordKey, String)>;
    /// The channel's total, as a page of it is stamped.
    async fn total(&self, channel: Channel) -> Digest {
        let request = PageRequest {
            direction: supplysync_sync_core::Direction::Pull,
            channels: vec![(
                channel,
                Some(Cursor::Following {
                    seq: self.head().await.seq,
                }),
            )],
            max_records: 1,
            max_bytes: 1,
        };
        self.page(request).await.unwrap().parts[0].digest.unwrap()
    }
}

async fn put(store: &Store, changes: Vec<OwnChange>) -> Result<usize, Fault> {
    store
        .write("put", move |tx| {
            let changes = changes.clone();
            async move {
                let written = tx.put(changes).await?;
                Ok(written.iter().filter(|written| written.changed).count())
            }
            .boxed()
        })
        .await
}

pub fn change(body: RecordBody, deleted: bool) -> OwnChange {
    OwnChange {
        body,
        deleted,
        expected: None,
    }
}

/// A Hello as a satellite without history says it.
pub fn hello(site: SyncId) -> Hello {
    Hello {
        protocol_min: 1,
        protocol_max: 1,
        software_version: "test".into(),
        sync_id: site,
        site_name: format!("Site {site}"),
        store_codes: Vec::new(),
        incarnation: None,
        head: None,
        checkpoint: None,
        cursors: Vec::new(),
        recovers: false,
    }
}

impl Records for Store {
    fn sync_id(&self) -> SyncId {
        Store::sync_id(self)
    }

    async fn put(&self, bodies: Vec<RecordBody>) -> Result<usize, Fault> {
        put(self, bodies.into_iter().map(|body| change(body, false)).collect()).await
    }

    async fn delete(&self, body: RecordBody) -> Result<usize, Fault> {
        put(self, vec![change(body, true)]).await
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyOutcome, Fault> {
        Store::apply(self, request).await
    }

    async fn page(&self, request: PageRequest) -> Result<Page, Fault> {
        self.read_page(request).await
    }

    async fn acknowledge(&self, peer: SyncId, lease: Option<u64>, ack: &Ack) -> Result<(), Fault> {
        self.record_ack(peer, lease, ack).await
    }

    async fn adopt(&self, incarnation: Incarnation) {
        self.adopt_incarnation(incarnation).await.unwrap();
    }

    async fn lease(&self, site: SyncId, session: u64, incarnation: Incarnation) {
        self.grant_lease(site, session, incarnation, None).await.unwrap();
    }

    async fn lease_life(&self, site: SyncId, session: u64, begins: Checkpoint) {
        self.grant_lease(site, session, begins.incarnation, Some(begins))
            .await
            .unwrap();
    }

    async fn recover(&self) {
        self.ask_recovery(false).await.unwrap();
    }

    async fn begin_life(&self, life: Incarnation, resume_after: Seq) -> Checkpoint {
        Store::begin_life(self, life, resume_after).await.unwrap()
    }

    async fn settled(&self) {
        let settled = self.write("settled", |tx| async move { tx.recovery_settled().await }.boxed());
        settled.await.unwrap();
    }

    async fn forget(&self, channels: Vec<Channel>) {
        self.forget_channels(channels).await.unwrap();
    }

    async fn head(&self) -> Checkpoint {
        self.hello_state().await.unwrap().head.unwrap()
    }

    async fn served(&self, site: SyncId) -> Vec<Served> {
        self.served_channels(site).await.unwrap()
    }

    async fn pushed(&self) -> Vec<Channel> {
        self.push_channels().await.unwrap()
    }

    async fn pulled_to(&self) -> Vec<(Channel, Cursor)> {
        self.hello_state().await.unwrap().cursors
    }

    async fn received_to(&self, site: SyncId) -> Vec<(Channel, Cursor)> {
        self.open_peer(&hello(site)).await.unwrap().cursors
    }

    async fn move_store(&self, store: StoreId, to: SyncId, forced: bool) -> Result<(), Fault> {
        let order = MoveOrder { store, to, forced };
        self.write("move", move |tx| {
            async move { tx.begin_move(order).await.map(drop) }.boxed()
        })
        .await
    }

    async fn cancel_move(&self, store: StoreId) -> Result<(), Fault> {
        self.write("cancel", move |tx| {
            async move { tx.cancel_move(store).await.map(drop) }.boxed()
        })
        .await
    }

    async fn record_report(&self, peer: SyncId, report: SiteReport) -> Result<ReportNoted, Fault> {
        Store::record_report(self, peer, Some(crate::link::SESSION), report).await
    }

    async fn read_reports(&self) -> ReportsRead {
        Store::read_reports(self, Vec::new()).await.unwrap()
    }

    async fn abort(&self, store: StoreId) -> bool {
        let aborted = self
            .abort_moves_noticed_before(Timestamp(i64::MAX))
            .await
            .unwrap();
        aborted.contains(&store)
    }

    async fn find_assignment(&self, store: StoreId) -> Option<Assignment> {
        let read = self.read("assignment", move |tx| {
            async move { tx.assignment(store).await }.boxed()
        });
        read.await.unwrap()
    }

    async fn totals(&self, store: StoreId) -> StoreTotals {
        let read = self.read("totals", move |tx| {
            async move { tx.store_totals(store).await }.boxed()
        });
        read.await.unwrap()
    }

    async fn lineage(&self, held: Option<Checkpoint>) -> LineageVerdict {
        self.check_lineage(held).await.unwrap()
    }

    async fn record(&self, key: RecordKey) -> Option<(Record, Seq)> {
        let stored = self.read("record", move |tx| {
            async move { tx.get_record(key).await }.boxed()
        });
        stored.await.unwrap().map(|stored| (stored.record, stored.seq))
    }

    async fn compared(&self) -> Vec<Comparison> {
        let report = self.verify(false);
        let channels = report.await.unwrap().channels.into_iter();
        let received = channels.filter(|verdict| verdict.we_receive);
        received
            .filter_map(|verdict| {
                let compared = verdict.compared?;
                Some(Comparison {
                    channel: verdict.channel,
                    theirs: compared.theirs,
                    ours: compared.ours,
                    seq: compared.seq,
                    equal: compared.equal,
                    explained: compared.explained,
                })
            })
            .collect()
    }

    async fn ledger(&self) -> BTreeMap<LedgerKey, Counts> {
        let rows = self.read("ledger", |tx| async move { tx.ledger(None).await }.boxed());
        let rows = rows.await.unwrap().into_iter();
        rows.map(|row| {
            let key = (row.store, row.receiver, row.side == Side::Sender);
            (key, (row.owner_records, row.held, row.quarantined, row.pending))
        })
        .collect()
    }

    async fn quarantined(&self) -> Vec<(RecordKey, String)> {
        let page = self.read("quarantine", |tx| {
            async move {
                tx.list_quarantine(
                    None,
                    &PageQuery {
                        size: 1000,
                        after: None,
                    },
                )
                .await
            }
            .boxed()
        });
        let rows = page.await.unwrap().rows;
        rows.into_iter().map(|row| (row.key, row.reason)).collect()
    }
}
