//! Verification: what this site holds against its own books, step by step, so that it delays nobody and its memory does not
//! grow with the data. What is done about what it finds is in `repair`; the last comparison with each peer is in `report`.

mod digests;
mod finding;
mod records;
mod report;
mod stock;
mod strays;

use std::collections::VecDeque;

use supplysync_model::{Channel, Fault, StoreId};

use crate::{Queries, Store};
use finding::Findings;

pub(crate) use digests::{Counted, Scan};
pub use finding::{Finding, Flaw};
pub use report::{ChannelVerdict, Equality, VerifyReport};

/// A verification under way: each channel's digest added up again from its records and compared with the one kept. A deep one
/// also hashes and decodes every body, compares it with its row in the typed tables, and adds stock movements up.
#[derive(Debug, Default)]
pub struct Verification {
    deep: bool,
    place: Place,
    findings: Findings,
    records_checked: u64,
}

/// How far it is.
#[derive(Debug, Default)]
enum Place {
    #[default]
    Start,
    Digests(VecDeque<(Channel, i32)>, Option<Scan>),
    Records(i64, Vec<u8>),
    Strays(usize),
    Stock(Option<VecDeque<StoreId>>, Vec<u8>),
    Done,
}

impl Verification {
    /// One that has not begun.
    pub fn new(deep: bool) -> Verification {
        Verification {
            deep,
            ..Verification::default()
        }
    }

    /// Whether all is looked at.
    pub fn is_done(&self) -> bool {
        matches!(self.place, Place::Done)
    }

    /// Records looked at so far.
    pub fn records_checked(&self) -> u64 {
        self.records_checked
    }

    /// What the last step found, and did not show before.
    pub fn take_fresh(&mut self) -> Vec<Finding> {
        self.findings.take_fresh()
    }

    async fn step(&mut self, tx: &Queries) -> Result<(), Fault> {
        self.place = match std::mem::take(&mut self.place) {
            Place::Start => {
                let channels = tx.list_channels().await?;
                let waiting = channels.into_iter().map(|info| (info.channel, info.number));
                Place::Digests(waiting.collect(), None)
            }
            Place::Digests(waiting, scan) => self.digests(tx, waiting, scan).await?,
            Place::Records(kind, id) => match tx.check_records((kind, id), &mut self.findings).await? {
                Some((kind, id)) => Place::Records(kind, id),
                None => Place::Strays(0),
            },
            Place::Strays(table) => match tx.check_strays(table, &mut self.findings).await? {
                true => Place::Strays(table + 1),
                false => Place::Stock(None, Vec::new()),
            },
            Place::Stock(None, _) => Place::Stock(Some(tx.stores_to_add_up().await?), Vec::new()),
            Place::Stock(Some(mut stores), after) => match stores.front().copied() {
                None => Place::Done,
                Some(store) => match tx.check_stock(store, after, &mut self.findings).await? {
                    Some(after) => Place::Stock(Some(stores), after),
                    None => {
                        stores.pop_front();
                        Place::Stock(Some(stores), Vec::new())
                    }
                },
            },
            Place::Done => Place::Done,
        };
        Ok(())
    }

    async fn digests(
        &mut self,
        tx: &Queries,
        mut waiting: VecDeque<(Channel, i32)>,
        scan: Option<Scan>,
    ) -> Result<Place, Fault> {
        let scan = match scan {
            Some(scan) => Some(scan),
            None => waiting
                .pop_front()
                .map(|(channel, number)| Scan::new(channel, number)),
        };
        let Some(mut scan) = scan else {
            return Ok(match self.deep {
                true => Place::Records(0, Vec::new()),
                false => Place::Done,
            });
        };
        if !scan.step(tx).await? {
            return Ok(Place::Digests(waiting, Some(scan)));
        }
        self.records_checked += scan.live();
        if let Some(flaw) = scan.verdict(tx).await? {
            self.findings.add(flaw);
        }
        Ok(Place::Digests(waiting, None))
    }
}

impl Store {
    /// Takes a verification a step further: a few thousand records at the most, of one snapshot, which holds up no write.
    pub async fn verify_step(&self, verification: Verification) -> Result<Verification, Fault> {
        self.read("verify", move |tx| {
            let mut verification = verification;
            Box::pin(async move {
                verification.step(tx).await?;
                Ok(verification)
            })
        })
        .await
    }

    /// All steps, one after the other, and the last comparison with each peer.
    pub async fn verify(&self, deep: bool) -> Result<VerifyReport, Fault> {
        let mut verification = Verification::new(deep);
        while !verification.is_done() {
            verification = self.verify_step(verification).await?;
            verification.take_fresh();
        }
        self.report(verification).await
    }
}
