//! Who is at the other end, and the road there: certificates, mutual TLS for servers and clients, the layer that
//! denies by default, user name and password, compression. No services and no messages: those are in `api` and `node`.

pub mod access;
pub mod authority;
pub mod certificate;
pub mod client;
pub mod credential;
pub mod http2;
pub mod identity;
pub mod material;
pub mod pem_file;
pub mod server;
pub mod streaming;
mod throttle;
mod tls_fault;
pub mod zstd;

#[cfg(test)]
mod tests;

pub use access::{AccessLayer, AccessTable, Caller};
pub use authority::Authority;
pub use client::Endpoint;
pub use credential::CredentialVerifier;
pub use identity::{PeerIdentity, Role};
pub use material::TlsMaterial;
pub use server::{PeerInfo, Server};
