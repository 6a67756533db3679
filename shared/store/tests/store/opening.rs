//! Opening a database: durable, ours, of this version, and of one site.

use supplysync_store::{Store, StoreConfig};

use crate::database::{Database, Postgres, Sqlite, deps, identity, reason, unchanged};
use crate::records::{Bed, Records};
use crate::sample::unit;

crate::on_every_database! {
    a_commit_is_on_disk_and_everything_is_there_after_a_restart;
    what_is_not_ours_is_refused_untouched;
    a_newer_schema_is_refused_untouched;
    a_database_is_initialised_once;
}

async fn a_commit_is_on_disk_and_everything_is_there_after_a_restart<D: Database>(bed: D) {
    let (store, config) = bed.init(1).await;
    let durability = store.durability().await.unwrap();
    assert!(durability.durable, "{durability:?}");
    let setting = |name: &str| {
        let found = durability.settings.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    };
    match durability.backend {
        "sqlite" => assert_eq!(
            (setting("journal_mode"), setting("synchronous")),
            (Some("wal".into()), Some("2".into()))
        ),
        _ => assert_eq!(
            (setting("fsync"), setting("synchronous_commit")),
            (Some("on".into()), Some("on".into()))
        ),
    }
    store.put(vec![unit(1, "tablet")]).await.unwrap();
    let (identity, head) = (store.identity(), store.head().await);
    store.close().await;
    let store = Store::open(config, deps()).await.unwrap();
    assert_eq!(
        (store.identity(), store.head().await, *store.heads().borrow()),
        (identity, head, 1)
    );
    store.put(vec![unit(2, "vial")]).await.unwrap();
    assert_eq!((store.head().await.seq, *store.heads().borrow()), (2, 2));
}

async fn what_is_not_ours_is_refused_untouched<D: Database>(bed: D) {
    let config = bed.empty().await;
    if let Some(path) = config_file(&config) {
        std::fs::write(path, b"").unwrap();
    }
    D::execute(&config, "CREATE TABLE something (x INTEGER)").await;
    let before = D::dump(&config).await;
    assert_eq!(
        reason(Store::init(config.clone(), identity(1), deps()).await.map(drop)),
        "DATABASE_FOREIGN"
    );
    assert_eq!(
        reason(Store::open(config.clone(), deps()).await.map(drop)),
        "DATABASE_FOREIGN"
    );
    unchanged::<D>(&config, &before, "a refusal").await;
    assert_eq!(D::dump(&config).await.len(), before.len());
}

async fn a_newer_schema_is_refused_untouched<D: Database>(bed: D) {
    let (store, config) = bed.init(1).await;
    let backend = store.durability().await.unwrap().backend;
    store.close().await;
    let raise = match backend {
        "sqlite" => "PRAGMA user_version = 99",
        _ => "UPDATE schema_version SET version = 99",
    };
    D::execute(&config, raise).await;
    let before = D::dump(&config).await;
    let refused = Store::open(config.clone(), deps()).await.map(drop);
    assert!(refused.as_ref().unwrap_err().message().contains("99"));
    assert_eq!(reason(refused), "DATABASE_TOO_NEW");
    unchanged::<D>(&config, &before, "a refusal").await;
}

async fn a_database_is_initialised_once<D: Database>(bed: D) {
    let config = bed.empty().await;
    assert_eq!(
        reason(Store::open(config.clone(), deps()).await.map(drop)),
        "DATABASE_NOT_INITIALISED"
    );
    let store = Store::init(config.clone(), identity(2), deps()).await.unwrap();
    assert_eq!(
        store.identity().incarnation,
        None,
        "the primary gives a satellite its incarnation"
    );
    store.close().await;
    assert_eq!(
        reason(Store::init(config.clone(), identity(2), deps()).await.map(drop)),
        "ALREADY_INITIALISED"
    );
    assert_eq!(
        reason(Store::init(config.clone(), identity(3), deps()).await.map(drop)),
        "DATABASE_OTHER_SITE"
    );
    assert_eq!(
        Store::open(config, deps()).await.unwrap().sync_id(),
        identity(2).sync_id
    );
}

fn config_file(config: &StoreConfig) -> Option<std::path::PathBuf> {
    crate::database::url(config)
        .starts_with("sqlite:")
        .then(|| Sqlite::path(config))
}

#[tokio::test]
async fn one_program_has_a_file_at_a_time() {
    let bed = Sqlite::new();
    let (store, config) = bed.init(1).await;
    assert_eq!(
        reason(Store::open(config.clone(), deps()).await.map(drop)),
        "DATABASE_IN_USE"
    );
    store.close().await;
    Store::open(config, deps()).await.unwrap();
    let text = bed.empty().await;
    std::fs::write(Sqlite::path(&text), "name,code\n").unwrap();
    assert_eq!(
        reason(Store::open(text, deps()).await.map(drop)),
        "DATABASE_FOREIGN"
    );
    drop(bed.site(2).await);
}

/// A sync that failed may have left pages in the log which can be read and are not on disk: nothing may follow them there.
#[tokio::test]
async fn the_log_of_a_life_that_was_cut_short_is_emptied_before_anything_is_added() {
    let bed = Sqlite::new();
    let (store, config) = bed.init(1).await;
    store.put(vec![unit(1, "tablet")]).await.unwrap();
    let log = |config: &StoreConfig| {
        let mut path = Sqlite::path(config).into_os_string();
        path.push("-wal");
        std::path::PathBuf::from(path)
    };
    // What a kill leaves: the database and its log as they are.
    let killed = bed.empty().await;
    std::fs::copy(Sqlite::path(&config), Sqlite::path(&killed)).unwrap();
    std::fs::copy(log(&config), log(&killed)).unwrap();
    assert!(std::fs::metadata(log(&killed)).unwrap().len() > 0);
    let again = Store::open(killed.clone(), deps()).await.unwrap();
    assert_eq!(again.head().await.seq, 1);
    let left = std::fs::metadata(log(&killed)).map(|file| file.len());
    assert_eq!(left.unwrap_or_default(), 0);
}

#[tokio::test]
async fn of_programs_that_start_at_once_on_an_empty_database_one_makes_it_and_all_can_use_it() {
    Postgres::with(async |server| {
        let config = server.empty().await;
        let starts = (0..6).map(|_| Store::init(config.clone(), identity(1), deps()));
        let started = futures::future::join_all(starts).await;
        let (made, refused): (Vec<_>, Vec<_>) = started.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (1, 5));
        for refused in refused {
            assert_eq!(reason(refused.map(drop)), "ALREADY_INITIALISED");
        }
        let starts = (0..6).map(|_| Store::open(config.clone(), deps()));
        for opened in futures::future::join_all(starts).await {
            opened.unwrap();
        }
    })
    .await;
}
