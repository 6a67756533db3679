//! What a session is for: master data comes, store data goes up, copies come and go, and a cut link loses nothing.

use std::sync::atomic::Ordering;

use supplysync_model::{Channel, Kind, NameRole, RecordId, RecordKey};
use supplysync_sync_core::{CloseReason, Mode};

use super::pair::{End, drain, guest, host, id, in_time, pipe, primary, settings};
use crate::command::tests::site::TestSite;
use crate::session::{run_primary, run_satellite};
use crate::status::SyncState;

fn item_key(item: supplysync_model::ItemId) -> RecordKey {
    RecordKey {
        kind: Kind::ITEM,
        id: RecordId::from_bytes(item.to_bytes()),
    }
}

#[tokio::test]
async fn master_data_arrives_and_store_data_goes_up() {
    let (primary, satellite) = (primary().await, End::satellite(2).await);
    let item = primary.site.item("M1").await;
    let supplier = primary.site.party("SUP", NameRole::Supplier).await;
    let clinic = primary.site.active_store("CLN", 2).await;
    let (above, below) = drain(&primary, &satellite, 1).await;
    assert_eq!(
        (above.reason, below.reason),
        (CloseReason::PeerClosed, CloseReason::Drained)
    );
    assert!(satellite.held(item_key(item)).await.is_some());
    assert!(
        satellite.store().identity().incarnation.is_some(),
        "the primary assigned one"
    );
    assert_eq!(
        primary.digest(Channel::Master).await,
        satellite.digest(Channel::Master).await
    );

    satellite.receive(clinic, item, supplier).await;
    drain(&primary, &satellite, 2).await;
    for channel in Channel::of_store(clinic) {
        let held = primary.digest(channel).await;
        assert!(held.count > 0, "{channel}");
        assert_eq!(held, satellite.digest(channel).await, "{channel}");
    }
    for (end, peer) in [(&primary, 2), (&satellite, 1)] {
        let status = end.status(peer);
        assert_eq!(status.state, SyncState::Waiting);
        assert!(status.push_caught_up && status.pull_caught_up, "{status:?}");
        assert!(status.last_success.is_some());
        assert_eq!(status.reason, "");
    }
}

#[tokio::test]
async fn an_idle_session_commits_nothing() {
    let (primary, satellite) = (primary().await, End::satellite(2).await);
    drain(&primary, &satellite, 1).await;
    let heads = || {
        (
            *primary.store().heads().borrow(),
            *satellite.store().heads().borrow(),
        )
    };
    let before = heads();
    drain(&primary, &satellite, 2).await;
    assert_eq!(heads(), before);
}

#[tokio::test]
async fn changes_and_grants_reach_a_live_session() {
    let (primary, satellite) = (primary().await, End::satellite(3).await);
    primary
        .site
        .put(supplysync_record_codec::RecordBody::Site(
            supplysync_model::Site {
                sync_id: id(3),
                name: "Central Medical Store".into(),
                url: String::new(),
            },
        ))
        .await;
    let central = primary.site.active_store("CMS", 1).await;
    let other = primary.site.active_store("OTH", 1).await;
    let item = primary.site.item("M1").await;
    let supplier = primary.site.party("SUP", NameRole::Supplier).await;
    primary.receive(central, item, supplier).await;
    primary.receive(other, item, supplier).await;
    let (to_satellite, to_primary, _) = pipe(None);
    let session = async {
        tokio::join!(
            run_primary(primary.context.clone(), guest(3, 1), to_satellite),
            run_satellite(satellite.context.clone(), host(Mode::Live), to_primary),
        )
    };
    let [stock, history] = Channel::of_store(central);
    let story = async {
        satellite.until(1, |line| line.pull_caught_up).await;
        let late = primary.site.item("M2").await;
        satellite.until_held(item_key(late)).await;

        assert_eq!(satellite.digest(stock).await.count, 0, "not granted yet");
        primary.site.put(settings(3, &[central])).await;
        satellite
            .until(1, |line| {
                line.totals.iter().any(|served| served.channel == history)
            })
            .await;
        while primary.digest(history).await != satellite.digest(history).await {
            satellite.store().heads().changed().await.unwrap();
        }
        assert_eq!(primary.digest(stock).await, satellite.digest(stock).await);
        for channel in Channel::of_store(other) {
            assert_eq!(satellite.digest(channel).await.count, 0, "that one and no other");
        }

        primary.site.put(settings(3, &[])).await;
        satellite
            .until(1, |line| {
                line.totals.iter().all(|served| served.channel != history)
            })
            .await;
    };
    tokio::select! {
        ends = session => panic!("the session ended: {ends:?}"),
        () = in_time(story) => {}
    }
}

#[tokio::test]
async fn a_load_that_was_cut_goes_on_from_where_it_was() {
    let (primary, satellite) = (primary().await, End::satellite(2).await);
    for number in 0..600 {
        primary.site.item(&format!("M{number:04}")).await;
    }
    let mut pulled = Vec::new();
    for (session, cut) in [(1, Some(3)), (2, Some(2)), (3, None)] {
        let (to_satellite, to_primary, traffic) = pipe(cut);
        let (above, below) = tokio::join!(
            run_primary(primary.context.clone(), guest(2, session), to_satellite),
            run_satellite(satellite.context.clone(), host(Mode::Drain), to_primary),
        );
        if cut.is_some() {
            assert_eq!(below.reason, CloseReason::LinkLost, "{above:?}");
            assert_eq!(satellite.status(1).reason, "the connection was lost");
        } else {
            assert_eq!(below.reason, CloseReason::Drained);
        }
        pulled.push(traffic.pulled.load(Ordering::SeqCst));
    }
    assert_eq!(
        primary.digest(Channel::Master).await,
        satellite.digest(Channel::Master).await
    );
    assert!(pulled[2] < 400, "not from zero: {pulled:?}");
    // Beyond what exists, only what was under way when the link was cut comes again: the window, twice.
    let total: u64 = pulled.iter().sum();
    assert!(total <= 603 + 4 * 100, "{pulled:?}");
}

#[tokio::test]
async fn a_session_resumes_after_a_restart_of_the_satellite() {
    let primary = primary().await;
    let satellite = End::new(TestSite::new(id(2)).await, 50);
    for number in 0..200 {
        primary.site.item(&format!("M{number:04}")).await;
    }
    // Cancelled in the middle of anything, as a process that is killed: whole sessions are dropped.
    for session in 1..=6 {
        let (to_satellite, to_primary, _) = pipe(None);
        let mut heads = satellite.store().heads();
        tokio::select! {
            _ = async { tokio::join!(
                run_primary(primary.context.clone(), guest(2, session), to_satellite),
                run_satellite(satellite.context.clone(), host(Mode::Drain), to_primary),
            ) } => {}
            _ = heads.changed() => {}
        }
    }
    let (_, below) = drain(&primary, &satellite, 7).await;
    assert_eq!(below.reason, CloseReason::Drained);
    assert_eq!(
        primary.digest(Channel::Master).await,
        satellite.digest(Channel::Master).await
    );
}
