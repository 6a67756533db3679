//! What the primary gives new sites unless they are given something else: kept among the preferences.

use serde::{Deserialize, Serialize};
use supplysync_model::Fault;
use supplysync_store::{Queries, WriteTx};

/// The store's preference that holds it, as JSON.
const KEY: &str = "network.defaults";

/// The rhythm of new sites: asked every five minutes and told at once, until somebody decides otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkDefaults {
    /// Minutes between a satellite's requests; 0 pauses.
    pub interval_minutes: u32,
    /// Whether streams stay open.
    pub live: bool,
}

impl Default for NetworkDefaults {
    fn default() -> NetworkDefaults {
        NetworkDefaults {
            interval_minutes: 5,
            live: true,
        }
    }
}

impl NetworkDefaults {
    /// As they are kept.
    pub async fn load(tx: &Queries) -> Result<NetworkDefaults, Fault> {
        match tx.preference(KEY).await? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(Fault::internal),
            None => Ok(NetworkDefaults::default()),
        }
    }

    /// Keeps them.
    pub async fn save(self, tx: &mut WriteTx) -> Result<(), Fault> {
        let bytes = serde_json::to_vec(&self).map_err(Fault::internal)?;
        tx.set_preference(KEY, bytes).await
    }
}
