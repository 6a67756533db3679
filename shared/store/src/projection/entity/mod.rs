//! Rows of the typed tables as sea-orm entities: for reading. They are written in bulk by `projection::write`.
#![allow(missing_docs, reason = "the columns are explained in `schema`")]

pub(crate) mod assignment;
pub(crate) mod item;
pub(crate) mod name;
pub(crate) mod revoked_operator;
pub(crate) mod site;
pub(crate) mod site_copy;
pub(crate) mod site_settings;
pub(crate) mod stock_line;
pub(crate) mod stock_transaction;
pub(crate) mod store;
pub(crate) mod transaction_line;
pub(crate) mod unit;
