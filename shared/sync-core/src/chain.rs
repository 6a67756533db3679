//! The hash chain over a feed (DESIGN 5): what makes a restored or cloned database recognisable.

use supplysync_model::{Chain, RecordHash, Seq};

use crate::hash::first_half;

/// Random bits of one write transaction: two databases that do the same work still part ways.
pub type Salt = [u8; 16];

/// `H(previous, seq, record hashes, salt)`, once per write transaction; `seq` is the feed's head after it.
pub fn extend_chain(previous: Chain, seq: Seq, hashes: &[RecordHash], salt: Salt) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous.0);
    hasher.update(&seq.to_be_bytes());
    for hash in hashes {
        hasher.update(&hash.0);
    }
    hasher.update(&salt);
    Chain(first_half(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: RecordHash = RecordHash([7; 16]);
    const SALT: Salt = [1; 16];

    #[test]
    fn everything_that_goes_in_changes_the_chain() {
        let start = Chain::default();
        let chain = extend_chain(start, 2, &[HASH, RecordHash([8; 16])], SALT);
        let others = [
            extend_chain(chain, 2, &[HASH, RecordHash([8; 16])], SALT),
            extend_chain(start, 3, &[HASH, RecordHash([8; 16])], SALT),
            extend_chain(start, 2, &[RecordHash([8; 16]), HASH], SALT),
            extend_chain(start, 2, &[HASH], SALT),
            extend_chain(start, 2, &[HASH, RecordHash([8; 16])], [2; 16]),
        ];
        for other in others {
            assert_ne!(chain, other);
        }
        assert_eq!(chain, extend_chain(start, 2, &[HASH, RecordHash([8; 16])], SALT));
    }
}
