//! The public gRPC API: generated code, request ↔ model, fault ↔ `tonic::Status`.
//! Not here: stored bodies (`record-codec`), session messages ↔ sync-core (the session driver in `node`).

mod etag;
pub mod fault;
pub mod fields;
pub mod master;
mod page;
mod patch;
mod readable;
pub mod stock;
pub mod v1;
pub mod words;

#[cfg(test)]
mod tests;

pub use etag::{etag_text, parse_etag};
pub use page::{Page, page_token, read_page};
pub use patch::Patch;
pub use readable::readable_body;

/// The descriptors of every service, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
