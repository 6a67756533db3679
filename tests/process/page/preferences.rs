//! The page's lock again, on the preferences themselves: changed on each site, shown without secrets, in force at once.

use supplysync_api::v1::{Preferences, UpdatePreferencesRequest};
use supplysync_tests::{Called, Client};

use super::{holds, refusal, shown, typed};
use crate::world::World;

const PROTECTED: &str = "so they are protected by an authorisation code.";
const UNLOCK: &str = "Click on the 'Click to Un-lock' button and you are presented with the following screen";
const INTERVAL: &str = "This is the time interval in minutes between requests for new information that the satellite servers make \
                        to the primary server.";

async fn change(client: &Client, interval_minutes: u32) -> Result<(), String> {
    let request = UpdatePreferencesRequest {
        preferences: Some(Preferences {
            interval_minutes,
            ..Preferences::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["interval_minutes".into()],
        }),
    };
    let answered = client.preferences().update_preferences(request).await.answer();
    answered.map(drop).map_err(|refused| refused.to_string())
}

#[tokio::test]
async fn an_interval_is_changed_under_the_lock_from_either_end_and_holds_at_once() {
    let mut world = World::with_satellite().await;
    let code = world.folder.path().join("code");
    let code = code.to_str().unwrap().to_owned();
    let north = world.network.satellite(2).unwrap();
    let (client, command) = (north.client().await.unwrap(), || north.command());
    holds(INTERVAL, || async {
        let shown = shown(command(), &["prefs", "show"]).await;
        Ok(shown["sync_with"][0]["name"] == "Head office")
    })
    .await;
    let before = shown(command(), &["prefs", "show"]).await;
    assert_eq!(before["interval_minutes"], 5, "{INTERVAL}");
    let refused = change(&client, 7).await.unwrap_err();
    assert!(refused.contains("PREFERENCES_LOCKED"), "{PROTECTED} {refused}");
    assert_eq!(shown(command(), &["prefs", "show"]).await, before, "{PROTECTED}");

    // Unlocked, several changes need no code; locked again, the next one does.
    shown(command(), &["prefs", "unlock", "--code-file", &code]).await;
    shown(command(), &["prefs", "set", "interval", "0"]).await;
    holds(INTERVAL, || async {
        let peer = client.peer(1).await?;
        Ok(peer.state() == supplysync_api::v1::PeerState::Paused)
    })
    .await;
    shown(command(), &["prefs", "lock"]).await;
    let locked = typed(command(), &["prefs", "set", "interval", "7"]).await;
    assert_eq!(locked.code, Some(2), "{UNLOCK} {locked:?}");
    let after = shown(command(), &["prefs", "show"]).await;
    assert_eq!(after["interval_minutes"], 0, "{PROTECTED}");
    let text = serde_json::to_string(&after).unwrap();
    let (_, password) = world.network.credential();
    assert!(!text.contains(password), "{text}");

    // A pause is lifted from the primary too: the later change wins.
    let edit = ["sites", "edit", "2", "--interval", "9"];
    world.network.unlocked(&edit).await.unwrap();
    let north = world.network.satellite(2).unwrap();
    let asked = typed(north.command(), &["sync-now"]).await;
    assert_eq!(asked.code, Some(0), "{asked:?}");
    holds(INTERVAL, || async {
        let shown = shown(north.command(), &["prefs", "show"]).await;
        Ok(shown["interval_minutes"] == 9)
    })
    .await;
}

#[tokio::test]
async fn five_wrong_codes_lock_unlocking_also_after_a_restart() {
    let mut world = World::with_primary().await;
    let wrong = world.folder.path().join("wrong");
    std::fs::write(&wrong, "0000-0000\n").unwrap();
    let unlock = ["prefs", "unlock", "--code-file", wrong.to_str().unwrap()];
    for _ in 0..5 {
        let refused = typed(world.network.primary_command(), &unlock).await;
        assert_eq!(refusal(&refused).0, "WRONG_AUTHORISATION_CODE", "{PROTECTED}");
    }
    let code = world.folder.path().join("code");
    let right = ["prefs", "unlock", "--code-file", code.to_str().unwrap()];
    for _ in 0..2 {
        let refused = typed(world.network.primary_command(), &right).await;
        assert_eq!(refusal(&refused).0, "UNLOCK_LOCKED_OUT", "{PROTECTED}");
        world.network.primary().stop().await.unwrap();
        world.network.primary().start().await.unwrap();
    }
}
