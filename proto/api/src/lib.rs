//! The public gRPC API: generated code, request ↔ model, fault ↔ `tonic::Status`.
//! Not here: stored bodies (`record-codec`), session messages ↔ sync-core (the session driver in `node`).

pub mod v1;

/// The descriptors of every service, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
