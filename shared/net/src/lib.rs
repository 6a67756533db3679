//! Who is at the other end, and the road there: certificates, mutual TLS for servers and clients, the layer that
//! denies by default, user name and password, compression. No services and no messages: those are in `api` and `node`.

pub mod access;
pub mod authority;
pub mod certificate;
pub mod client;
mod client_check;
pub mod credential;
pub mod http2;
pub mod identity;
pub mod join_token;
pub mod material;
pub mod pem_file;
mod pinned;
pub mod revocation;
pub mod rotation;
pub mod server;
pub mod signing_request;
mod site_check;
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
pub use join_token::JoinToken;
pub use material::TlsMaterial;
pub use revocation::Revocations;
pub use server::{PeerInfo, Server, Visitor};
pub use signing_request::SigningRequest;
pub use throttle::AddressThrottle;
