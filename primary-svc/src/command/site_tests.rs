//! Sites on a real embedded database: who may be added, first sites of stores, copies, and the lock on it all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use supplysync_model::{
    Clock, Fault, FaultCode, Random, Reason, Store, StoreId, StoreMode, SyncId, Timestamp, Withdrawn,
};
use supplysync_node::command::authorisation::{CODE_HASH, unlock};
use supplysync_node::command::caller::Caller;
use supplysync_node::command::master;
use supplysync_node::command::preferences::Authority;
use supplysync_store::{MoveOrder, NewIdentity, Store as RecordStore, StoreConfig, StoreDeps};
use tempfile::TempDir;

use super::copies::{WantedCopies, set_copies};
use super::moves::move_store;
use super::site::{NewSite, RegisteredSite, add_site, assign_store, get_site, register_primary};

const HIGHEST: u16 = 64;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_521_600_000)
    }
}

struct Counted(AtomicU64);

impl Random for Counted {
    fn bytes16(&self) -> [u8; 16] {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        u128::from(count)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            .to_be_bytes()
    }
}

struct Office {
    store: RecordStore,
    random: Arc<Counted>,
    _folder: TempDir,
}

fn site(number: u16) -> SyncId {
    SyncId::new(number).unwrap()
}

fn caller() -> Caller {
    Caller {
        principal: "operator/admin/root".into(),
        from: "127.0.0.1:5000".into(),
    }
}

fn new_site(number: u16, name: &str, stores: &[StoreId]) -> NewSite {
    NewSite {
        sync_id: site(number),
        name: name.into(),
        url: String::new(),
        stores: stores.to_vec(),
        copies: Vec::new(),
        interval_minutes: None,
        live: None,
    }
}

impl Office {
    async fn open() -> Office {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(format!("sqlite://{}/site.db", folder.path().display()));
        let random = Arc::new(Counted(AtomicU64::new(1)));
        let identity = NewIdentity {
            sync_id: SyncId::PRIMARY,
            site_name: "Central Medical Store".into(),
        };
        let deps = StoreDeps {
            clock: Arc::new(Noon),
            random: random.clone(),
        };
        let store = RecordStore::init(config, identity, deps).await.unwrap();
        register_primary(
            &store,
            "Central Medical Store".into(),
            "https://cms.example.org:8443".into(),
        )
        .await
        .unwrap();
        let hash: PasswordHash = Argon2::default()
            .hash_password_with_salt(b"ABCD-2345", &[7; 16])
            .unwrap();
        let hash = hash.to_string().into_bytes();
        let put = store.write("code", move |tx| {
            let hash = hash.clone();
            Box::pin(async move { tx.set_preference(CODE_HASH, hash).await })
        });
        put.await.unwrap();
        Office {
            store,
            random,
            _folder: folder,
        }
    }

    async fn unlocked(&self) -> Authority {
        let unlocked = unlock(&self.store, "ABCD-2345".into(), caller(), self.random.as_ref()).await;
        Authority {
            caller: caller(),
            token: Some(unlocked.unwrap().token),
        }
    }

    async fn copies(&self, number: u16, wanted: WantedCopies, authority: Authority) -> Result<(), Fault> {
        set_copies(&self.store, site(number), wanted, None, authority).await
    }

    async fn site(&self, number: u16) -> RegisteredSite {
        let read = self.store.read("site", move |tx| {
            Box::pin(async move { get_site(tx, site(number)).await })
        });
        read.await.unwrap()
    }

    async fn new_store(&self, code: &str) -> StoreId {
        let store = Store {
            id: StoreId::from_bytes([0; 16]),
            code: code.into(),
            name: code.into(),
            name_id: None,
            mode: StoreMode::Store,
            disabled: false,
        };
        master::create(&self.store, store).await.unwrap().value.id
    }
}

#[tokio::test]
async fn nothing_changes_while_locked() {
    let office = Office::open().await;
    let store = office.new_store("N1").await;
    let head = *office.store.heads().borrow();
    let nobody = Authority {
        caller: caller(),
        token: None,
    };
    let added = add_site(&office.store, new_site(2, "North", &[]), HIGHEST, nobody.clone()).await;
    let assigned = assign_store(&office.store, store, SyncId::PRIMARY, nobody.clone()).await;
    let copied = office.copies(2, WantedCopies::These(vec![store]), nobody).await;
    for refused in [added.map(drop), assigned.map(drop), copied.map(drop)] {
        assert_eq!(refused.unwrap_err().reason(), Reason::PREFERENCES_LOCKED);
    }
    assert_eq!(*office.store.heads().borrow(), head);
}

#[tokio::test]
async fn a_site_has_a_free_number_a_name_of_its_own_and_new_stores() {
    let office = Office::open().await;
    let authority = office.unlocked().await;
    let store = office.new_store("N1").await;
    let add = |new: NewSite| add_site(&office.store, new, HIGHEST, authority.clone());
    let added = add(new_site(2, "North", &[store])).await.unwrap();
    assert_eq!(
        (added.stores, added.settings.unwrap().interval_minutes),
        (vec![store], 5)
    );
    for (new, reason) in [
        (new_site(1, "Again", &[]), Reason::SYNC_ID_OUT_OF_RANGE),
        (new_site(65, "Far", &[]), Reason::SYNC_ID_OUT_OF_RANGE),
        (new_site(2, "Other", &[]), Reason::SYNC_ID_TAKEN),
        (new_site(3, "North", &[]), Reason::CODE_TAKEN),
        (new_site(3, "South", &[store]), Reason::STORE_ALREADY_ASSIGNED),
        (new_site(3, "", &[]), Reason::INVALID_FIELDS),
    ] {
        assert_eq!(add(new).await.unwrap_err().reason(), reason);
    }
    let read = office
        .store
        .read("sites", |tx| Box::pin(async move { get_site(tx, site(2)).await }));
    assert_eq!(read.await.unwrap().stores, [store]);
}

#[tokio::test]
async fn a_store_gets_one_first_site_and_copies_go_elsewhere() {
    let office = Office::open().await;
    let authority = office.unlocked().await;
    let store = office.new_store("N1").await;
    add_site(
        &office.store,
        new_site(2, "North", &[]),
        HIGHEST,
        authority.clone(),
    )
    .await
    .unwrap();
    let nowhere = assign_store(&office.store, store, site(9), authority.clone()).await;
    assert_eq!(nowhere.unwrap_err().reason(), Reason::SITE_NOT_FOUND);
    let assigned = assign_store(&office.store, store, SyncId::PRIMARY, authority.clone()).await;
    assert_eq!(assigned.unwrap().epoch.counter, 1);
    let again = assign_store(&office.store, store, site(2), authority.clone()).await;
    assert_eq!(again.unwrap_err().reason(), Reason::STORE_ALREADY_ASSIGNED);
    let these = |stores: &[StoreId]| WantedCopies::These(stores.to_vec());
    let kept = office.copies(2, these(&[store, store]), authority.clone()).await;
    kept.unwrap();
    let told = office.site(2).await.settings.unwrap();
    assert_eq!((told.copies, told.withdrawn), (vec![store], Withdrawn::Keep));
    let unknown = these(&[StoreId::from_bytes([9; 16])]);
    for wrong in [unknown, WantedCopies::All] {
        let refused = office.copies(2, wrong, authority.clone()).await;
        assert_eq!(refused.unwrap_err().code(), FaultCode::InvalidArgument);
    }
    let none = office.copies(2, WantedCopies::AsWished, authority).await;
    assert_eq!(none.unwrap_err().reason(), Reason::NO_COPIES_WISHED);
}

#[tokio::test]
async fn the_primary_keeps_what_it_has_and_what_it_is_told_to() {
    let office = Office::open().await;
    let authority = office.unlocked().await;
    let [own, north, free] = [
        office.new_store("C1").await,
        office.new_store("N1").await,
        office.new_store("N2").await,
    ];
    let north_site = new_site(2, "North", &[north]);
    add_site(&office.store, north_site, HIGHEST, authority.clone())
        .await
        .unwrap();
    let to_primary =
        async |store| assign_store(&office.store, store, SyncId::PRIMARY, authority.clone()).await;
    to_primary(own).await.unwrap();
    let keep = async |wanted| office.copies(1, wanted, authority.clone()).await;
    keep(WantedCopies::These(vec![])).await.unwrap();
    assert_eq!(
        office.site(1).await.not_kept,
        [north, free],
        "what it has it keeps"
    );

    let moved = async |to| {
        let order = MoveOrder {
            store: north,
            to,
            forced: false,
        };
        move_store(&office.store, order, authority.clone()).await
    };
    assert_eq!(
        moved(SyncId::PRIMARY).await.unwrap_err().reason(),
        Reason::COPY_NOT_KEPT
    );
    assert_eq!(
        to_primary(free).await.unwrap_err().reason(),
        Reason::COPY_NOT_KEPT
    );
    // Until all of it is here.
    keep(WantedCopies::These(vec![north])).await.unwrap();
    assert_eq!(office.site(1).await.not_kept, [free]);
    assert_eq!(
        moved(SyncId::PRIMARY).await.unwrap_err().reason(),
        Reason::COPY_NOT_KEPT
    );
    while office.store.keeping_step(10).await.unwrap() {}
    moved(SyncId::PRIMARY).await.unwrap();
    // On its way, it must be kept; one that is new is.
    let refused = keep(WantedCopies::These(vec![])).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::STORE_DRAINING);
    office.new_store("N3").await;
    assert_eq!(office.site(1).await.not_kept, [free]);
    keep(WantedCopies::All).await.unwrap();
    assert_eq!(office.site(1).await.not_kept, []);
}
