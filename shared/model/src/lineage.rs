//! What tells a live database from a restored or cloned one.

use std::fmt;

use crate::Seq;

/// One life of a site's database: a counter above every one known, and random bits. Issued by the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation {
    /// Rises with every incarnation of the site.
    pub counter: u32,
    /// Random, so that two that were issued apart differ.
    pub random: u64,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.counter, self.random)
    }
}

/// The hash chain over a feed: `H(previous, seq, record hashes, random salt)`. All zero before the first write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Chain(pub [u8; 16]);

/// A point in a feed's history: the head of the snapshot that a batch was read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// The database's life.
    pub incarnation: Incarnation,
    /// The feed's head.
    pub seq: Seq,
    /// The chain there.
    pub chain: Chain,
}
