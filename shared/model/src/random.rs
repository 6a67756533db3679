//! Randomness as an argument: the trait, and time-ordered ids made from it. The generator itself lives in `runtime`.

use uuid::Uuid;

use crate::Timestamp;

/// Where random bits come from.
pub trait Random: Send + Sync + 'static {
    /// Sixteen random bytes.
    fn bytes16(&self) -> [u8; 16];

    /// Eight of them as a number.
    fn u64(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes16();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A UUIDv7: ids that are made later sort later, so that they are inserted in key order.
pub fn uuid_v7(now: Timestamp, random: &dyn Random) -> Uuid {
    let [a, b, c, d, e, f, g, h, i, j, ..] = random.bytes16();
    let millis = u64::try_from(now.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Random for Fixed {
        fn bytes16(&self) -> [u8; 16] {
            [0xff; 16]
        }
    }

    #[test]
    fn later_ids_sort_later() {
        let early = uuid_v7(Timestamp(1_795_000_000_000), &Fixed);
        let late = uuid_v7(Timestamp(1_795_000_000_001), &Fixed);
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }
}
