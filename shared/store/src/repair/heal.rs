//! What a verification found and this site can put right by itself: rows from their records, and books from what is there. What
//! only the owner can say is left, and which copies to ask for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use supplysync_model::{Channel, Fault, RecordKey};
use supplysync_sync_core::record_hash;

use crate::digest::{self, Deltas};
use crate::landing::{RECORD, row};
use crate::projection;
use crate::projection::raw::Rows;
use crate::verify::{Counted, Finding, Flaw, Scan};
use crate::{Store, WriteTx, held};

/// What was put right in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealedChannel {
    /// Rows of the typed tables that were made again from their records.
    pub rows: u64,
    /// Rows that went because no record accounts for them.
    pub strays: u64,
    /// Records of a copy that are not what their owner wrote: they are to be loaded afresh.
    pub damaged: u64,
    /// Whether the channel was counted again from its records.
    pub counted: bool,
}

/// What was put right, and what was not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Healed {
    /// By channel; `None` for lines in the typed tables of which the channel is not known.
    pub channels: BTreeMap<Option<Channel>, HealedChannel>,
    /// Copies that are to be loaded afresh.
    pub ask: BTreeSet<Channel>,
    /// What this site can't decide: it is the owner itself.
    pub left: Vec<Finding>,
}

impl Healed {
    /// Takes in what a further step put right.
    pub fn add(&mut self, more: Healed) {
        for (channel, healed) in more.channels {
            let sum = self.channels.entry(channel).or_default();
            sum.rows += healed.rows;
            sum.strays += healed.strays;
            sum.damaged += healed.damaged;
            sum.counted |= healed.counted;
        }
        self.ask.extend(more.ask);
        self.left.extend(more.left);
    }

    fn of(&mut self, channel: Option<Channel>) -> &mut HealedChannel {
        self.channels.entry(channel).or_default()
    }
}

impl Store {
    /// Puts right what a step of a verification found; `unsound` are the channels of which it found the records not to be
    /// those that were counted.
    pub(super) async fn heal(
        &self,
        found: Vec<Finding>,
        unsound: BTreeSet<Channel>,
    ) -> Result<Healed, Fault> {
        self.write("heal", move |tx| {
            let (found, unsound) = (found.clone(), unsound.clone());
            Box::pin(async move { tx.heal(&found, &unsound).await })
        })
        .await
    }
}

impl WriteTx {
    async fn heal(&mut self, found: &[Finding], unsound: &BTreeSet<Channel>) -> Result<Healed, Fault> {
        let copies: BTreeSet<_> = self.sources().await?.iter().map(|order| order.channel).collect();
        let is_copy = |finding: &Finding| finding.channel.is_some_and(|channel| copies.contains(&channel));
        let cursors = self.cursors().await?;
        // Where the records are those that a copy elsewhere holds, it is the books that are wrong.
        let is_held_elsewhere = |finding: &Finding| {
            let total = finding.counted.as_ref().map(Counted::total);
            let mut copies = cursors.iter().filter(|row| !row.we_receive);
            copies.any(|row| {
                Some(row.channel) == finding.channel && row.compared.map(|compared| compared.theirs) == total
            })
        };
        let mut healed = Healed::default();
        let (mut damaged, mut rows, mut strays) = (Vec::new(), Vec::new(), Vec::new());
        for finding in found {
            match (finding.flaw, finding.record) {
                (Flaw::Books, _) if is_copy(finding) || is_held_elsewhere(finding) => {
                    self.count_again(finding, &mut healed).await?;
                }
                (Flaw::Content, Some(key)) if is_copy(finding) => damaged.push(key),
                (Flaw::Row, Some(key)) => rows.push(key),
                // At the owner, the row may be all that is left of a record that was removed behind the program's back.
                (Flaw::Stray, Some(key))
                    if is_copy(finding) || !finding.channel.is_some_and(|at| unsound.contains(&at)) =>
                {
                    strays.push(key);
                    healed.of(finding.channel).strays += 1;
                }
                // What moved at the owner's is added up there.
                (Flaw::Movements, _) if is_copy(finding) => {}
                _ => healed.left.push(finding.clone()),
            }
        }
        self.tell_the_truth_of(&damaged, &mut healed).await?;
        // The row of a record that is damaged is what it was made from: better than what the record says.
        let damaged: HashSet<_> = (found.iter())
            .filter(|finding| finding.flaw == Flaw::Content)
            .filter_map(|finding| finding.record)
            .collect();
        rows.retain(|key| !damaged.contains(key));
        self.make_rows(&rows, &mut healed).await?;
        projection::remove(self.conn(), &strays).await?;
        Ok(healed)
    }

    /// The digest is again that of what is here: at a copy, so that the comparison with the owner's finds what differs.
    async fn count_again(&mut self, finding: &Finding, healed: &mut Healed) -> Result<(), Fault> {
        let (Some(channel), Some(counted)) = (finding.channel, &finding.counted) else {
            return Ok(());
        };
        let number = self.number_channel(channel).await?;
        let still = self.mark_of(number).await? == counted.mark;
        let counted = match still {
            true => counted.clone(),
            false => Scan::at_once(self, channel, number).await?,
        };
        digest::replace(self.conn(), number, &counted).await?;
        healed.of(Some(channel)).counted = true;
        healed.ask.insert(channel);
        Ok(())
    }

    /// Records of a copy get the hash of what they hold: it is not the owner's, so that the owner's version replaces them.
    async fn tell_the_truth_of(&mut self, keys: &[RecordKey], healed: &mut Healed) -> Result<(), Fault> {
        let held = held::by_key(self.conn(), keys.iter().copied()).await?;
        let mut deltas = Deltas::default();
        let mut rows = Rows::new(&RECORD);
        for mut record in held::whole(self.conn(), keys.iter().copied()).await? {
            let hash = record_hash(&record);
            let Some(old) = held.get(&record.key).filter(|_| hash != record.hash) else {
                continue;
            };
            if !record.deleted {
                deltas.remove(old.channel, record.key.id, old.hash);
                deltas.add(old.channel, record.key.id, hash);
            }
            record.hash = hash;
            rows.push(row(&record, old.channel, old.seq));
            healed.of(Some(record.channel)).damaged += 1;
            healed.ask.insert(record.channel);
        }
        rows.upsert(self.conn()).await?;
        deltas.store(self.conn()).await
    }

    /// Rows of the typed tables are made again from their records.
    async fn make_rows(&mut self, keys: &[RecordKey], healed: &mut Healed) -> Result<(), Fault> {
        let records = held::whole(self.conn(), keys.iter().copied()).await?;
        for record in &records {
            healed.of(Some(record.channel)).rows += 1;
        }
        self.make_again(records).await
    }
}
