//! What only a satellite does: its command line, its configuration, and how it is put together.
//! Not here: what every site does (`node`).

pub mod cli;
pub mod config;
pub mod dial;
pub mod follow;
pub mod later;
pub mod patience;
pub mod plan;
pub mod preferences;
mod proposals;
pub mod renewal;
pub mod rhythm;
pub mod shut_out;
pub mod wiring;
