//! Since when a change waits: which seq the feed had reached at which time, seen now and then. Nothing of it is stored: of a change
//! from before the program started it is only known that it has waited at least since then.

use supplysync_model::{Seq, Timestamp};

/// What is long ago need not be known exactly: sights are as far from each other as their age over this, at the most.
const EXACT: u64 = 16;

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
        self.thin(now);
    }

    /// Leaves out what its neighbours say well enough: some two hundred stay of a month of looking every fifteen seconds.
    fn thin(&mut self, now: Timestamp) {
        let mut kept: Vec<(Timestamp, Seq)> = Vec::with_capacity(self.0.len());
        let nexts = self.0.iter().skip(1).map(Some).chain([None]);
        for (sight, next) in self.0.iter().zip(nexts) {
            let needless = kept.last().zip(next).is_some_and(|((before, _), (after, _))| {
                after.millis_since(*before) <= now.millis_since(*after) / EXACT
            });
            if !needless {
                kept.push(*sight);
            }
        }
        self.0 = kept;
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
    fn what_is_long_ago_is_known_less_exactly_and_few_sights_are_kept() {
        let mut heads = Heads::default();
        // A week, a look every fifteen seconds.
        let week = 7 * 86_400;
        for second in (0..week).step_by(15) {
            heads.see(at(second), second as Seq);
        }
        assert!(heads.0.len() < 250, "{} sights", heads.0.len());
        let waits = |seq| heads.seconds_since(at(week), seq);
        assert_eq!((waits(0), waits(week as Seq - 60)), (week as f64, 60.0));
        for hours in [1, 10, 100] {
            let since = hours as f64 * 3_600.0;
            let told = waits((week - hours * 3_600) as Seq);
            assert!((since * 0.9..=since).contains(&told), "{told} of {since}");
        }
    }
}
