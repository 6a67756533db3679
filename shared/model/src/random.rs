//! Randomness as an argument: the trait only. The operating system's generator is in `runtime`, seeded ones are in tests.

/// Where random bits come from.
pub trait Random: Send + Sync + 'static {
    /// Sixteen random bytes.
    fn bytes16(&self) -> [u8; 16];

    /// Sixty-four random bits.
    fn u64(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes16();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}
