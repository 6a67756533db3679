//! The real store against the model: the same drawn operations on a network of stores of each kind, and after every one the
//! same answer and the same state. What the simulator proves of the model then holds of the databases, too.

mod network;
mod operation;
mod state;

use std::sync::Arc;

use futures::FutureExt;
use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use supplysync_store::Store;

use crate::database::{Database, Postgres, Sqlite};
use crate::model::{Model, Models};
use network::Network;
use operation::{Operation, operation};
use state::State;

pub use state::{Counts, LedgerKey};

/// Sequences and their length: always the same ones, or as many others as `PROPTEST_CASES` says.
const SEQUENCES_SQLITE: u32 = 12;
const SEQUENCES_POSTGRES: u32 = 6;
const LONGEST: usize = 60;

/// Plays a sequence on both kinds; what differs first, with the operation that brought it about.
async fn play(bed: &impl Database, operations: &[Operation]) -> Result<(), String> {
    let mut model: Network<Model> = Network::new(&Models).await;
    let mut real: Network<Store> = Network::new(bed).await;
    for (number, operation) in operations.iter().enumerate() {
        let expected = model.perform(operation).await;
        let answered = real.perform(operation).await;
        for site in 1..=3 {
            if anything_waits(real.site(site)).await {
                // The model knows nothing of records that wait for others, and a move waits for them.
                return Ok(());
            }
        }
        let mut differences = Vec::new();
        if expected != answered {
            differences.push(format!("answer:\n  {expected}\n  {answered}"));
        }
        for site in operation.touches() {
            let expected = State::of(model.site(site)).await;
            let found = expected.differences(&State::of(real.site(site)).await);
            differences.extend(found.into_iter().map(|what| format!("site {site}, {what}")));
        }
        if !differences.is_empty() {
            return Err(format!(
                "after operation {number} ({operation:?}), first the model, then the store:\n{}",
                differences.join("\n")
            ));
        }
    }
    for site in 1..=3 {
        whole(real.site(site))
            .await
            .map_err(|what| format!("at the end, site {site}: {what}"))?;
    }
    Ok(())
}

async fn anything_waits(store: &Store) -> bool {
    let rows = store.read("ledger", |tx| async move { tx.ledger(None).await }.boxed());
    rows.await.unwrap().iter().any(|row| row.parked > 0)
}

/// Whether what is derived from the records (digests, typed tables) is what the records say. Stock lines are written here
/// without the movements that would explain them, which is nobody's finding.
async fn whole(store: &Store) -> Result<(), String> {
    let report = store.verify(true);
    let mut findings = report.await.map_err(|fault| fault.to_string())?.findings;
    findings.retain(|finding| !finding.message.contains("movements add up"));
    match findings.is_empty() {
        true => Ok(()),
        false => Err(format!("{findings:?}")),
    }
}

/// Draws sequences and plays each on stores of its own; a failing one is made short and told.
fn alike<B: Database + 'static>(sequences: u32, bed: Arc<B>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = |cases| Config {
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::with_cases(cases)
    };
    let mut runner = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => TestRunner::new(config(Config::default().cases)),
        None => TestRunner::new_with_rng(
            config(sequences),
            TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        ),
    };
    let outcome = runner.run(&vec(operation(), 1..LONGEST), |operations| {
        runtime
            .block_on(play(&*bed, &operations))
            .map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(what, operations)) => panic!("{operations:#?}\n{what}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

#[test]
fn sqlite_does_what_the_model_does() {
    alike(SEQUENCES_SQLITE, Arc::new(Sqlite::new()));
}

#[tokio::test]
async fn postgres_does_what_the_model_does() {
    Postgres::with(async |postgres| {
        let played = tokio::task::spawn_blocking(move || alike(SEQUENCES_POSTGRES, Arc::new(postgres)));
        played.await.unwrap();
    })
    .await;
}
