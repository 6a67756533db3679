//! Use cases that only a primary has. Those of every site are in `node`.

pub mod copies;
pub mod join_token;
pub mod moves;
pub mod site;
pub mod site_change;
pub mod site_rules;
#[cfg(test)]
mod site_tests;
