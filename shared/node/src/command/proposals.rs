//! Proposals to this site: each is written as a change of its own, or refused in words; either way the primary is told.

use supplysync_model::{Fault, FaultCode, Proposal, ProposalAnswer, Reason};
use supplysync_store::{AuditEntry, Store, WriteTx};

use super::accepted::accept_change;

/// Proposals read at a time.
const AT_ONCE: usize = 20;
/// Fields named in an answer: a transaction may have hundreds of wrong lines, and whoever reads the answer takes no more
/// than a page.
const NAMED: usize = 5;

/// Answers every open proposal. One that must wait, because the store's data are not all here yet, is left for later.
///
/// # Errors
/// Those of the database: what was not answered is open still.
pub async fn answer_all(store: &Store) -> Result<(), Fault> {
    let open = store.read("look for proposals", |tx| {
        Box::pin(async move { tx.open_proposals(AT_ONCE).await })
    });
    for proposal in open.await? {
        match accept(store, proposal.clone()).await {
            Ok(()) => {}
            Err(fault) if fault.reason() == Reason::STORE_NOT_HERE_YET => {}
            Err(fault) if is_refusal(&fault) => refuse(store, proposal, in_words(&fault)).await?,
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

async fn accept(store: &Store, proposal: Proposal) -> Result<(), Fault> {
    store
        .write("accept proposal", move |tx| {
            let proposal = proposal.clone();
            Box::pin(async move {
                let words = accept_change(tx, &proposal.change).await?;
                answer(tx, &proposal, true, words).await
            })
        })
        .await
}

async fn refuse(store: &Store, proposal: Proposal, words: String) -> Result<(), Fault> {
    store
        .write("refuse proposal", move |tx| {
            let (proposal, words) = (proposal.clone(), words.clone());
            Box::pin(async move { answer(tx, &proposal, false, words).await })
        })
        .await
}

async fn answer(tx: &mut WriteTx, proposal: &Proposal, accepted: bool, words: String) -> Result<(), Fault> {
    let answer = ProposalAnswer {
        id: proposal.id,
        accepted,
        words,
    };
    tx.answer_proposal(&answer).await?;
    tracing::info!(proposal = %proposal.id, change = %proposal.change.key, accepted, "a proposal was answered");
    let at = tx.now();
    let verb = if accepted { "accepted" } else { "refused" };
    tx.audit(AuditEntry {
        at,
        principal: proposal.proposed_by.clone(),
        from: "the primary".to_owned(),
        action: "quarantine.accept".to_owned(),
        subject: proposal.change.key.to_string(),
        old: proposal.note.clone(),
        new: format!("{verb}: {}", answer.words),
    })
    .await
}

/// Whether the fault is what the rules say, and would be said again.
fn is_refusal(fault: &Fault) -> bool {
    matches!(
        fault.code(),
        FaultCode::InvalidArgument
            | FaultCode::FailedPrecondition
            | FaultCode::NotFound
            | FaultCode::AlreadyExists
            | FaultCode::Aborted
            | FaultCode::Unimplemented
    )
}

/// What is wrong, for people: the first fields that the fault names, or else its message.
fn in_words(fault: &Fault) -> String {
    let wrong = fault.violations();
    if wrong.is_empty() {
        return fault.message().to_owned();
    }
    let named = wrong.iter().take(NAMED);
    let mut words: Vec<_> = named
        .map(|wrong| format!("{}: {}", wrong.field, wrong.description))
        .collect();
    if let Some(more) = wrong.len().checked_sub(NAMED).filter(|more| *more > 0) {
        words.push(format!("and {more} more"));
    }
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::problems::Problems;

    #[test]
    fn an_answer_names_the_first_fields_and_how_many_more_there_are() {
        for reason in [Reason::INVALID_FIELDS, Reason::INSUFFICIENT_STOCK] {
            let mut problems = Problems::default();
            for line in 0..200 {
                problems.rule(reason, format!("lines[{line}].packs"), "is wrong".repeat(20));
            }
            let words = in_words(&problems.finish().unwrap_err());
            assert!(words.starts_with("lines[0].packs: is wrong"), "{words}");
            assert!(
                words.ends_with("; and 195 more") && words.len() < 4_096,
                "{words}"
            );
        }
        let plain = Fault::new(FaultCode::NotFound, Reason::WRONG_STATUS, "it is gone");
        assert_eq!(in_words(&plain), "it is gone");
    }
}
