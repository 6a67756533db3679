//! What the command lines of both programs share: flags, settings, operator commands, tables, exit codes.
//! Commands that only one program has are in that program's `cli`.

mod access;
mod audit;
pub mod backup;
pub mod command;
pub mod config;
pub mod confirm;
pub mod exit;
pub mod flags;
pub mod health;
mod import;
mod ledger;
pub mod make_secret;
pub mod output;
mod prefs;
pub mod problem;
mod quarantine;
mod rebuild;
mod refusal;
mod report;
pub mod restore;
pub mod run;
pub mod secret;
pub mod settings;
pub mod setup;
mod status;
mod stock;
mod sync_now;
pub mod table;
mod trace;
pub mod unlock;
mod verify;
pub mod view;
