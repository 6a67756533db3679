//! Commands on a real embedded database in a temporary folder.

mod authorisation;
mod import;
mod master;
pub(crate) mod site;
mod stock;
