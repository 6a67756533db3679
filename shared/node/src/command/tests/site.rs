//! A site to run commands on, with a clock that tests move and random bits that repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use supplysync_model::{
    Amount, Assignment, AssignmentState, Clock, Epoch, Item, ItemId, ItemType, Name, NameId, NameRole,
    Random, Site, Store, StoreId, StoreMode, SyncId, Timestamp,
};
use supplysync_record_codec::RecordBody;
use supplysync_store::{NewIdentity, OwnChange, Store as RecordStore, StoreConfig, StoreDeps};
use tempfile::TempDir;

use crate::command::caller::Caller;
use crate::command::master;

pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Counted(AtomicU64);

impl Random for Counted {
    fn bytes16(&self) -> [u8; 16] {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        u128::from(count)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .to_be_bytes()
    }
}

pub(crate) struct TestSite {
    pub(crate) store: RecordStore,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) random: Arc<Counted>,
    _folder: TempDir,
}

impl TestSite {
    pub(crate) async fn new(sync_id: SyncId) -> TestSite {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(1_795_500_000_000))); // 2026-11-24
        let random = Arc::new(Counted(AtomicU64::new(1)));
        let config = StoreConfig::new(format!("sqlite://{}/site.db", folder.path().display()));
        let identity = NewIdentity {
            sync_id,
            site_name: "Central Medical Store".into(),
        };
        let deps = StoreDeps {
            clock: clock.clone(),
            random: random.clone(),
        };
        let store = RecordStore::init(config, identity, deps).await.unwrap();
        TestSite {
            store,
            clock,
            random,
            _folder: folder,
        }
    }

    pub(crate) async fn primary() -> TestSite {
        let site = TestSite::new(SyncId::PRIMARY).await;
        for (id, name) in [(1, "Central Medical Store"), (2, "Northern Region")] {
            let record = Site {
                sync_id: SyncId::new(id).unwrap(),
                name: name.into(),
                url: String::new(),
            };
            site.put(RecordBody::Site(record)).await;
        }
        site
    }

    pub(crate) fn forward(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) async fn put(&self, body: RecordBody) {
        self.store
            .write("put", move |tx| {
                let body = body.clone();
                Box::pin(async move {
                    let change = OwnChange {
                        body,
                        deleted: false,
                        expected: None,
                    };
                    tx.put(vec![change]).await.map(drop)
                })
            })
            .await
            .unwrap();
    }

    /// A store that is active on the site with this Sync ID.
    pub(crate) async fn active_store(&self, code: &str, site: u16) -> StoreId {
        let store = Store {
            id: StoreId::from_bytes([0; 16]),
            code: code.into(),
            name: code.into(),
            name_id: None,
            mode: StoreMode::Store,
            disabled: false,
        };
        let store = master::create(&self.store, store).await.unwrap().value.id;
        let assignment = Assignment {
            store,
            site: SyncId::new(site).unwrap(),
            epoch: Epoch {
                incarnation: 1,
                counter: 1,
            },
            version: 1,
            state: AssignmentState::Active,
            hand_over: None,
        };
        self.put(RecordBody::Assignment(assignment)).await;
        store
    }

    pub(crate) async fn item(&self, code: &str) -> ItemId {
        master::create(&self.store, item(code)).await.unwrap().value.id
    }

    pub(crate) async fn party(&self, code: &str, role: NameRole) -> NameId {
        master::create(&self.store, name(code, role))
            .await
            .unwrap()
            .value
            .id
    }
}

pub(crate) fn caller() -> Caller {
    Caller {
        principal: "operator/editor/ana".into(),
        from: "127.0.0.1:5000".into(),
    }
}

pub(crate) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub(crate) fn item(code: &str) -> Item {
    Item {
        id: ItemId::from_bytes([0; 16]),
        code: code.into(),
        name: "Amoxicillin 250 mg".into(),
        item_type: ItemType::Stock,
        unit: None,
        strength: "250 mg".into(),
        atc_code: "J01CA04".into(),
        ven_category: None,
        default_pack_size: amount("100"),
        vaccine: false,
        critical: false,
        active: true,
    }
}

pub(crate) fn name(code: &str, role: NameRole) -> Name {
    Name {
        id: NameId::from_bytes([0; 16]),
        code: code.into(),
        name: code.into(),
        roles: vec![role],
        on_hold: false,
        address: String::new(),
        country: String::new(),
        phone: String::new(),
        email: String::new(),
        store: None,
    }
}
