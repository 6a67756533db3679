//! The harness: the real programs as separate processes in a temporary folder, on free loopback ports, spoken to
//! through the public API only. For tests, and for the demo and the soak runs of xtask; nothing of the product is here.

mod ask;
mod binaries;
mod client;
mod condition;
pub mod fault;
mod health;
mod network;
mod outcome;
mod ports;
mod postgres;
mod postgres_server;
mod program;
mod proof;
mod proxy;
mod sample;
mod session;
pub mod shelves;
mod site;
mod stranger;

pub use ask::{Held, all_pages, differences};
pub use binaries::Binaries;
pub use client::{Called, Certificate, Client, Connection, in_words};
pub use condition::{eventually, turns, within};
pub use health::{is_ready, metrics_of, status_of};
pub use network::Network;
pub use outcome::Outcome;
pub use ports::free_address;
pub use postgres::TestDatabase;
pub use postgres_server::{PostgresServer, Stop};
pub use program::{Finished, Memory, Program, run};
pub use proof::{differing, prove_equal, settled, unbalanced, verified};
pub use proxy::{LinkFault, Proxy};
pub use sample::{generated_names, sample, sample_rows};
pub use session::{OpenSession, SessionAttempt};
pub use site::Site;
pub use stranger::{knock_without_certificate, shown_certificate};
