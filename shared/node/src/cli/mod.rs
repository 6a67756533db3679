//! What the command lines of both programs share: flags, settings, the operator's client, tables, exit codes.
//! Commands that only one program has are in that program's `cli`.

pub mod exit;
pub mod flags;
pub mod output;
pub mod problem;
pub mod secret;
pub mod settings;
pub mod table;
pub mod view;
