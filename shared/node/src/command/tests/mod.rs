//! Commands on a real embedded database in a temporary folder.

mod authorisation;
mod import;
mod master;
mod site;
mod stock;
