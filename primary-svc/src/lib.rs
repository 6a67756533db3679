//! What only a primary does: its command line, its configuration, and how it is put together.
//! Not here: what every site does (`node`).

pub mod cli;
pub mod command;
pub mod config;
pub mod credentials;
pub mod delivery;
pub mod enrolment;
pub mod network;
pub mod preferences;
pub mod replicas;
pub mod service;
pub mod sessions;
pub mod shared_credentials;
#[cfg(test)]
mod test_store;
pub mod wake;
pub mod wiring;
