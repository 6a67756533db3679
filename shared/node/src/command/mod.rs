//! Use cases: what a person or program asks a site to do, as one transaction each. Rules are pure and beside them;
//! wire formats live in `service`, SQL in `store`.

pub mod accepted;
pub mod authorisation;
pub mod caller;
pub mod import;
pub mod kept;
mod lockout;
pub mod lookup;
pub mod master;
pub mod master_rules;
pub mod ownership;
pub mod preferences;
pub mod problems;
pub mod proposals;
pub mod quarantine;
pub mod rebuild;
mod refusals;
pub mod stock_line;
pub mod stock_rules;
#[cfg(test)]
pub(crate) mod tests;
pub mod transaction;
mod unlock_tokens;
