//! Refusals in words: why a machine ends a session.

use supplysync_model::{Fault, Reason};

use crate::Refused;

impl Refused {
    /// With a stable reason and words for a person.
    pub fn new(reason: Reason, message: impl Into<String>) -> Refused {
        Refused {
            reason: reason.0.to_owned(),
            message: message.into(),
            retryable: false,
        }
    }

    /// The same, where trying again may work.
    #[must_use]
    pub fn retryable(mut self) -> Refused {
        self.retryable = true;
        self
    }

    /// The other end broke the protocol. A new session begins from durable cursors, so trying again may work.
    pub(crate) fn violation(what: &str) -> Refused {
        let message = format!("the other end broke the protocol: {what}; the session begins again by itself");
        Refused::new(Reason::PROTOCOL_VIOLATION, message).retryable()
    }

    /// A step of the recovery of the primary's database is done: the next session goes by that.
    pub(crate) fn begins_again(done: &str) -> Refused {
        let message = format!("{done}: the session begins again by itself");
        Refused::new(Reason::RECOVERY_PENDING, message).retryable()
    }

    /// A newer session has taken over.
    pub(crate) fn fenced() -> Refused {
        let message = "a newer session speaks for this site; if this goes on, two servers use one Sync ID";
        Refused::new(Reason::SESSION_FENCED, message).retryable()
    }
}

/// The public part of a fault.
impl From<&Fault> for Refused {
    fn from(fault: &Fault) -> Refused {
        Refused {
            reason: fault.reason().0.to_owned(),
            message: fault.message().to_owned(),
            retryable: fault.retryable(),
        }
    }
}
