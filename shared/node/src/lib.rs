//! What a site does whatever its role: commands, the session driver, gRPC handlers, the shared command line.
//! Not here: what only a primary or only a satellite does (their own crates), SQL (`store`), protocol rules (`sync-core`).

pub mod access;
pub mod certificates;
pub mod cli;
pub mod command;
mod landings;
mod metrics;
pub mod nightly;
pub mod password_file;
pub mod recovery;
pub mod repairs;
pub mod serve;
pub mod service;
pub mod session;
pub mod status;
pub mod steps;
pub mod wake;
