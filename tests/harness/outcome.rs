//! What the harness returns: any error will do, as the one who reads it is a developer before a failed run.

use std::error::Error;

/// The result of a step.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;
