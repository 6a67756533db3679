//! How far a receiver is in a peer's channel. One type, one meaning, kept by the receiver.

use supplysync_model::{RecordKey, Seq};

/// A receiver's position in one channel of a peer's feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// Scanning what exists in key order: everything up to and including `last` is there.
    Loading {
        /// The feed's head when the load began: the channel is followed from here afterwards.
        head: Seq,
        /// The last key applied; `None` before the first page.
        last: Option<RecordKey>,
    },
    /// Following the feed: everything up to and including `seq` is there.
    Following {
        /// The last seq passed.
        seq: Seq,
    },
}

impl Cursor {
    /// The position of a receiver that follows from the very beginning: every push begins here.
    pub const START: Cursor = Cursor::Following { seq: 0 };
}
