//! Who writes while faults happen, and keeps a book of all that was acknowledged: a transaction or a name, and the revision
//! that was answered. What was not answered may have happened or not.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use supplysync_api::parse_etag;
use supplysync_api::v1::{
    CreateNameRequest, Name, NameRole, Transaction, TransactionLine, TransactionType, UpdateNameRequest,
};

use super::Tally;
use crate::client::Called;
use crate::{Client, Outcome, eventually, shelves};

/// How long an answer may take: a call may have come in just before its server was killed.
const ANSWER: Duration = Duration::from_secs(60);

/// How a writer's work goes, for those who watch.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    stopped: AtomicBool,
    asking: AtomicBool,
    acknowledged: AtomicU64,
}

impl Pulse {
    /// It is to end after its present call.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether a call is unanswered just now.
    pub(super) fn asking(&self) -> bool {
        self.asking.load(Ordering::Relaxed)
    }

    /// Calls that were answered with yes.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }
}

/// Who writes at one site.
pub(super) struct Writer {
    client: Client,
    random: StdRng,
    receipt: Transaction,
    customer: String,
    /// Whether it writes master data, too.
    names: bool,
    /// Codes of names that were created.
    known: Vec<Name>,
    /// Stock lines that were filled.
    filled: Vec<TransactionLine>,
    written: Written,
}

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Written {
    store: String,
    /// Revisions by id.
    transactions: BTreeMap<String, u64>,
    /// Revisions by code.
    names: BTreeMap<String, u64>,
    calls: u64,
    /// Calls that were not answered with yes, by the reason.
    failed: BTreeMap<String, u64>,
}

impl Writer {
    pub(super) async fn new(client: &Client, store: &str, names: bool, seed: u64) -> Outcome<Writer> {
        Ok(Writer {
            client: client.clone(),
            random: StdRng::seed_from_u64(seed),
            receipt: shelves::receipt(client, store, "PARA").await?,
            customer: client.name("CUS").await?.id,
            names,
            known: Vec::new(),
            filled: Vec::new(),
            written: Written {
                store: store.to_owned(),
                ..Written::default()
            },
        })
    }

    /// Writes until it is told to stop.
    pub(super) async fn write(mut self, pulse: &Pulse) -> Written {
        while !pulse.stopped.load(Ordering::Relaxed) {
            self.step(pulse).await;
        }
        self.written
    }

    /// One change, or the first part of one.
    pub(super) async fn step(&mut self, pulse: &Pulse) {
        match self.random.random_range(0..10) {
            0..3 if self.names => self.name(pulse).await,
            3..6 if !self.filled.is_empty() => self.issue(pulse).await,
            _ => self.receive(pulse).await,
        }
    }

    async fn receive(&mut self, pulse: &Pulse) {
        let wanted = self.receipt.clone();
        if let Some(received) = self.book(pulse, wanted).await {
            self.filled.extend(received.lines);
        }
    }

    async fn issue(&mut self, pulse: &Pulse) {
        let from = &self.filled[self.random.random_range(0..self.filled.len())];
        let line = TransactionLine {
            item_id: from.item_id.clone(),
            stock_line_id: from.stock_line_id.clone(),
            packs: "1".into(),
            ..TransactionLine::default()
        };
        let wanted = Transaction {
            store_id: self.receipt.store_id.clone(),
            r#type: TransactionType::CustomerInvoice.into(),
            other_party_id: self.customer.clone(),
            lines: vec![line],
            ..Transaction::default()
        };
        self.book(pulse, wanted).await;
    }

    /// Creates and confirms, each of them a call.
    async fn book(&mut self, pulse: &Pulse, wanted: Transaction) -> Option<Transaction> {
        let client = self.client.clone();
        let created = self.ask(pulse, client.create(wanted)).await?;
        let revision = revision(&created.etag);
        self.written.transactions.insert(created.id.clone(), revision);
        let confirmed = self.ask(pulse, client.confirm(&created.id)).await?;
        let revision = self::revision(&confirmed.etag);
        self.written.transactions.insert(created.id, revision);
        Some(confirmed)
    }

    async fn name(&mut self, pulse: &Pulse) {
        let client = self.client.clone();
        let again = !self.known.is_empty() && self.random.random_bool(0.5);
        let call = self.written.calls;
        let name = if again {
            let mut name = self.known[self.random.random_range(0..self.known.len())].clone();
            name.address = format!("Road {call}");
            // Whatever version it has by now.
            name.etag = String::new();
            let request = UpdateNameRequest {
                name: Some(name),
                update_mask: None,
            };
            let updated = async { Ok(client.master_data().update_name(request).await.answer()?.name) };
            self.ask(pulse, updated).await
        } else {
            let name = Name {
                code: format!("F{:08X}", self.random.random::<u32>()),
                name: format!("Health post {call}"),
                roles: vec![NameRole::Customer.into()],
                ..Name::default()
            };
            let request = CreateNameRequest { name: Some(name) };
            let created = async { Ok(client.master_data().create_name(request).await.answer()?.name) };
            self.ask(pulse, created).await
        };
        if let Some(name) = name.flatten() {
            self.written.names.insert(name.code.clone(), revision(&name.etag));
            if !again {
                self.known.push(name);
            }
        }
    }

    async fn ask<T>(&mut self, pulse: &Pulse, call: impl Future<Output = Outcome<T>>) -> Option<T> {
        self.written.calls += 1;
        pulse.asking.store(true, Ordering::Relaxed);
        let answer = crate::within("an answer", ANSWER, call).await;
        pulse.asking.store(false, Ordering::Relaxed);
        match answer {
            Ok(answer) => {
                pulse.acknowledged.fetch_add(1, Ordering::Relaxed);
                Some(answer)
            }
            Err(trouble) => {
                let words = trouble.to_string();
                let reason = words.split(':').next().unwrap_or_default().to_owned();
                *self.written.failed.entry(reason).or_default() += 1;
                let client = &self.client;
                let answers = eventually("the server to answer again", ANSWER, || async move {
                    client.status().await.map(Some)
                });
                // One that does not is asked again, and counted as failing.
                let _ = answers.await;
                None
            }
        }
    }

    /// What was acknowledged up to now.
    pub(super) fn written(&self) -> &Written {
        &self.written
    }

    /// The end of it.
    pub(super) fn into_written(self) -> Written {
        self.written
    }
}

impl Written {
    /// Transactions and names that were acknowledged.
    pub(super) fn records(&self) -> usize {
        self.transactions.len() + self.names.len()
    }

    /// How many calls failed for this reason.
    pub(super) fn failed(&self, reason: &str) -> u64 {
        self.failed.get(reason).copied().unwrap_or_default()
    }

    /// Calls that were not answered with yes, by the reason.
    pub(super) fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failed
    }

    /// Fails unless all that was acknowledged is at this site, once, in that version or a later one.
    pub(super) async fn is_at(&self, client: &Client, site: &str) -> Outcome<()> {
        let found = client.transactions(&self.store).await?;
        let held = once(found.iter().map(|found| (&*found.id, &*found.etag)), site)?;
        missing(&self.transactions, &held, "transaction", site)?;
        let numbers = found.iter().map(|found| {
            let number = (found.r#type, found.number);
            (number, &*found.id)
        });
        once(numbers, site)?;
        let held = client.names().await?;
        let held = once(held.iter().map(|found| (&*found.code, &*found.etag)), site)?;
        missing(&self.names, &held, "name", site)
    }

    /// How much it was.
    pub(super) fn count_into(&self, tally: &mut Tally) {
        let store = &self.store;
        tally.add(format!("calls at {store}"), self.calls);
        tally.add(
            format!("calls at {store}, records acknowledged"),
            self.records() as u64,
        );
        for (reason, times) in &self.failed {
            tally.add(format!("calls at {store}, not acknowledged: {reason}"), *times);
        }
    }
}

/// By key; an error if one is there twice.
fn once<K: Ord + Copy + std::fmt::Debug, V>(
    found: impl Iterator<Item = (K, V)>,
    site: &str,
) -> Outcome<BTreeMap<K, V>> {
    let mut held = BTreeMap::new();
    for (key, value) in found {
        if held.insert(key, value).is_some() {
            return Err(format!("{key:?} is at {site} twice").into());
        }
    }
    Ok(held)
}

fn missing(
    written: &BTreeMap<String, u64>,
    held: &BTreeMap<&str, &str>,
    kind: &str,
    site: &str,
) -> Outcome<()> {
    let lost: Vec<_> = written
        .iter()
        .filter(|(key, wanted)| {
            held.get(key.as_str())
                .is_none_or(|etag| revision(etag) < **wanted)
        })
        .collect();
    match lost.first() {
        None => Ok(()),
        Some((key, revision)) => Err(format!(
            "{} of {} acknowledged are not at {site}; the first is {kind} {key} at revision {revision}, of which it has {:?}",
            lost.len(),
            written.len(),
            held.get(key.as_str())
        )
        .into()),
    }
}

/// The owner's seq when it wrote the version that an etag names.
fn revision(etag: &str) -> u64 {
    match parse_etag(etag) {
        Ok(Some((_, revision))) => revision,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_older_than_acknowledged_is_found() {
        let written = BTreeMap::from([("a".to_owned(), 7), ("b".to_owned(), 9)]);
        let held = |b| BTreeMap::from([("a", "1.1.8"), ("b", b)]);
        assert!(missing(&written, &held("1.1.9"), "name", "here").is_ok());
        let trouble = missing(&written, &held("1.1.8"), "name", "here").unwrap_err();
        assert!(trouble.to_string().contains("name b at revision 9"), "{trouble}");
        assert!(missing(&written, &BTreeMap::from([("a", "1.1.7")]), "name", "here").is_err());
    }
}
