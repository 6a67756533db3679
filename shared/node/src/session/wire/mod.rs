//! Session messages as they travel ↔ the words of `sync-core`. Strict on reading: what no honest sender writes is a
//! [`Violation`] in words. Order and meaning of messages are the machines' business, not ours.

mod ack;
mod batch;
mod count;
mod primary;
mod report;
mod satellite;
mod scalar;
#[cfg(test)]
mod tests;

use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_sync_core::Refused;

pub use batch::Packing;
pub use count::check_lists;

/// What is wrong with a frame, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(String);

impl Violation {
    pub(super) fn new(what: impl Into<String>) -> Violation {
        Violation(what.into())
    }

    /// What the other end is told, and why the session ends. A new session begins from durable cursors.
    pub fn refused(&self) -> Refused {
        let message = format!(
            "the other end sent a frame that can't be read: {self}; the session begins again by itself"
        );
        Refused::new(Reason::PROTOCOL_VIOLATION, message).retryable()
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Fault {
        Fault::new(
            FaultCode::InvalidArgument,
            Reason::PROTOCOL_VIOLATION,
            violation.0,
        )
    }
}

/// What reading gives.
type Read<T> = Result<T, Violation>;

/// A wire message that stands for a message of `sync-core`.
pub trait Frame: Sized + Send + 'static {
    /// What it stands for.
    type Message: Send;

    /// Writes a message. Fails only if compressing does.
    fn write(message: Self::Message, packing: Packing) -> Result<Self, Fault>;

    /// Reads a frame, checking all that can be checked without context.
    fn read(self) -> Result<Self::Message, Violation>;
}
