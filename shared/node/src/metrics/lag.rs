//! Since when a change waits: which seq the feed had reached at which time, seen now and then. Nothing of it is stored: of a change
//! from before the program started it is only known that it has waited at least since then.

use supplysync_model::{Seq, Timestamp};

/// Sights that are kept. When they are more, every second of the older half goes: what is long ago is known less exactly.
const KEPT: usize = 512;

/// What was seen, in order.
#[derive(Debug, Default)]
pub(super) struct Heads(Vec<(Timestamp, Seq)>);

impl Heads {
    /// The feed has reached `head` now.
    pub(super) fn see(&mut self, now: Timestamp, head: Seq) {
        if self.0.last().is_some_and(|(_, seen)| *seen >= head) {
            return;
        }
        self.0.push((now, head));
        if self.0.len() > KEPT {
            let mut place = 0;
            self.0.retain(|_| {
                place += 1;
                place > KEPT / 2 || place % 2 == 1
            });
        }
    }

    /// For how many seconds the change at this seq has been there, as far as is known: what came since the last sight counts
    /// from now.
    pub(super) fn seconds_since(&self, now: Timestamp, seq: Seq) -> f64 {
        let at = self.0.partition_point(|(_, head)| *head < seq);
        let seen = self.0.get(at).map_or(now, |(seen, _)| *seen);
        now.millis_since(seen) as f64 / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000)
    }

    #[test]
    fn a_change_waits_since_it_was_first_seen() {
        let mut heads = Heads::default();
        heads.see(at(100), 40);
        heads.see(at(110), 40);
        heads.see(at(120), 45);
        let waits = |seq| heads.seconds_since(at(130), seq);
        // From before the start: at least since then.
        assert_eq!((waits(0), waits(40)), (30.0, 30.0));
        assert_eq!((waits(41), waits(45)), (10.0, 10.0));
        assert_eq!(waits(46), 0.0);
    }

    #[test]
    fn so_many_sights_are_kept_and_the_first_of_them() {
        let mut heads = Heads::default();
        for second in 0..100_000 {
            heads.see(at(second), second as Seq);
            assert!(heads.0.len() <= KEPT);
        }
        assert_eq!(heads.seconds_since(at(100_000), 0), 100_000.0);
        // Of what is half as long ago it is known within a fifth.
        let waits = heads.seconds_since(at(100_000), 50_000);
        assert!((40_000.0..=50_000.0).contains(&waits), "{waits}");
        assert_eq!(heads.seconds_since(at(100_000), 99_990), 10.0);
    }
}
