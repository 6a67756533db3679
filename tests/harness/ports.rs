//! Free loopback ports. Nobody can reserve one for another process, so a server that finds its port taken is an
//! error of the run; choosing outside the range that outgoing connections use makes that next to impossible.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::Outcome;

const FIRST: u16 = 12_000;
/// Below 32768, where Linux begins to take ports for outgoing connections.
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// An address on which nobody listens now, different at each call in this process; processes start far apart.
pub fn free_address() -> Outcome<SocketAddr> {
    let start = u64::from(std::process::id()) * 61;
    for _ in 0..1_000 {
        let step = u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = (start + step) % u64::from(COUNT);
        let port = FIRST + u16::try_from(offset)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("no free loopback port after 1,000 tries".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_gives_another_port_that_can_be_bound() {
        let first = free_address().unwrap();
        let second = free_address().unwrap();
        assert_ne!(first, second);
        let held = TcpListener::bind(second).unwrap();
        assert_eq!(held.local_addr().unwrap(), second);
    }
}
