//! Importing master data from CSV: every row is checked, and either all of the file goes in or none of it.

mod cells;
mod examine;
mod kinds;
mod plan;
mod run;
mod store_names;
mod table;

pub use examine::examine;
pub use run::{FileKind, FileOutcome, ImportFile, ImportOutcome, import};
pub use table::{MAX_ERRORS, MAX_FILE_BYTES, RowError};
