//! A primary's new store in a folder, for tests of what is kept in one.

use std::path::Path;
use std::sync::Arc;

use supplysync_model::SyncId;
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_store::{NewIdentity, Store, StoreConfig, StoreDeps};

/// In a file of this name.
pub async fn new_store(folder: &Path, name: &str) -> Store {
    let config = StoreConfig::new(format!("sqlite://{}/{name}.db", folder.display()));
    let identity = NewIdentity {
        sync_id: SyncId::PRIMARY,
        site_name: "Head office".into(),
    };
    let deps = StoreDeps {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    Store::init(config, identity, deps).await.unwrap()
}
