//! The proof that two sites hold the same, as the product gives it: the comparison of digests, every record decoded and
//! rehashed, and the ledger. The demo shows it, tests and rounds of faults end with it.

use std::time::Duration;

use supplysync_api::v1::{
    ChannelVerification, Equality, GetLedgerRequest, LedgerRow, VerifyRequest, VerifyResponse,
};

use crate::client::Called;
use crate::{Client, Outcome, differences, eventually};

/// The verification of everything at a site, once nothing is left to compare; `None` never comes, so that it can be
/// waited for: what is waiting is the error.
pub async fn verified(client: &Client) -> Outcome<Option<VerifyResponse>> {
    let answer = client
        .diagnostics()
        .verify(VerifyRequest { deep: true })
        .await
        .answer()?;
    // Not equal is for the one who asks to report; waiting would not make it better.
    let waiting = unequal(&answer).find(|row| row.result() == Equality::NotComparedYet);
    match waiting.map(|row| row.summary.clone()) {
        Some(summary) => Err(summary.into()),
        None => Ok(Some(answer)),
    }
}

/// What a verification found that is not equal, in words.
pub fn differing(answer: &VerifyResponse) -> Vec<&str> {
    unequal(answer).map(|row| row.summary.as_str()).collect()
}

fn unequal(answer: &VerifyResponse) -> impl Iterator<Item = &ChannelVerification> {
    let compared = answer.channels.iter().filter(|row| row.peer != 0);
    compared.filter(|row| row.result() != Equality::Equal)
}

/// The ledger of a site once nothing is pending; until then, what is pending is the error.
pub async fn settled(client: &Client) -> Outcome<Option<Vec<LedgerRow>>> {
    let answer = client
        .diagnostics()
        .get_ledger(GetLedgerRequest::default())
        .await
        .answer()?;
    match answer.rows.iter().find(|row| row.pending > 0) {
        Some(row) => Err(format!(
            "{} at site {}: {} pending",
            row.store_code, row.receiver, row.pending
        )
        .into()),
        None => Ok(Some(answer.rows)),
    }
}

/// Rows of a settled ledger that don't add up.
pub fn unbalanced(rows: &[LedgerRow]) -> Vec<&LedgerRow> {
    let wrong = |row: &&LedgerRow| row.owner_records != row.held + row.quarantined;
    rows.iter().filter(wrong).collect()
}

/// Waits until both sites hold the same; then both must prove it, nothing may be in quarantine, and the ledgers of both
/// must add up. Nobody may write meanwhile.
pub async fn prove_equal(primary: &Client, satellite: &Client, limit: Duration) -> Outcome<()> {
    eventually("both to hold the same records", limit, || async move {
        match differences(primary, satellite).await?.as_slice() {
            [] => Ok(Some(())),
            some => Err(some.join("; ").into()),
        }
    })
    .await?;
    for (name, client) in [("primary", primary), ("satellite", satellite)] {
        let rows = eventually("nothing to be pending", limit, || settled(client)).await?;
        if rows.is_empty() {
            return Err(format!("the {name}'s ledger is empty").into());
        }
        if let Some(row) = unbalanced(&rows).first() {
            return Err(format!("the {name}'s ledger does not add up: {row:?}").into());
        }
        let answer = eventually("every copy to be compared", limit, || verified(client)).await?;
        if !answer.ok || !answer.findings.is_empty() || !differing(&answer).is_empty() {
            let (different, findings) = (differing(&answer), &answer.findings);
            return Err(format!("the {name} differs: {different:?} {findings:?}").into());
        }
        let status = client.status().await?;
        if status.quarantined + status.parked > 0 {
            let (quarantined, parked) = (status.quarantined, status.parked);
            return Err(format!("the {name} has {quarantined} in quarantine, {parked} parked").into());
        }
    }
    Ok(())
}
