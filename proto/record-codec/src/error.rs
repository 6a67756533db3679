//! Why a body can't be read: not yet (park it), or never (it is damaged).

use supplysync_model::Kind;

/// A body that this program can't turn into a model value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A kind that only newer programs know.
    #[error("kind {} is not known to this version; it waits for an upgrade", .0.0)]
    UnknownKind(Kind),
    /// A known kind in a format that only newer programs know.
    #[error("{kind} of schema {schema}: this version knows up to {known}; it waits for an upgrade")]
    NewerSchema {
        /// The kind.
        kind: Kind,
        /// The body's schema version.
        schema: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// Not what its kind and schema say.
    #[error("malformed {kind}: {detail}")]
    Malformed {
        /// The kind.
        kind: Kind,
        /// Which field, and what is wrong with it.
        detail: String,
    },
}

impl CodecError {
    /// Whether a newer program can read it: the record is applied and parked. Otherwise it is damaged.
    pub fn waits_for_upgrade(&self) -> bool {
        !matches!(self, CodecError::Malformed { .. })
    }
}
