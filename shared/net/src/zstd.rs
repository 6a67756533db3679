//! Compression of payloads: deflate at a chosen level, inflate up to a limit, whatever the sender claims.

use std::io::Read;

use supplysync_model::{Fault, FaultCode, Reason};

/// The level for thin links: most of the gain, little of the time.
pub const LEVEL: i32 = 3;
/// The largest window that is inflated (2^23 bytes), so that a frame can't ask for more memory than that.
const MAX_WINDOW_LOG: u32 = 23;

/// Compresses `bytes` at `level` (1 to 19).
pub fn deflate(bytes: &[u8], level: i32) -> Result<Vec<u8>, Fault> {
    ::zstd::bulk::compress(bytes, level).map_err(Fault::internal)
}

/// Restores what [`deflate`] made. `TOO_LARGE` beyond `limit` bytes; `PROTOCOL_VIOLATION` when it is damaged.
pub fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
    let mut decoder = ::zstd::stream::read::Decoder::with_buffer(bytes).map_err(Fault::internal)?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(Fault::internal)?;
    let mut plain = Vec::new();
    // One byte more than allowed tells "full" from "too much".
    let mut bounded = decoder.take((limit as u64).saturating_add(1));
    bounded.read_to_end(&mut plain).map_err(damaged)?;
    if plain.len() > limit {
        return Err(Fault::new(
            FaultCode::InvalidArgument,
            Reason::TOO_LARGE,
            format!("the compressed payload is larger than {limit} bytes when it is inflated"),
        ));
    }
    Ok(plain)
}

fn damaged(error: std::io::Error) -> Fault {
    Fault::new(
        FaultCode::InvalidArgument,
        Reason::PROTOCOL_VIOLATION,
        "the compressed payload is damaged or needs more memory than allowed",
    )
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_inflates() {
        for size in [0, 1, 1_000, 1_000_000] {
            let plain: Vec<u8> = (0..size).map(|index: u32| (index % 251) as u8).collect();
            let packed = deflate(&plain, LEVEL).unwrap();
            assert_eq!(inflate(&packed, plain.len()).unwrap(), plain);
        }
    }

    #[test]
    fn bombs_and_damage_are_refused() {
        let bomb = deflate(&vec![0; 64 << 20], 19).unwrap();
        assert!(bomb.len() < 10_000);
        assert_eq!(inflate(&bomb, 4 << 20).unwrap_err().reason(), Reason::TOO_LARGE);
        assert_eq!(
            inflate(b"nonsense", 100).unwrap_err().reason(),
            Reason::PROTOCOL_VIOLATION
        );
        let mut cut = deflate(&[1; 1_000], LEVEL).unwrap();
        cut.pop();
        assert_eq!(
            inflate(&cut, 2_000).unwrap_err().reason(),
            Reason::PROTOCOL_VIOLATION
        );
        let packed = deflate(&[1, 2, 3, 4], LEVEL).unwrap();
        assert_eq!(inflate(&packed, 3).unwrap_err().reason(), Reason::TOO_LARGE);
    }
}
