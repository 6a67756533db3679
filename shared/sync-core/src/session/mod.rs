//! The session machines, one per session and role, and what they share. No IO: an input in, effects out.

mod admission;
mod check;
mod exchange;
mod incoming;
mod limits;
mod outgoing;
pub mod primary;
mod pulse;
mod refuse;
mod reports;
pub mod satellite;
mod say;
#[cfg(test)]
mod tests;

pub use limits::{Mode, SessionLimits};
