//! How sessions end: in order, fenced, refused, at a frame that can't be read, or with a database that is another one.

use supplysync_api::v1;
use supplysync_api::v1::primary_message::Message;
use supplysync_model::{NameRole, Reason};
use supplysync_sync_core::{CloseReason, Mode};
use tokio_stream::StreamExt;

use super::pair::{End, drain, guest, host, in_time, pipe, primary};
use crate::session::{run_primary, run_satellite};
use crate::status::SyncState;

#[tokio::test]
async fn a_stop_ends_a_live_session_in_order() {
    let (primary, satellite) = (primary().await, End::satellite(2).await);
    let (to_satellite, to_primary, _) = pipe(None);
    let guest = guest(2, 1);
    let stop = guest.stop.clone();
    let story = async {
        satellite
            .until(1, |line| line.push_caught_up && line.pull_caught_up)
            .await;
        stop.cancel();
    };
    let (above, below, ()) = tokio::join!(
        run_primary(primary.context.clone(), guest, to_satellite),
        run_satellite(satellite.context.clone(), host(Mode::Live), to_primary),
        in_time(story),
    );
    assert_eq!(
        (above.reason, below.reason),
        (CloseReason::Stopped, CloseReason::PeerClosed)
    );
    assert!(above.ready && below.ready);
}

#[tokio::test]
async fn a_newer_session_fences_the_older() {
    let (primary, satellite) = (primary().await, End::satellite(2).await);
    let (to_satellite, to_primary, _) = pipe(None);
    let old = guest(2, 1);
    let fence = old.fence.clone();
    let newer = async {
        primary
            .until(2, |line| line.push_caught_up && line.pull_caught_up)
            .await;
        let (to_satellite, to_primary, _) = pipe(None);
        let mut new = guest(2, 2);
        new.on_lease = Box::new(move |_| fence.cancel());
        tokio::join!(
            run_primary(primary.context.clone(), new, to_satellite),
            run_satellite(satellite.context.clone(), host(Mode::Drain), to_primary),
        )
    };
    let (above, below, (newer_above, newer_below)) = tokio::join!(
        run_primary(primary.context.clone(), old, to_satellite),
        run_satellite(satellite.context.clone(), host(Mode::Live), to_primary),
        in_time(newer),
    );
    assert_eq!(
        (above.reason, below.reason),
        (CloseReason::Fenced, CloseReason::Fenced)
    );
    assert_eq!(
        (newer_above.reason, newer_below.reason),
        (CloseReason::PeerClosed, CloseReason::Drained)
    );
    assert_eq!(primary.status(2).session, Some(2), "the line is the newer one's");
}

#[tokio::test]
async fn a_frame_that_can_not_be_read_ends_the_session_in_words() {
    let primary = primary().await;
    let (to_satellite, mut raw, _) = pipe(None);
    let story = async {
        raw.outgoing
            .send(Box::new(v1::SatelliteMessage { message: None }))
            .await
            .unwrap();
        let answer = raw.incoming.next().await.unwrap().unwrap().message.unwrap();
        let Message::Refused(refused) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(refused.reason, Reason::PROTOCOL_VIOLATION.0);
        assert!(
            refused.message.contains("a message is empty"),
            "{}",
            refused.message
        );
        drop(raw);
    };
    let (above, ()) = tokio::join!(
        run_primary(primary.context.clone(), guest(2, 1), to_satellite),
        story
    );
    assert!(matches!(above.reason, CloseReason::Refused(_)), "{above:?}");
    assert_eq!(primary.status(2).state, SyncState::Refused);
}

#[tokio::test]
async fn a_site_that_is_not_registered_is_told_so() {
    let (primary, stranger) = (primary().await, End::satellite(9).await);
    let (above, below) = drain(&primary, &stranger, 1).await;
    for (outcome, status) in [(above, primary.status(9)), (below, stranger.status(1))] {
        let CloseReason::Refused(refused) = outcome.reason else {
            panic!("{outcome:?}");
        };
        assert_eq!(refused.reason, Reason::SITE_NOT_FOUND.0);
        assert_eq!(
            (status.state, status.reason),
            (SyncState::Refused, refused.message)
        );
    }
}

#[tokio::test]
async fn a_replaced_database_is_frozen_and_both_ends_say_so() {
    let (primary, satellite) = (primary().await, End::satellite(2).await);
    let item = primary.site.item("M1").await;
    let supplier = primary.site.party("SUP", NameRole::Supplier).await;
    let clinic = primary.site.active_store("CLN", 2).await;
    drain(&primary, &satellite, 1).await;
    satellite.receive(clinic, item, supplier).await;
    drain(&primary, &satellite, 2).await;

    let replaced = End::satellite(2).await;
    let (_, below) = drain(&primary, &replaced, 3).await;
    assert!(!below.ready);
    for status in [primary.status(2), replaced.status(1)] {
        assert_eq!(status.state, SyncState::Frozen);
        assert!(
            status.reason.contains("restored from a backup or copied"),
            "{}",
            status.reason
        );
    }
    // Dispensing goes on: nothing of this keeps the site's users from their own database.
    let (_, below) = drain(&primary, &satellite, 4).await;
    assert_eq!(
        below.reason,
        CloseReason::Drained,
        "the one that is in step is not frozen with it"
    );
    assert_eq!(primary.status(2).reason, "");
}

#[tokio::test]
async fn an_impostor_does_not_touch_the_line_of_the_session_at_work() {
    let (primary, satellite) = (primary().await, End::satellite(2).await);
    let item = primary.site.item("M1").await;
    let supplier = primary.site.party("SUP", NameRole::Supplier).await;
    let clinic = primary.site.active_store("CLN", 2).await;
    drain(&primary, &satellite, 1).await;
    satellite.receive(clinic, item, supplier).await;
    let (to_satellite, to_primary, _) = pipe(None);
    let live = async {
        tokio::join!(
            run_primary(primary.context.clone(), guest(2, 2), to_satellite),
            run_satellite(satellite.context.clone(), host(Mode::Live), to_primary),
        )
    };
    let story = async {
        primary
            .until(2, |line| line.push_caught_up && line.pull_caught_up)
            .await;
        let impostor = End::satellite(2).await;
        drain(&primary, &impostor, 3).await;
        let status = primary.status(2);
        assert_eq!((status.state, status.session), (SyncState::Connected, Some(2)));
        assert!(
            status.reason.contains("also claims to be this site"),
            "{}",
            status.reason
        );
    };
    tokio::select! {
        ends = live => panic!("the session ended: {ends:?}"),
        () = in_time(story) => {}
    }
}
