//! The deep verification that each site does by itself once a day, in small steps, and what the last one found. What is looked at
//! is in `store::verify`; nothing is repaired here.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use supplysync_model::{Fault, Timestamp};
use supplysync_store::verify::{Equality, Verification, VerifyReport};
use supplysync_store::{Queries, Store};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::steps::in_steps;

/// The local preference that holds the last one, as JSON.
const LAST: &str = "verify.nightly";
const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
/// One that another server of this site began, and that did not end in this time, was cut short.
const LONGEST: i64 = 3 * HOUR;
/// Differences that are kept in words.
const KEPT: usize = 10;

/// The last verification that a site did by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nightly {
    /// When this site first looked whether one is due: milliseconds, as the others.
    since: i64,
    /// When the last one was begun.
    begun: Option<i64>,
    /// When the last one that came to its end did.
    ended: Option<i64>,
    /// Whether nothing was wrong then, and nothing known to differ.
    pub ok: bool,
    /// Records that it looked at.
    pub records: u64,
    /// What was wrong or differed, in words; the first ten.
    pub differs: Vec<String>,
    /// How much there was in all.
    pub total: u64,
}

impl Nightly {
    /// When the last one came to its end.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended.map(Timestamp)
    }

    /// What is kept of the last one.
    pub async fn load(tx: &Queries) -> Result<Option<Nightly>, Fault> {
        let bytes = tx.preference(LAST).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Whether one is due: the hour has passed since the last one ended, and nobody is at it. A laptop that is switched off at
    /// night does it when it is on again.
    fn is_due(&self, now: Timestamp, hour: u8) -> bool {
        let at = i64::from(hour) * HOUR;
        let last = (now.0 - at).div_euclid(DAY) * DAY + at;
        let done = self.ended.unwrap_or(self.since) >= last;
        let under_way = self
            .begun
            .is_some_and(|begun| begun >= last && begun > self.ended.unwrap_or(0) && now.0 - begun < LONGEST);
        !done && !under_way
    }
}

/// Verifies once a day at an hour (UTC) until stopped. `alone` is whether no other server has the database: then one that was
/// begun and not ended was cut short by the end of the program.
pub async fn verify_each_day(
    store: Store,
    hour: u8,
    alone: bool,
    stop: CancellationToken,
) -> Result<(), Fault> {
    if alone {
        forget_begun(&store).await?;
    }
    let under_way: Mutex<Option<Verification>> = Mutex::default();
    let step = async move || {
        let mut under_way = under_way.lock().await;
        let verification = match under_way.take() {
            Some(verification) => verification,
            None if begin(&store, hour).await? => {
                tracing::info!("the daily verification begins");
                Verification::new(true)
            }
            None => return Ok(false),
        };
        let mut verification = store.verify_step(verification).await?;
        verification.take_fresh();
        if verification.is_done() {
            end(&store, store.report(verification).await?).await?;
            return Ok(false);
        }
        *under_way = Some(verification);
        Ok(true)
    };
    in_steps("daily verification", step, Arc::default(), stop).await
}

/// Begins one if it is due; of several servers of one site, one does.
async fn begin(store: &Store, hour: u8) -> Result<bool, Fault> {
    let due = store.read("is a verification due", move |tx| {
        Box::pin(async move {
            let last = Nightly::load(tx).await?;
            Ok(last.is_none_or(|last| last.is_due(tx.now(), hour)))
        })
    });
    if !due.await? {
        return Ok(false);
    }
    store
        .write("begin the daily verification", move |tx| {
            Box::pin(async move {
                let now = tx.now();
                let last = Nightly::load(tx).await?;
                let is_due = last.as_ref().is_some_and(|last| last.is_due(now, hour));
                let mut next = last.unwrap_or(Nightly {
                    since: now.0,
                    ..Nightly::default()
                });
                if is_due {
                    next.begun = Some(now.0);
                }
                save(tx, &next).await?;
                Ok(is_due)
            })
        })
        .await
}

async fn forget_begun(store: &Store) -> Result<(), Fault> {
    store
        .write("is a verification cut short", |tx| {
            Box::pin(async move {
                match Nightly::load(tx).await? {
                    Some(last) if last.begun > last.ended => {
                        let begun = None;
                        save(tx, &Nightly { begun, ..last }).await
                    }
                    _ => Ok(()),
                }
            })
        })
        .await
}

async fn end(store: &Store, report: VerifyReport) -> Result<(), Fault> {
    let records = report.records_checked;
    let (differs, total) = differences(&report);
    match differs.is_empty() {
        true => tracing::info!(records, "the daily verification found everything equal"),
        false => tracing::warn!(
            records,
            total,
            ?differs,
            "the daily verification found what is not as it should be: `verify --repair` puts right what can be"
        ),
    }
    store
        .write("end the daily verification", move |tx| {
            let differs = differs.clone();
            Box::pin(async move {
                let last = Nightly::load(tx).await?.unwrap_or_default();
                let now = tx.now();
                let next = Nightly {
                    ended: Some(now.0),
                    ok: differs.is_empty(),
                    records,
                    differs,
                    total,
                    ..last
                };
                save(tx, &next).await
            })
        })
        .await
}

/// What is wrong or known to differ, the first ten in words, and how much in all.
fn differences(report: &VerifyReport) -> (Vec<String>, u64) {
    let findings = report
        .findings
        .iter()
        .map(|finding| match (finding.record, finding.channel) {
            (Some(record), _) => format!("{record}: {}", finding.message),
            (None, Some(channel)) => format!("{channel}: {}", finding.message),
            (None, None) => finding.message.clone(),
        });
    let unequal = report
        .channels
        .iter()
        .filter(|row| row.equality == Equality::Different);
    let total = report.findings_total + unequal.clone().count() as u64;
    let unequal = unequal.map(|row| format!("{} differs from that of site {}", row.channel, row.peer));
    (findings.chain(unequal).take(KEPT).collect(), total)
}

async fn save(tx: &mut supplysync_store::WriteTx, next: &Nightly) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(next).map_err(Fault::internal)?;
    tx.set_preference(LAST, bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp(day * DAY + hour * HOUR)
    }

    #[test]
    fn it_is_due_once_a_day_from_its_hour_on() {
        let last = |since: Timestamp, ended: Option<Timestamp>| Nightly {
            since: since.0,
            begun: ended.map(|at| at.0 - 1),
            ended: ended.map(|at| at.0),
            ..Nightly::default()
        };
        let fresh = last(at(10, 15), None);
        assert!(!fresh.is_due(at(10, 23), 2), "not before the first night");
        assert!(!fresh.is_due(at(11, 1), 2));
        assert!(fresh.is_due(at(11, 2), 2));
        assert!(fresh.is_due(at(13, 9), 2), "it was switched off for days");
        let done = last(at(1, 0), Some(at(11, 3)));
        assert!(!done.is_due(at(11, 23), 2));
        assert!(!done.is_due(at(12, 1), 2));
        assert!(done.is_due(at(12, 2), 2));
        // Another hour holds from the next time on.
        assert!(done.is_due(at(11, 22), 22));
    }

    #[test]
    fn one_server_is_at_it_unless_it_was_cut_short() {
        let begun = Nightly {
            begun: Some(at(11, 2).0),
            ended: Some(at(10, 3).0),
            ..Nightly::default()
        };
        assert!(!begun.is_due(at(11, 4), 2));
        assert!(begun.is_due(at(11, 6), 2));
    }
}
