//! A repair as a person asks for it: all is verified, what can be put right here is, and copies that differ are asked for.

use std::collections::BTreeSet;

use supplysync_model::{Channel, Fault};

use super::{Asked, Healed, HealedChannel, RepairOrder};
use crate::verify::{Flaw, Verification};
use crate::{AuditEntry, Store, WriteTx};

/// What a repair did at once, and what it asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Repaired {
    /// What was put right here.
    pub healed: Healed,
    /// Copies that come afresh at the next session.
    pub asked: Vec<RepairOrder>,
}

impl Store {
    /// Verifies everything, step by step; puts right what can be put right here; and asks for the copies that are damaged, or
    /// were compared and differ unexplained. A session that is open must begin again for what was asked.
    pub async fn repair(&self, asked: Asked) -> Result<Repaired, Fault> {
        let mut verification = Verification::new(true);
        let mut unsound = BTreeSet::new();
        let mut healed = Healed::default();
        while !verification.is_done() {
            verification = self.verify_step(verification).await?;
            let fresh = verification.take_fresh();
            if fresh.is_empty() {
                continue;
            }
            let books = fresh.iter().filter(|finding| finding.flaw == Flaw::Books);
            unsound.extend(books.filter_map(|finding| finding.channel));
            let more = self.heal(fresh, unsound.clone()).await?;
            let counted = |channel: &Channel| more.channels.get(&Some(*channel)).is_some_and(|at| at.counted);
            unsound.retain(|channel| !counted(channel));
            healed.add(more);
        }
        self.write("ask for repairs", move |tx| {
            let (healed, asked) = (healed.clone(), asked.clone());
            Box::pin(async move {
                tx.note_healed(&healed, &asked).await?;
                let mut channels = healed.ask.clone();
                channels.extend(tx.differing().await?);
                let asked = tx.ask_repairs(channels, &asked).await?;
                Ok(Repaired { healed, asked })
            })
        })
        .await
    }
}

impl WriteTx {
    async fn differing(&self) -> Result<Vec<Channel>, Fault> {
        let cursors = self.cursors().await?;
        let differing = cursors
            .iter()
            .filter(|row| row.we_receive && row.compared.is_some_and(|compared| !compared.equal));
        Ok(differing.map(|row| row.channel).collect())
    }

    async fn note_healed(&mut self, healed: &Healed, asked: &Asked) -> Result<(), Fault> {
        let (principal, from) = match asked {
            Asked::By { principal, from } => (principal.clone(), from.clone()),
            Asked::ByItself => (format!("site/{}", self.sync_id()), String::new()),
        };
        let mut entries = Vec::new();
        for (channel, what) in &healed.channels {
            let subject = match channel {
                Some(channel) => self.channel_in_words(*channel).await?,
                None => "the typed tables".to_owned(),
            };
            entries.push(AuditEntry {
                at: self.now(),
                principal: principal.clone(),
                from: from.clone(),
                action: "repair.rows".to_owned(),
                subject,
                old: String::new(),
                new: what.in_words(),
            });
        }
        self.audit_all(entries).await
    }
}

impl HealedChannel {
    /// What was done, for people.
    pub fn in_words(&self) -> String {
        let count = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let done = [
            count(
                self.rows,
                "row of the typed tables made again from its record",
                "rows of the typed tables made again from their records",
            ),
            count(
                self.strays,
                "row removed that no record accounts for",
                "rows removed that no record accounts for",
            ),
            count(
                self.damaged,
                "record found not to be what its owner wrote",
                "records found not to be what their owner wrote",
            ),
            self.counted.then(|| "counted again from its records".to_owned()),
        ];
        let done: Vec<_> = done.into_iter().flatten().collect();
        done.join("; ")
    }
}
