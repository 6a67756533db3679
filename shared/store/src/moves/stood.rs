//! Hand-overs that were heard of in this run of the program and have been overtaken since: a part that was on its way may
//! still begin at one. Each is a truth about the primary's feed, so what is kept here can't become wrong.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use supplysync_model::{Assignment, Channel, Digest, Seq};

/// As many of a channel as can be overtaken while one batch is on its way, and more.
const KEPT: usize = 4;

/// Seqs of the primary's feed, each with the channel's total there.
type HandOvers = Vec<(Seq, Digest)>;

/// What the primary held of a channel at a seq of its feed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stood(Arc<RwLock<HashMap<Channel, HandOvers>>>);

impl Stood {
    /// Keeps what was handed over with an assignment that gives way to another.
    pub(crate) fn learn(&self, overtaken: &Assignment) {
        let Some(given) = overtaken.hand_over else {
            return;
        };
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for channel in Channel::of_store(overtaken.store) {
            let held = known.entry(channel).or_default();
            held.retain(|(seq, _)| *seq != given.seq);
            held.push((given.seq, given.totals.of(channel)));
            let surplus = held.len().saturating_sub(KEPT);
            held.drain(..surplus);
        }
    }

    /// What the primary held of a channel then.
    pub(crate) fn at(&self, channel: Channel, seq: Seq) -> Option<Digest> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let held = known.get(&channel)?.iter().find(|(at, _)| *at == seq);
        held.map(|(_, digest)| *digest)
    }
}
