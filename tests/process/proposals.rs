//! Accepting what is in quarantine: put to the site where the store is active, which writes it or refuses it in words.

use supplysync_api::v1::{
    ListQuarantineRequest, QuarantineResolution, QuarantinedChange, ResolveQuarantineRequest,
    ResolveQuarantineResponse, Transaction,
};
use supplysync_tests::{Called, Client, Outcome, differences, eventually};

use crate::moves::{ARRIVAL, active_on, move_to, three_sites, work_alone};
use crate::shelves::{self, receipt};
use crate::world::World;

async fn quarantine(client: &Client) -> Outcome<Vec<QuarantinedChange>> {
    let request = ListQuarantineRequest::default();
    Ok(client
        .diagnostics()
        .list_quarantine(request)
        .await
        .answer()?
        .changes)
}

async fn decide(
    client: &Client,
    change: &QuarantinedChange,
    resolution: QuarantineResolution,
) -> Outcome<ResolveQuarantineResponse> {
    let request = ResolveQuarantineRequest {
        id: change.id.clone(),
        resolution: resolution.into(),
        note: "the delivery note was found".into(),
    };
    client.diagnostics().resolve_quarantine(request).await.answer()
}

/// Satellite 3 has the store by force; what satellite 2 received without a link is in the primary's quarantine: a
/// transaction, and the stock line that it made.
pub(super) async fn late_work() -> (
    World,
    Client,
    Client,
    Transaction,
    QuarantinedChange,
    QuarantinedChange,
) {
    let (mut world, primary, _north, south) = three_sites().await;
    world.network.satellite(2).unwrap().kill().await.unwrap();
    move_to(&primary, 3, false).await.unwrap();
    move_to(&primary, 3, true).await.unwrap();
    active_on(&south, 3).await;
    let received = receipt(&south, "NORTH", "AMOX").await;
    shelves::confirm(&south, received).await;
    let late = work_alone(&mut world, "PARA").await;
    world.network.satellite(2).unwrap().start().await.unwrap();
    let head = &primary;
    let aside = eventually("late work to be set aside", ARRIVAL, || async move {
        let changes = quarantine(head).await?;
        Ok((changes.len() == 2).then_some(changes))
    })
    .await
    .unwrap();
    let of_kind = |kind: &str| aside.iter().find(|change| change.kind == kind).cloned().unwrap();
    (
        world,
        primary,
        south,
        late,
        of_kind("transaction"),
        of_kind("stock line"),
    )
}

/// Waits until the entry is as wanted; `None` is resolved.
async fn becomes(client: &Client, id: &str, wanted: impl Fn(Option<&QuarantinedChange>) -> bool) {
    let wanted = &wanted;
    eventually("the owner's answer", ARRIVAL, || async move {
        let changes = quarantine(client).await?;
        let entry = changes.iter().find(|change| change.id == id);
        match wanted(entry) {
            true => Ok(Some(())),
            false => Err(format!("{entry:?}").into()),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn late_work_is_put_to_the_owner_who_writes_it_or_says_why_not() {
    let (mut world, primary, south, late, transaction, stock_line) = late_work().await;

    // The stock line means nothing without the receipt: the owner refuses, and the entry stays.
    let put = decide(&primary, &stock_line, QuarantineResolution::Accept)
        .await
        .unwrap();
    assert!(
        put.outcome.contains("put to site 3 (Southern clinic)"),
        "{}",
        put.outcome
    );
    becomes(&primary, &stock_line.id, |entry| {
        entry.is_some_and(|entry| {
            entry.proposed_to == 0
                && entry.answer.starts_with("refused by site 3")
                && entry
                    .answer
                    .contains("accept the transaction that received it first")
        })
    })
    .await;

    let mut accepting = world.network.primary().command();
    accepting.args(["quarantine", "accept", &transaction.id, "--note", "counted"]);
    let said = accepting.output().await.unwrap();
    assert!(said.status.success(), "{said:?}");
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("put to site 3 (Southern clinic)"), "{said}");
    becomes(&primary, &transaction.id, |entry| entry.is_none()).await;
    decide(&primary, &stock_line, QuarantineResolution::Accept)
        .await
        .unwrap();
    becomes(&primary, &stock_line.id, |entry| entry.is_none()).await;

    let written = south.transaction(&late.id).await.unwrap();
    assert_eq!((written.status, &written.lines), (late.status, &late.lines));
    assert_eq!(
        written.status_changes, late.status_changes,
        "who did it then, and when"
    );
    assert_ne!(
        written.number, late.number,
        "satellite 3 has used that number itself"
    );
    let packs = |lines: &[supplysync_api::v1::StockLine]| {
        let mut packs: Vec<_> = lines
            .iter()
            .map(|line| (line.id.clone(), line.packs_total.clone()))
            .collect();
        packs.sort();
        packs
    };
    let there = packs(&south.stock_lines("NORTH").await.unwrap());
    assert!(
        there.iter().any(|(id, _)| *id == late.lines[0].stock_line_id),
        "{there:?}"
    );
    let (head, owner) = (&primary, &south);
    eventually("the copies to be equal", ARRIVAL, || async move {
        let differ = differences(owner, head).await?;
        let differ: Vec<_> = differ
            .into_iter()
            .filter(|channel| channel.contains("store/"))
            .collect();
        match differ.is_empty() {
            true => Ok(Some(())),
            false => Err(differ.join(", ").into()),
        }
    })
    .await
    .unwrap();
    assert_eq!(packs(&primary.stock_lines("NORTH").await.unwrap()), there);
}

#[tokio::test]
async fn what_was_put_to_an_owner_waits_for_its_answer_and_a_second_word_is_refused() {
    let (mut world, primary, _south, _late, transaction, _) = late_work().await;
    world.network.satellite(3).unwrap().stop().await.unwrap();
    decide(&primary, &transaction, QuarantineResolution::Accept)
        .await
        .unwrap();
    becomes(&primary, &transaction.id, |entry| {
        entry.is_some_and(|entry| entry.proposed_to == 3 && entry.asked_by.starts_with("operator/"))
    })
    .await;
    for resolution in [QuarantineResolution::Accept, QuarantineResolution::Discard] {
        let request = ResolveQuarantineRequest {
            id: transaction.id.clone(),
            resolution: resolution.into(),
            note: String::new(),
        };
        let refusal = primary
            .diagnostics()
            .resolve_quarantine(request)
            .await
            .refusal()
            .unwrap();
        assert_eq!(refusal.reason, "QUARANTINE_PROPOSED");
        assert!(
            refusal.message.contains("site 3 (Southern clinic)"),
            "{}",
            refusal.message
        );
    }
    // The owner is destroyed too: by force the store is the primary's, who writes the change itself.
    move_to(&primary, 1, true).await.unwrap();
    active_on(&primary, 1).await;
    let written = decide(&primary, &transaction, QuarantineResolution::Accept)
        .await
        .unwrap();
    assert!(
        written
            .outcome
            .starts_with("accepted: written as supplier invoice"),
        "{}",
        written.outcome
    );
    assert!(
        quarantine(&primary)
            .await
            .unwrap()
            .iter()
            .all(|entry| entry.id != transaction.id)
    );
    assert!(primary.transaction(&transaction.record_id).await.is_ok());

    // What comes of the proposal when the owner is back changes nothing any more.
    world.network.satellite(3).unwrap().start().await.unwrap();
    let south = world.network.satellite(3).unwrap().client().await.unwrap();
    active_on(&south, 1).await;
    assert_eq!(primary.stock_lines("NORTH").await.unwrap().len(), 2);
}
