//! Record bodies: the stored protobuf form of each kind, its schema version, and body ↔ model, strictly.
//! Not here: the services' messages (`api`), envelopes and hashes (`sync-core`).

mod body;
mod error;
mod field;
mod master;
mod proposal;
mod site;
mod stock;
mod wire;

#[cfg(test)]
mod tests;

pub use body::{RecordBody, known_schema};
pub use error::CodecError;
