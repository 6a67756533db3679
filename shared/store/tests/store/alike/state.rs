//! All that can be asked of a store, in a form that two kinds of store can be compared in: what each draws by itself (the
//! time, chains, incarnations) is left out.

use std::collections::BTreeMap;

use supplysync_model::{
    Assignment, Channel, Checkpoint, Digest, Fault, Record, RecordKey, Seq, StoreId, SyncId, Timestamp,
};
use supplysync_sync_core::{
    ApplyOutcome, ChannelAck, Comparison, Cursor, Direction, Page, PageRequest, Part, Refusal, Served,
};

use crate::link::ALL;
use crate::records::Records;
use crate::sample::{SECOND, THIRD, site, store_id};

/// The counts of a store (or of master data: `None`) at a receiver, as the sender or as the receiver counts them.
pub type LedgerKey = (Option<StoreId>, SyncId, bool);

/// Owner's records, held, in quarantine, pending.
pub type Counts = (Option<u64>, u64, u64, Option<u64>);

/// What two stores must agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    seq: Seq,
    /// Every record in feed order, with the totals of its channel.
    feed: Vec<(Channel, Vec<Record>, Option<Digest>)>,
    /// Every record in key order: what a load would bring.
    by_key: Vec<(Channel, Vec<RecordKey>)>,
    quarantined: Vec<(RecordKey, String)>,
    /// Where it stands, in whose channels.
    stands: Vec<(SyncId, Channel, Cursor)>,
    served: Vec<(SyncId, Vec<Served>)>,
    pushed: Vec<Channel>,
    assignments: Vec<Option<Assignment>>,
    compared: Vec<Comparison>,
    ledger: BTreeMap<LedgerKey, Counts>,
}

impl State {
    /// Everything that a store says.
    pub async fn of<R: Records>(store: &R) -> State {
        let channels = channels();
        let page = |at: Option<Cursor>| PageRequest {
            direction: Direction::Pull,
            channels: channels.iter().map(|channel| (*channel, at)).collect(),
            max_records: ALL,
            max_bytes: 1 << 24,
        };
        let feed = store.page(page(Some(Cursor::START))).await.unwrap();
        let by_key = store.page(page(None)).await.unwrap();
        let mut stands = Vec::new();
        let mut served = Vec::new();
        if store.sync_id().is_primary() {
            for number in [2, 3] {
                let cursors = store.received_to(site(number)).await.into_iter();
                stands.extend(cursors.map(|(channel, at)| (site(number), channel, at)));
                served.push((site(number), store.served(site(number)).await));
            }
        } else {
            let cursors = store.pulled_to().await.into_iter();
            stands.extend(cursors.map(|(channel, at)| (SyncId::PRIMARY, channel, at)));
        }
        stands.sort_by_key(|(peer, channel, _)| (*peer, *channel));
        let mut quarantined = store.quarantined().await;
        quarantined.sort();
        let mut compared = store.compared().await;
        compared.sort_by_key(|compared| (compared.channel, compared.seq, compared.theirs.sum));
        let mut assignments = Vec::new();
        for store_number in [SECOND, THIRD] {
            assignments.push(store.find_assignment(store_id(store_number)).await);
        }
        State {
            seq: store.head().await.seq,
            feed: feed
                .parts
                .into_iter()
                .map(|part| (part.channel, part.records, part.digest))
                .collect(),
            by_key: by_key
                .parts
                .into_iter()
                .map(|part| {
                    (
                        part.channel,
                        part.records.iter().map(|record| record.key).collect(),
                    )
                })
                .collect(),
            quarantined,
            stands,
            served,
            pushed: store.pushed().await,
            assignments,
            compared,
            ledger: store.ledger().await,
        }
    }

    /// What differs, by name; comparisons where the other has one, the ledger where both have an entry.
    pub fn differences(&self, other: &State) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                found.push(format!("{what}:\n  {ours}\n  {theirs}"));
            }
        };
        compare("seq", self.seq.to_string(), other.seq.to_string());
        for (ours, theirs) in self.feed.iter().zip(&other.feed) {
            let only = |a: &[Record], b: &[Record]| -> Vec<Record> {
                a.iter().filter(|record| !b.contains(record)).cloned().collect()
            };
            let differing = (only(&ours.1, &theirs.1), only(&theirs.1, &ours.1));
            let feed = |records: &[Record], total: Option<Digest>| {
                let order: Vec<_> = records.iter().map(|record| record.key).collect();
                format!("in order {order:?}, in all {total:?}")
            };
            compare("feed", format!("{:?}", differing.0), format!("{:?}", differing.1));
            compare("feed", feed(&ours.1, ours.2), feed(&theirs.1, theirs.2));
        }
        compare(
            "by key",
            format!("{:?}", self.by_key),
            format!("{:?}", other.by_key),
        );
        let texts = |state: &State| {
            [
                format!("{:?}", state.quarantined),
                format!("{:?}", state.stands),
                format!("{:?}", state.served),
                format!("{:?}", state.pushed),
                format!("{:?}", state.assignments),
            ]
        };
        let names = [
            "quarantine",
            "cursors",
            "served",
            "to push",
            "assignments",
            "compared",
        ];
        for ((name, ours), theirs) in names.into_iter().zip(texts(self)).zip(texts(other)) {
            compare(name, ours, theirs);
        }
        // The model keeps what it compared with a site that has the store no more; the real store leaves that out.
        let strange = other
            .compared
            .iter()
            .filter(|theirs| !self.compared.contains(theirs));
        for theirs in strange {
            compare("compared", format!("{:?}", self.compared), format!("{theirs:?}"));
        }
        for (key, ours) in &self.ledger {
            if let Some(theirs) = other.ledger.get(key) {
                compare(
                    &format!("ledger of {key:?}"),
                    format!("{ours:?}"),
                    format!("{theirs:?}"),
                );
            }
        }
        found
    }
}

/// Every channel that the sample network has, in rank order.
fn channels() -> Vec<Channel> {
    let mut channels = vec![Channel::Master];
    channels.extend((1..=3).map(|number| Channel::Site(site(number))));
    channels.extend(
        [SECOND, THIRD]
            .into_iter()
            .flat_map(|store| Channel::of_store(store_id(store))),
    );
    channels.sort_unstable();
    channels
}

/// A page without what the store has drawn by itself.
pub fn page_in_words(page: &Page) -> String {
    let parts: Vec<_> = page.parts.iter().cloned().map(timeless).collect();
    format!("{parts:?} at {}", page.head.seq)
}

fn timeless(mut part: Part) -> Part {
    if let Some(proof) = &mut part.owner_proof {
        proof.at = Timestamp(0);
    }
    part
}

/// An outcome without what the store has drawn by itself; the order of refusals is nobody's business.
pub fn outcome_in_words(outcome: &Result<ApplyOutcome, Fault>) -> String {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(fault) => return refusal_in_words(fault),
    };
    let mut channels: Vec<&ChannelAck> = outcome.channels.iter().collect();
    channels.sort_by_key(|acked| acked.channel);
    let mut refused: Vec<Refusal> = outcome.refused.clone();
    refused.sort_by_key(|refusal| (refusal.key, refusal.reason.0));
    let Checkpoint { seq, .. } = outcome.head;
    format!(
        "{channels:?}, refused {refused:?}, compared {:?}, applied {}, duplicates {}, at {seq}",
        outcome.comparisons, outcome.applied, outcome.duplicates
    )
}

/// The reason only: words are for people.
pub fn refusal_in_words(fault: &Fault) -> String {
    format!("refused: {}", fault.reason().0)
}
