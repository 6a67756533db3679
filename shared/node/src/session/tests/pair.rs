//! A primary and a satellite with their databases, and pipes between them that can be watched and cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use supplysync_api::v1;
use supplysync_model::{
    ItemId, NameId, RecordKey, SiteSettings, StoreId, SyncId, TransactionType, Withdrawn, parse_date,
};
use supplysync_record_codec::RecordBody;
use supplysync_runtime::Traces;
use supplysync_store::Store;
use supplysync_sync_core::{Mode, SessionLimits};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::command::stock_rules::{DraftLine, TransactionDraft};
use crate::command::tests::site::{TestSite, amount, caller};
use crate::command::transaction::{confirm, create};
use crate::session::{
    Guest, Host, Link, Outcome, Packing, SEND_BUFFER, SessionContext, SyncControl, run_primary, run_satellite,
};
use crate::status::{PeerStatus, SyncStatus};

pub(super) type Up = v1::SatelliteMessage;
pub(super) type Down = v1::PrimaryMessage;

/// A site with what its sessions share.
pub(super) struct End {
    pub(super) site: TestSite,
    pub(super) context: SessionContext,
}

impl End {
    pub(super) fn new(site: TestSite, max_records: usize) -> End {
        let context = SessionContext {
            store: site.store.clone(),
            control: SyncControl::default(),
            clock: site.clock.clone(),
            limits: SessionLimits {
                max_records,
                ..SessionLimits::default()
            },
            traces: Traces::default(),
            software_version: "0.0.0",
        };
        End { site, context }
    }

    pub(super) async fn satellite(number: u16) -> End {
        End::new(TestSite::new(id(number)).await, 100)
    }

    pub(super) fn store(&self) -> &Store {
        &self.site.store
    }

    pub(super) fn status(&self, peer: u16) -> PeerStatus {
        self.context.control.board().current()[&id(peer)].clone()
    }

    /// Waits until the status of a peer is as wished.
    pub(super) async fn until(&self, peer: u16, wished: impl Fn(&PeerStatus) -> bool) {
        let mut board = self.context.control.board().watch();
        let holds = |status: &Arc<SyncStatus>| status.get(&id(peer)).is_some_and(&wished);
        board.wait_for(holds).await.unwrap();
    }

    /// Waits until the site has a record.
    pub(super) async fn until_held(&self, key: RecordKey) {
        let mut heads = self.store().heads();
        while self.held(key).await.is_none() {
            heads.changed().await.unwrap();
        }
    }

    pub(super) async fn held(&self, key: RecordKey) -> Option<supplysync_store::StoredRecord> {
        let read = self.store().read("test", move |tx| {
            Box::pin(async move { tx.get_record(key).await })
        });
        read.await.unwrap()
    }

    /// Every record of a channel that the site holds: how many, and the sum of their hashes.
    pub(super) async fn digest(&self, channel: supplysync_model::Channel) -> supplysync_model::Digest {
        let read = self
            .store()
            .read("test", |tx| Box::pin(async move { tx.list_channels().await }));
        let channels = read.await.unwrap();
        let found = channels.iter().find(|info| info.channel == channel);
        found.map(|info| info.digest).unwrap_or_default()
    }

    /// Receives ten packs into a store that is active here.
    pub(super) async fn receive(&self, store: StoreId, item: ItemId, supplier: NameId) {
        let line = DraftLine {
            item: Some(item),
            batch: "B1".into(),
            expiry_date: parse_date("2028-06-30"),
            packs: amount("10"),
            cost_price: Some(amount("1.25")),
            ..DraftLine::default()
        };
        let draft = TransactionDraft {
            transaction_type: TransactionType::SupplierInvoice,
            other_party: Some(supplier),
            patient_reference: String::new(),
            their_reference: String::new(),
            comment: String::new(),
            lines: vec![line],
        };
        let invoice = create(self.store(), store, draft, caller())
            .await
            .unwrap()
            .transaction;
        confirm(self.store(), invoice.value.id, Some(invoice.etag), caller())
            .await
            .unwrap();
    }
}

pub(super) fn id(number: u16) -> SyncId {
    SyncId::new(number).unwrap()
}

/// A primary that knows site 2.
pub(super) async fn primary() -> End {
    End::new(TestSite::primary().await, 100)
}

/// What a site is told.
pub(super) fn settings(site: u16, copies: &[StoreId]) -> RecordBody {
    RecordBody::SiteSettings(SiteSettings {
        sync_id: id(site),
        interval_minutes: 5,
        live: true,
        copies: copies.to_vec(),
        withdrawn: Withdrawn::default(),
    })
}

/// What goes over a pipe.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Records in batches from the primary.
    pub(super) pulled: AtomicU64,
}

/// Two links that are each other's other end. `cut` ends both after that many batches from the primary.
pub(super) fn pipe(cut: Option<u64>) -> (Link<Up, Down>, Link<Down, Up>, Arc<Traffic>) {
    let (up, from_satellite) = mpsc::channel::<Box<Up>>(SEND_BUFFER);
    let (down, from_primary) = mpsc::channel::<Box<Down>>(SEND_BUFFER);
    let traffic = Arc::new(Traffic::default());
    let (counted, severed) = (traffic.clone(), CancellationToken::new());
    let mut batches = 0;
    let sever = severed.clone();
    let incoming = ReceiverStream::new(from_primary)
        .map(move |frame| {
            if let Some(v1::primary_message::Message::Batch(batch)) = &frame.message {
                counted.pulled.fetch_add(batch.records.into(), Ordering::SeqCst);
                batches += 1;
                if Some(batches) == cut {
                    sever.cancel();
                }
            }
            Ok(*frame)
        })
        .take_until(severed.clone().cancelled_owned())
        .boxed();
    let satellite = Link {
        incoming,
        outgoing: up,
    };
    let primary = Link {
        incoming: ReceiverStream::new(from_satellite)
            .map(|frame| Ok(*frame))
            .take_until(severed.cancelled_owned())
            .boxed(),
        outgoing: down,
    };
    (primary, satellite, traffic)
}

pub(super) fn guest(site: u16, session: u64) -> Guest {
    Guest {
        site: id(site),
        session,
        address: format!("10.0.0.{site}:4711"),
        packing: Packing::Plain,
        fence: CancellationToken::new(),
        stop: CancellationToken::new(),
        on_lease: Box::new(|_| {}),
    }
}

pub(super) fn host(mode: Mode) -> Host {
    Host {
        address: "https://primary:8443".into(),
        mode,
        packing: Packing::Compressed,
        stop: CancellationToken::new(),
    }
}

/// Runs one session of interval mode to its end, from both ends.
pub(super) async fn drain(primary: &End, satellite: &End, session: u64) -> (Outcome, Outcome) {
    let (to_satellite, to_primary, _) = pipe(None);
    let guest = guest(satellite.store().sync_id().get(), session);
    tokio::join!(
        run_primary(primary.context.clone(), guest, to_satellite),
        run_satellite(satellite.context.clone(), host(Mode::Drain), to_primary),
    )
}

/// What a live session is watched with: a condition that does not come fails the test instead of hanging it.
pub(super) async fn in_time<T>(story: impl Future<Output = T>) -> T {
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, story)
        .await
        .expect("not within a minute")
}
