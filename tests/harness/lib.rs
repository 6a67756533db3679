//! The harness: the real programs as separate processes in a temporary folder, on free loopback ports, spoken to
//! through the public API only. For tests, and for the demo and the soak runs of xtask; nothing of the product is here.

mod binaries;
mod condition;
mod health;
mod network;
mod outcome;
mod ports;
mod program;
mod sample;
mod site;

pub use binaries::Binaries;
pub use condition::{eventually, within};
pub use health::is_ready;
pub use network::Network;
pub use outcome::Outcome;
pub use ports::free_address;
pub use program::{Finished, Memory, Program, run};
pub use sample::{generated_names, sample, sample_rows};
pub use site::Site;
