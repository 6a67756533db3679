//! Use cases: what a person or program asks a site to do, as one transaction each. Rules are pure and beside them;
//! wire formats live in `service`, SQL in `store`.

pub mod import;
pub mod master_rules;
pub mod problems;
pub mod stock_rules;
