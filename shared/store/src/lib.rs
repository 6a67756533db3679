//! The record store: records, feed, chain, digests, cursors and identity on SQLite and PostgreSQL, with the
//! projections and queries built on them. Session rules live in `sync-core`; who may call what lives in `node`.

mod apply;
mod audit;
mod channel;
mod config;
mod connect;
mod copies;
mod cursor;
mod dated;
mod digest;
mod enrolment;
mod entity;
mod fault;
mod held;
mod landing;
mod lineage;
mod migrate;
mod moves;
mod own;
mod page;
mod peer;
mod preference;
pub mod projection;
mod proposal;
mod quarantine;
pub mod query;
mod raw;
mod record;
mod reports;
mod schema;
mod store;
mod trust;
mod tx;
mod upkeep;
mod withdrawn;

pub use audit::AuditEntry;
pub use config::{Durability, Identity, NewIdentity, StoreConfig, StoreDeps};
pub use copies::copies_in_words;
pub use enrolment::{JoinTokenRow, Revocation};
pub use moves::{MoveOrder, MoveRecord, MoveState};
pub use own::{Etag, OwnChange, Written};
pub use peer::HelloState;
pub use projection::NotKept;
pub use record::StoredRecord;
pub use store::Store;
pub use tx::{Queries, ReadTx, TxConn, WriteTx};
