//! Moving a store between real sites: back and forth a hundred times while both try to write; by force; and called off.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use supplysync_api::v1::{
    AssignStoreRequest, CancelMoveRequest, ConfirmTransactionRequest, ListMovesRequest,
    ListQuarantineRequest, MoveState, MoveStoreRequest, QuarantineResolution, RemoveSiteRequest,
    ResolveQuarantineRequest, SetCopiesRequest, StoreMove, Transaction,
};
use supplysync_tests::{Called, Client, Outcome, differences, eventually};
use tokio::time::{Duration, Instant};

use crate::shelves::{self, create, receipt};
use crate::world::World;

pub(super) const ARRIVAL: Duration = Duration::from_secs(60);
/// There and back.
const MOVES: usize = 100;

/// `NORTH` is active on satellite 2; satellite 3 and the primary have nothing.
pub(super) async fn three_sites() -> (World, Client, Client, Client) {
    let mut world = World::with_satellite().await;
    world.network.add_satellite(3, "Southern clinic").await.unwrap();
    let primary = world.network.primary().client().await.unwrap();
    let north = world.network.satellite(2).unwrap().client().await.unwrap();
    let south = world.network.satellite(3).unwrap().client().await.unwrap();
    shelves::import(&primary).await;
    let unlocked = primary.unlock(world.network.authorisation_code()).await.unwrap();
    let request = AssignStoreRequest {
        store: "NORTH".into(),
        sync_id: 2,
    };
    unlocked.sites().assign_store(request).await.answer().unwrap();
    for site in [&north, &south] {
        active_on(site, 2).await;
    }
    (world, unlocked, north, south)
}

/// Waits until a site knows that the store is active there.
pub(super) async fn active_on(client: &Client, site: u32) {
    eventually(
        "a site to know where the store is active",
        ARRIVAL,
        || async move { Ok((client.store("NORTH").await?.active_site == site).then_some(())) },
    )
    .await
    .unwrap();
}

pub(super) async fn move_to(primary: &Client, to: u32, force: bool) -> Outcome<StoreMove> {
    let request = MoveStoreRequest {
        store: "NORTH".into(),
        to,
        force,
    };
    let answer = primary.sites().move_store(request).await.answer()?;
    answer.r#move.ok_or_else(|| "no move in the answer".into())
}

/// Waits until the latest move waits for that.
async fn waits_for(primary: &Client, what: &str) {
    eventually(what, ARRIVAL, || async move {
        let last = moves(primary).await?.into_iter().next().ok_or("no move")?;
        match last.waits_for.contains(what) {
            true => Ok(Some(())),
            false => Err(last.waits_for.into()),
        }
    })
    .await
    .unwrap();
}

/// Runs site 2 where it can't reach the primary, and records a receipt there.
pub(super) async fn work_alone(world: &mut World, item: &str) -> Transaction {
    let satellite = world.network.satellite(2).unwrap();
    let mut alone = satellite.command();
    alone
        .args(["serve"])
        .env("SUPPLYSYNC_SYNC__PRIMARY_URL", "https://127.0.0.1:9");
    satellite.start_with(alone).await.unwrap();
    let north = satellite.client().await.unwrap();
    let wrote = receipt(&north, "NORTH", item).await;
    let wrote = shelves::confirm(&north, wrote).await;
    satellite.stop().await.unwrap();
    wrote
}

async fn moves(primary: &Client) -> Outcome<Vec<StoreMove>> {
    let answer = primary
        .sites()
        .list_moves(ListMovesRequest::default())
        .await
        .answer()?;
    Ok(answer.moves)
}

/// A receipt that a site took, when it was asked, when it had answered, and under which ownership it was written.
#[derive(Debug)]
struct Taken {
    id: String,
    asked: Instant,
    answered: Instant,
    epoch: String,
    site: u16,
}

/// Tries to receive goods at a site, again and again, until told to stop; returns what was accepted.
async fn keep_writing(client: &Client, site: u16, stop: &AtomicBool) -> Outcome<Vec<Taken>> {
    let mut taken = Vec::new();
    let wanted = receipt(client, "NORTH", "PARA").await;
    while !stop.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let created = client.stock().create_transaction(create(wanted.clone())).await;
        if let Ok(created) = created {
            let created = created.into_inner().transaction.ok_or("no transaction")?;
            let of = |etag: &str| etag.rsplit_once('.').map(|(epoch, _)| epoch.to_owned());
            taken.push(Taken {
                epoch: of(&created.etag).ok_or("no etag")?,
                id: created.id.clone(),
                asked,
                answered: Instant::now(),
                site,
            });
            let request = ConfirmTransactionRequest {
                id: created.id,
                ..ConfirmTransactionRequest::default()
            };
            // The store may be gone by now: then the draft goes along.
            drop(client.stock().confirm_transaction(request).await);
        }
        tokio::task::yield_now().await;
    }
    Ok(taken)
}

#[tokio::test]
async fn a_store_that_moves_a_hundred_times_has_one_writer_at_a_time_and_loses_nothing() {
    let (_world, primary, north, south) = three_sites().await;
    // Each keeps a copy of what the other has, so that little is on its way when the store moves.
    for site in [2, 3] {
        let request = SetCopiesRequest {
            sync_id: site,
            stores: if site == 3 { vec!["NORTH".into()] } else { vec![] },
            ..SetCopiesRequest::default()
        };
        primary.sites().set_copies(request).await.answer().unwrap();
    }
    let stop = AtomicBool::new(false);
    let moving = async {
        for round in 0..MOVES {
            let to = if round % 2 == 0 { 3 } else { 2 };
            move_to(&primary, to, false).await.unwrap();
            let head = &primary;
            eventually("the store to be handed over", ARRIVAL, || async move {
                let last = moves(head).await?.into_iter().next().ok_or("no move")?;
                match last.state() {
                    MoveState::Moved => Ok(Some(())),
                    _ => Err(last.waits_for.into()),
                }
            })
            .await
            .unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (by_north, by_south, ()) = tokio::join!(
        keep_writing(&north, 2, &stop),
        keep_writing(&south, 3, &stop),
        moving
    );
    let mut taken = by_north.unwrap();
    taken.extend(by_south.unwrap());
    one_writer_at_a_time(&mut taken);
    for site in [2, 3] {
        let by_site = taken.iter().filter(|taken| taken.site == site).count();
        assert!(by_site > MOVES / 4, "site {site} wrote {by_site} times only");
    }

    // The last move was to satellite 2; satellite 3 keeps its copy.
    let (head, one, other) = (&primary, &north, &south);
    for copy in [head, other] {
        eventually("the copies to be equal", ARRIVAL, || async move {
            let differ = differences(one, copy).await?;
            let differ: Vec<_> = differ
                .into_iter()
                .filter(|channel| channel.contains("store/"))
                .collect();
            if differ.is_empty() {
                Ok(Some(()))
            } else {
                Err(differ.join(", ").into())
            }
        })
        .await
        .unwrap();
    }
    let channel = format!("store/{}/history", north.store("NORTH").await.unwrap().id);
    for client in [&primary, &north, &south] {
        assert_eq!(client.records(&channel).await.unwrap(), taken.len() as u64);
        let quarantine = client
            .diagnostics()
            .list_quarantine(ListQuarantineRequest::default())
            .await
            .answer();
        assert_eq!(quarantine.unwrap().changes, []);
    }
    for taken in &taken {
        let found = primary.transaction(&taken.id).await;
        assert!(found.is_ok(), "{taken:?} was accepted and is nowhere: {found:?}");
    }
}

/// No site took anything under an ownership after another had taken something under a later one, and each ownership is
/// one site's.
fn one_writer_at_a_time(taken: &mut [Taken]) {
    let number = |taken: &Taken| -> u64 {
        let (_, counter) = taken.epoch.rsplit_once('.').unwrap();
        counter.parse().unwrap()
    };
    let mut sites = BTreeMap::new();
    for each in taken.iter() {
        assert_eq!(
            *sites.entry(number(each)).or_insert(each.site),
            each.site,
            "{each:?}"
        );
    }
    taken.sort_by_key(|each| (number(each), each.asked));
    let mut last_asked: Option<(u64, Instant)> = None;
    for epoch in sites.keys() {
        let under = || taken.iter().filter(|each| number(each) == *epoch);
        let first_answer = under().map(|each| each.answered).min().unwrap();
        if let Some((before, asked)) = last_asked {
            assert!(
                asked < first_answer,
                "under ownership {before} something was accepted after ownership {epoch} had begun"
            );
        }
        last_asked = under()
            .map(|each| (*epoch, each.asked))
            .max_by_key(|(_, asked)| *asked);
    }
}

#[tokio::test]
async fn a_store_of_a_destroyed_site_moves_by_force_and_what_comes_late_is_set_aside() {
    let (mut world, primary, north, south) = three_sites().await;
    let received = receipt(&north, "NORTH", "PARA").await;
    shelves::confirm(&north, received).await;
    let head = &primary;
    eventually("the receipt to be on the primary", ARRIVAL, || async move {
        Ok((head.stock_lines("NORTH").await?.len() == 1).then_some(()))
    })
    .await
    .unwrap();
    world.network.satellite(2).unwrap().kill().await.unwrap();
    let asked = move_to(&primary, 3, false).await.unwrap();
    assert_eq!(asked.state(), MoveState::UnderWay);
    waits_for(&primary, "site 2 has not said").await;
    let forced = move_to(&primary, 3, true).await.unwrap();
    assert!(
        forced.forced && forced.missing.contains("site 2 was last heard"),
        "{}",
        forced.missing
    );
    active_on(&south, 3).await;
    let received = receipt(&south, "NORTH", "AMOX").await;
    shelves::confirm(&south, received).await;
    let remove = RemoveSiteRequest {
        sync_id: 2,
        force: false,
    };
    let unfinished = || async { primary.sites().remove_site(remove).await.refusal().unwrap() };
    let refusal = unfinished().await;
    assert_eq!(refusal.reason, "SITE_UNFINISHED");
    let lost = "NORTH was taken from it by force: site 2 was last heard";
    assert!(refusal.message.contains(lost), "{}", refusal.message);

    // It was not destroyed: it worked on without a link, and comes back.
    let late = work_alone(&mut world, "PARA").await;
    world.network.satellite(2).unwrap().start().await.unwrap();
    let aside = eventually("late work to be set aside", ARRIVAL, || async move {
        let listed = head
            .diagnostics()
            .list_quarantine(ListQuarantineRequest::default())
            .await
            .answer()?;
        Ok((listed.changes.len() == 2).then_some(listed.changes))
    })
    .await
    .unwrap();
    assert!(
        aside
            .iter()
            .all(|change| change.reason == "STORE_NOT_ACTIVE_HERE"),
        "{aside:?}"
    );
    assert!(
        aside.iter().any(|change| change.record_id == late.id),
        "{aside:?}"
    );
    assert_eq!(
        head.stock_lines("NORTH").await.unwrap().len(),
        2,
        "what is set aside is not applied"
    );
    let refusal = unfinished().await;
    assert_eq!(refusal.reason, "SITE_UNFINISHED");
    assert!(
        refusal.message.contains("2 changes from it are in quarantine"),
        "{}",
        refusal.message
    );
    assert!(
        !refusal.message.contains("by force:"),
        "it was heard since: {}",
        refusal.message
    );
    // Nobody takes the store away again before somebody has looked at that.
    let held_up = move_to(&primary, 1, false).await.unwrap();
    assert_eq!(held_up.state(), MoveState::UnderWay);
    for change in &aside {
        assert_eq!(head.store("NORTH").await.unwrap().active_site, 3);
        let request = ResolveQuarantineRequest {
            id: change.id.clone(),
            resolution: QuarantineResolution::Discard.into(),
            note: "counted again at the new site".into(),
        };
        let resolved = head.diagnostics().resolve_quarantine(request.clone()).await;
        assert_eq!(resolved.answer().unwrap().change.as_ref(), Some(change));
        let again = head.diagnostics().resolve_quarantine(request).await;
        assert_eq!(again.refusal().unwrap().reason, "QUARANTINE_NOT_FOUND");
    }
    active_on(head, 1).await;

    let north = world.network.satellite(2).unwrap().client().await.unwrap();
    active_on(&north, 1).await;
    let received = receipt(&north, "NORTH", "PARA").await;
    let refusal = north
        .stock()
        .create_transaction(create(received))
        .await
        .refusal()
        .unwrap();
    assert_eq!(refusal.reason, "STORE_NOT_ACTIVE_HERE");
    assert!(refusal.message.contains("Head office"), "{}", refusal.message);
}

#[tokio::test]
async fn a_move_is_refused_when_it_makes_no_sense_and_can_be_called_off() {
    let (mut world, primary, north, _south) = three_sites().await;
    let locked = world.network.primary().client().await.unwrap();
    let request = |to| MoveStoreRequest {
        store: "NORTH".into(),
        to,
        force: false,
    };
    let cancel = || CancelMoveRequest {
        store: "NORTH".into(),
    };
    let refusals = [
        (
            locked.sites().move_store(request(3)).await.refusal(),
            "PREFERENCES_LOCKED",
        ),
        (
            primary.sites().move_store(request(2)).await.refusal(),
            "MOVE_NOT_POSSIBLE",
        ),
        (
            primary.sites().move_store(request(9)).await.refusal(),
            "SITE_NOT_FOUND",
        ),
        (
            primary.sites().cancel_move(cancel()).await.refusal(),
            "NO_MOVE_UNDER_WAY",
        ),
    ];
    for (refusal, reason) in refusals {
        assert_eq!(refusal.unwrap().reason, reason);
    }
    // The new site is not there: the old one goes on.
    world.network.satellite(3).unwrap().stop().await.unwrap();
    let asked = move_to(&primary, 3, false).await.unwrap();
    assert!(
        asked.waits_for.contains("site 3 has to load"),
        "{}",
        asked.waits_for
    );
    let received = receipt(&north, "NORTH", "PARA").await;
    shelves::confirm(&north, received).await;
    let off = primary.sites().cancel_move(cancel()).await.answer().unwrap();
    assert_eq!(off.r#move.unwrap().state(), MoveState::Cancelled);

    // It has loaded the store, and is gone again when the old site hears that it is to stop.
    world.network.satellite(2).unwrap().stop().await.unwrap();
    work_alone(&mut world, "AMOX").await;
    world.network.satellite(3).unwrap().start().await.unwrap();
    move_to(&primary, 3, false).await.unwrap();
    waits_for(&primary, "site 2 has not said").await;
    world.network.satellite(3).unwrap().stop().await.unwrap();
    world.network.satellite(2).unwrap().start().await.unwrap();
    let north = world.network.satellite(2).unwrap().client().await.unwrap();
    let clinic = &north;
    eventually("the old site to stop", ARRIVAL, || async move {
        let received = receipt(clinic, "NORTH", "PARA").await;
        let refusal = clinic
            .stock()
            .create_transaction(create(received))
            .await
            .refusal();
        Ok(refusal
            .ok()
            .filter(|refusal| refusal.reason == "STORE_DRAINING")
            .map(drop))
    })
    .await
    .unwrap();
    let off = primary.sites().cancel_move(cancel()).await.answer().unwrap();
    assert_eq!(off.r#move.unwrap().state(), MoveState::Cancelled);
    eventually("the old site to go on", ARRIVAL, || async move {
        let received = receipt(clinic, "NORTH", "PARA").await;
        Ok(clinic
            .stock()
            .create_transaction(create(received))
            .await
            .ok()
            .map(drop))
    })
    .await
    .unwrap();
}
