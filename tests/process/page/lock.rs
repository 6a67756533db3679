//! The page's section "General": the lock on the preferences, and the interval.

use supplysync_api::v1::{
    AddSiteRequest, AssignStoreRequest, CancelMoveRequest, CreateJoinTokenRequest, ListSitesRequest,
    LockRequest, MoveStoreRequest, PeerState, RevokeOperatorRequest, RevokeSiteRequest, SetCopiesRequest,
    Site as SiteOnRecord,
};
use supplysync_model::Timestamp;
use supplysync_tests::{Called, Certificate, Client};

use super::{Country, LIMIT, holds, refusal, satellite, shown, typed, unchanged};
use crate::world::World;

const FOR_FEW: &str = "These settings will normally only be changed by Sustainable Solutions. They are not intended for general use \
                       by customers.";
const PROTECTED: &str = "Altering these preferences can have serious consequences for your mSupply® data so they are protected by \
                         an authorisation code.";
const OK: &str = "To continue and edit the synchronize preferences enter your authorisation code in the box and click on the OK \
                  button.";
const CANCEL: &str = "To return to the preferences screen without unlocking the synchronize preferences click on the Cancel button.";
const INTERVAL: &str = "This is the time interval in minutes between requests for new information that the satellite servers make \
                        to the primary server.";

#[tokio::test]
async fn the_preferences_are_locked_until_the_authorisation_code_is_entered() {
    let mut country = Country::new().await;
    let primary = country.primary().await;
    let before = on_record(&primary).await;
    for (what, reason) in all_changes(&primary).await {
        assert_eq!(reason, "PREFERENCES_LOCKED", "{PROTECTED} {what}");
    }
    unchanged(PROTECTED, &before, &on_record(&primary).await);

    // Cancel is to enter nothing. A wrong code unlocks as little.
    let add = ["sites", "add", "7", "--name", "Seventh clinic"];
    let cancelled = typed(country.world.network.primary_command(), &add).await;
    assert_eq!(cancelled.code, Some(2), "{CANCEL} {cancelled:?}");
    let wrong = country.world.folder.path().join("wrong");
    std::fs::write(&wrong, "0000-0000\n").unwrap();
    let with_wrong = [&add[..], &["--code-file", wrong.to_str().unwrap()]].concat();
    let refused = typed(country.world.network.primary_command(), &with_wrong).await;
    assert_eq!(refusal(&refused).0, "WRONG_AUTHORISATION_CODE", "{PROTECTED}");
    unchanged(CANCEL, &before, &on_record(&primary).await);
    for (what, reason) in all_changes(&primary).await {
        assert_eq!(reason, "PREFERENCES_LOCKED", "{CANCEL} {what}");
    }

    // The code alone is not enough: an editor may not do it with the code either.
    let code = country.world.network.authorisation_code();
    let folder = country.world.folder.path().join("eddie");
    let editor = ["--role", "editor"];
    country
        .world
        .network
        .issue("operator", "eddie", &editor, &folder)
        .await
        .unwrap();
    let url = country.world.network.primary().url();
    let eddie = Client::connect(&url, &Certificate::in_folder(&folder, "operator"))
        .await
        .unwrap();
    let eddie = eddie.unlock(code).await.unwrap();
    let refused = eddie.sites().add_site(add_site()).await.refusal().unwrap();
    assert_eq!(refused.reason, "ROLE_NOT_ALLOWED", "{FOR_FEW}");
    unchanged(FOR_FEW, &before, &on_record(&primary).await);

    // OK: it is unlocked for who entered the code, until it is locked again.
    let unlocked = primary.unlock(code).await.expect(OK);
    unlocked.sites().add_site(add_site()).await.answer().expect(OK);
    let after = on_record(&primary).await;
    assert_eq!(after.len(), before.len() + 1, "{OK}");
    let locked = primary
        .sites()
        .revoke_site(RevokeSiteRequest { sync_id: 7 })
        .await
        .refusal();
    assert_eq!(locked.unwrap().reason, "PREFERENCES_LOCKED", "{PROTECTED}");
    let lock = LockRequest::default();
    unlocked.preferences().lock(lock).await.answer().expect(OK);
    for (what, reason) in all_changes(&unlocked).await {
        assert_eq!(reason, "PREFERENCES_LOCKED", "{PROTECTED} {what}");
    }
    unchanged(PROTECTED, &after, &on_record(&primary).await);
    country.stop().await;
}

/// The sites as everybody may see them.
async fn on_record(client: &Client) -> Vec<SiteOnRecord> {
    let listed = client.sites().list_sites(ListSitesRequest::default()).await;
    listed.answer().unwrap().sites
}

fn add_site() -> AddSiteRequest {
    AddSiteRequest {
        sync_id: 7,
        name: "Seventh clinic".into(),
        ..AddSiteRequest::default()
    }
}

/// Tries every change of the network; the reason why each was refused.
async fn all_changes(client: &Client) -> Vec<(&'static str, String)> {
    let mut sites = client.sites();
    let store = || "NORTH".to_owned();
    let assign = AssignStoreRequest {
        store: store(),
        sync_id: 3,
    };
    let to_site = MoveStoreRequest {
        store: store(),
        to: 3,
        force: false,
    };
    let copies = SetCopiesRequest {
        sync_id: 3,
        stores: vec![store()],
        ..SetCopiesRequest::default()
    };
    let cancel = CancelMoveRequest { store: store() };
    let token = CreateJoinTokenRequest { sync_id: 2 };
    let operator = RevokeOperatorRequest { name: "admin".into() };
    let tried = vec![
        (
            "revoke an operator",
            sites.revoke_operator(operator).await.refusal(),
        ),
        ("add a site", sites.add_site(add_site()).await.refusal()),
        ("assign a store", sites.assign_store(assign).await.refusal()),
        ("move a store", sites.move_store(to_site).await.refusal()),
        ("call a move off", sites.cancel_move(cancel).await.refusal()),
        ("set copies", sites.set_copies(copies).await.refusal()),
        (
            "make a join token",
            sites.create_join_token(token).await.refusal(),
        ),
        (
            "revoke a site",
            sites
                .revoke_site(RevokeSiteRequest { sync_id: 2 })
                .await
                .refusal(),
        ),
    ];
    let reasons = tried
        .into_iter()
        .map(|(what, refused)| (what, refused.expect(what).reason));
    reasons.collect()
}

#[tokio::test]
async fn satellites_ask_at_an_interval_of_minutes() {
    let mut world = World::with_primary().await;
    let registered = ["--name", "Northern clinic", "--interval", "7", "--live", "false"];
    let mut north = satellite(&world, 2, &registered, &[]).await;
    let client = north.client().await.unwrap();
    holds(INTERVAL, || async {
        let peer = client.peer(1).await?;
        let (Some(last), Some(next)) = (
            Timestamp::parse(&peer.last_attempt_time),
            Timestamp::parse(&peer.next_attempt_time),
        ) else {
            return Ok(false);
        };
        let minutes = (next.0 - last.0) as f64 / 60_000.0;
        // Sites that began together do not stay together: some part of it is chance.
        let is_seven = (5.5..8.5).contains(&minutes);
        let rests = peer.state() == PeerState::Waiting && !peer.last_success_time.is_empty();
        match is_seven && rests {
            true => Ok(true),
            false => Err(format!("{minutes} minutes; {peer:?}").into()),
        }
    })
    .await;
    let shown = shown(world.network.primary_command(), &["sites", "show", "2"]).await;
    assert_eq!(shown["interval_minutes"], 7, "{INTERVAL}");
    // In between it is not connected; asked to, it asks.
    let attempt = client.peer(1).await.unwrap().last_attempt_time;
    let asked = typed(north.command(), &["sync-now"]);
    let asked = tokio::time::timeout(LIMIT, asked).await.unwrap();
    assert_eq!(asked.code, Some(0), "{asked:?}");
    holds(INTERVAL, || async {
        Ok(client.peer(1).await?.last_attempt_time > attempt)
    })
    .await;
    north.stop().await.unwrap();
    world.network.stop().await.unwrap();
}
