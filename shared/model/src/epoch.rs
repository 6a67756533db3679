//! The fencing number of a store's activation.

use std::fmt;

/// (primary incarnation, counter): rises each time a store moves, and with each restored primary.
/// Records that the primary owns by role carry (its incarnation, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Epoch {
    /// The counter of the primary's incarnation.
    pub incarnation: u32,
    /// The number of the activation within it.
    pub counter: u32,
}

impl Epoch {
    /// One number with the same order, as stored and sent.
    pub const fn packed(self) -> u64 {
        ((self.incarnation as u64) << 32) | self.counter as u64
    }

    /// From the stored number.
    pub const fn from_packed(packed: u64) -> Epoch {
        Epoch {
            incarnation: (packed >> 32) as u32,
            counter: packed as u32,
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_the_order() {
        let low = Epoch {
            incarnation: 1,
            counter: u32::MAX,
        };
        let high = Epoch {
            incarnation: 2,
            counter: 0,
        };
        assert!(low < high && low.packed() < high.packed());
        assert_eq!(Epoch::from_packed(low.packed()), low);
    }
}
