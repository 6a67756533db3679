//! gRPC handlers that both services offer. Thin: a message becomes a command or a query, its outcome a message.

pub mod diagnostics;
pub mod master_data;
mod master_import;
pub mod page;
pub mod preference;
pub mod reference;
pub mod report;
pub mod request;
pub mod stock;
#[cfg(test)]
mod tests;
pub mod view;
