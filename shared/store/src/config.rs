//! What a store is opened with, and what it says about itself. Reading configuration files is `runtime`'s work.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use supplysync_model::{Clock, Incarnation, Random, SyncId};

/// Where the database is and how many connections it may have.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite:///var/lib/x.db`, `sqlite:x.db` or `postgres://…`; may hold a password.
    pub url: SecretString,
    /// Connections that read.
    pub max_readers: u32,
    /// Connections that write (PostgreSQL; SQLite always has one). More than four are slower, not faster.
    pub max_writers: u32,
}

impl StoreConfig {
    /// With the measured defaults: four readers, four writers.
    pub fn new(url: impl Into<String>) -> StoreConfig {
        StoreConfig {
            url: SecretString::from(url.into()),
            max_readers: 4,
            max_writers: 4,
        }
    }
}

/// What the store takes from outside: time and random bits.
#[derive(Clone)]
pub struct StoreDeps {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Random bits, for ids, incarnations and the chain's salt.
    pub random: Arc<dyn Random>,
}

impl fmt::Debug for StoreDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreDeps")
    }
}

/// Whose database a new one is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// The site's Sync ID.
    pub sync_id: SyncId,
    /// The site's name.
    pub site_name: String,
}

/// Whose database it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The site's Sync ID.
    pub sync_id: SyncId,
    /// The site's name.
    pub site_name: String,
    /// The life of the database: on the primary from `init` on, on a satellite from its first session.
    pub incarnation: Option<Incarnation>,
}

/// How durably a commit is written, read back from the open database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// `sqlite` or `postgres`.
    pub backend: &'static str,
    /// The settings that decide, with their values, such as (`synchronous`, `2`).
    pub settings: Vec<(&'static str, String)>,
    /// Whether a commit is on disk before it is reported.
    pub durable: bool,
}
