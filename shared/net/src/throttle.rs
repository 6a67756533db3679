//! How long somebody who failed must wait before the next attempt. Pure: the clock is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use supplysync_model::{Fault, FaultCode, Reason, SyncId, Timestamp};

/// Failures without a wait: people mistype.
const FREE_FAILURES: u32 = 3;
/// The longest wait.
const MAX_WAIT_MS: i64 = 15 * 60 * 1000;
/// How long a failure is remembered after its wait.
const MEMORY_MS: i64 = 60 * 60 * 1000;
/// Entries at most; the oldest goes first.
const MAX_ENTRIES: usize = 4_096;

/// Who failed: whom the certificate names, and from where.
pub(crate) type Key = (SyncId, Option<IpAddr>);

/// Attempts of callers that nothing but their address tells apart.
#[derive(Debug, Default)]
pub struct AddressThrottle(Mutex<Throttle>);

impl AddressThrottle {
    /// `RATE_LIMITED` while callers from there must wait.
    pub fn check(&self, address: IpAddr, now: Timestamp) -> Result<(), Fault> {
        self.lock().check(&key_of(address), now)
    }

    /// Counts a failure.
    pub fn failed(&self, address: IpAddr, now: Timestamp) {
        self.lock().failed(key_of(address), now);
    }

    /// Forgets the failures from there.
    pub fn passed(&self, address: IpAddr) {
        self.lock().passed(&key_of(address));
    }

    /// What is behind the lock is never left half changed.
    fn lock(&self) -> MutexGuard<'_, Throttle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody shows a certificate there, so all are the same site: none.
fn key_of(address: IpAddr) -> Key {
    (SyncId::PRIMARY, Some(address))
}

#[derive(Debug, Default)]
pub(crate) struct Throttle {
    entries: HashMap<Key, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    until: Timestamp,
}

impl Throttle {
    /// `RATE_LIMITED` while `key` must wait; says for how long.
    pub(crate) fn check(&self, key: &Key, now: Timestamp) -> Result<(), Fault> {
        let wait = self
            .entries
            .get(key)
            .map_or(0, |entry| entry.until.millis_since(now));
        if wait == 0 {
            return Ok(());
        }
        let seconds = wait.div_ceil(1_000);
        Err(Fault::new(
            FaultCode::ResourceExhausted,
            Reason::RATE_LIMITED,
            format!("too many refused attempts; try again in {seconds} s"),
        )
        .with_metadata("retry_after_seconds", seconds))
    }

    /// Counts a failure; the wait doubles with each beyond the free ones.
    pub(crate) fn failed(&mut self, key: Key, now: Timestamp) {
        self.forget(now);
        let entry = self.entries.entry(key).or_insert(Entry {
            failures: 0,
            until: now,
        });
        entry.failures = entry.failures.saturating_add(1);
        let doublings = entry.failures.saturating_sub(FREE_FAILURES);
        let wait = match doublings {
            0 => 0,
            n => 1_000_i64
                .checked_shl(n.min(20))
                .unwrap_or(MAX_WAIT_MS)
                .min(MAX_WAIT_MS),
        };
        entry.until = Timestamp(now.0.saturating_add(wait));
    }

    /// Forgets the failures of who got through.
    pub(crate) fn passed(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    fn forget(&mut self, now: Timestamp) {
        self.entries
            .retain(|_, entry| entry.until.0.saturating_add(MEMORY_MS) > now.0);
        if self.entries.len() >= MAX_ENTRIES {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.until)
                .map(|(key, _)| *key);
            oldest.map(|key| self.entries.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (SyncId::PRIMARY, None);

    #[test]
    fn waits_grow_up_to_a_limit_and_are_forgotten() {
        let mut throttle = Throttle::default();
        let mut now = Timestamp(1_795_000_000_000);
        let mut waits = Vec::new();
        for _ in 0..40 {
            throttle.failed(KEY, now);
            let wait = throttle.entries[&KEY].until.millis_since(now);
            assert_eq!(throttle.check(&KEY, now).is_err(), wait > 0);
            now = Timestamp(now.0 + i64::try_from(wait).unwrap());
            assert!(throttle.check(&KEY, now).is_ok(), "the wait is over");
            waits.push(wait / 1_000);
        }
        assert_eq!(waits[..6], [0, 0, 0, 2, 4, 8]);
        assert_eq!(waits[39], 900);
        assert!(waits.is_sorted());
        throttle.failed(
            (SyncId::PRIMARY, Some([127, 0, 0, 1].into())),
            Timestamp(now.0 + 2 * MEMORY_MS),
        );
        assert!(!throttle.entries.contains_key(&KEY));
    }

    #[test]
    fn getting_through_clears_the_failures() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            throttle.failed(KEY, Timestamp(0));
        }
        throttle.passed(&KEY);
        throttle.failed(KEY, Timestamp(0));
        assert!(throttle.check(&KEY, Timestamp(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::default();
        for index in 0..10_000_u32 {
            throttle.failed(
                (SyncId::PRIMARY, Some(std::net::Ipv4Addr::from(index).into())),
                Timestamp(0),
            );
        }
        assert_eq!(throttle.entries.len(), MAX_ENTRIES);
    }
}
