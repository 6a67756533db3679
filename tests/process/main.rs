//! Tests on the real programs as separate processes: starting badly, stopping in order, identity, kills, memory.
//! They speak to the programs through the command line and the public API only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is test code, also what is outside test functions"
)]

mod access;
mod administration;
mod audit;
mod bad_values;
mod clocks;
mod collector;
mod commands;
mod copies;
mod database;
mod diagnostics_page;
mod document;
mod errors;
mod frames;
mod health;
mod identity;
mod joining;
mod kills;
mod memory;
mod metrics;
mod moves;
mod operators;
mod ownership;
pub mod page;
mod proposals;
mod recovery;
mod removal;
mod renewal;
mod repairs;
mod replicas;
mod revocation;
mod rotation;
mod shelves;
mod spread;
mod start;
mod stop;
mod traces;
mod versions;
mod waking;
mod world;
