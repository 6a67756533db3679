//! What a command of the workspace returns. Tools report to the developer who ran them, so any error will do.

use std::error::Error;
use std::path::PathBuf;

/// The result of a command; the error is printed and ends the program.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The workspace's root, from which every command works wherever it was started.
pub fn workspace_root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or(own.clone(), PathBuf::from)
}
