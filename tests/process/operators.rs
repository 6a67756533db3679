//! An operator who is shut out: on the primary at once, on satellites as soon as they have heard, and in again with a
//! certificate that was issued since.

use std::fs;

use supplysync_api::v1::{GetSyncStatusRequest, RevokeOperatorRequest};
use supplysync_tests::{Called, Certificate, Client, eventually, run};
use tokio::time::Duration;

use crate::page::{refusal, shown, typed};
use crate::world::{COMMAND_LIMIT, World};

const LIMIT: Duration = Duration::from_secs(60);

/// An operator's certificate, in a folder of its own.
async fn issued(world: &World, folder: &str, name: &str, role: &str) -> Certificate {
    let folder = world.folder.path().join(folder);
    let role = ["--role", role];
    world
        .network
        .issue("operator", name, &role, &folder)
        .await
        .unwrap();
    Certificate::in_folder(&folder, "operator")
}

/// Why a connection's next call is refused; nothing if it is not.
async fn refused(client: &Client) -> Option<String> {
    let asked = client
        .diagnostics()
        .get_sync_status(GetSyncStatusRequest {})
        .await;
    asked.refusal().ok().map(|refusal| refusal.reason)
}

/// That a certificate opens no connection any more.
async fn shut_out(url: &str, certificate: &Certificate) {
    let refused = Client::connect(url, certificate)
        .await
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("revoked"), "{url}: {refused}");
}

#[tokio::test]
async fn a_revoked_operator_is_shut_out_everywhere_and_in_again_with_a_new_certificate() {
    let mut world = World::with_satellite().await;
    let north = world.network.satellite(2).unwrap().url();
    let urls = [world.network.primary().url(), north];
    let ana = [
        issued(&world, "ana", "ana", "admin").await,
        issued(&world, "ana-too", "ana", "viewer").await,
    ];
    let ben = issued(&world, "ben", "ben", "viewer").await;
    let mut open = Vec::new();
    for url in &urls {
        for certificate in &ana {
            open.push(Client::connect(url, certificate).await.unwrap());
        }
    }
    let said = world.network.unlocked(&["certs", "revoke", "ana"]).await.unwrap();
    assert_eq!(said["name"], "ana", "{said}");
    // On the primary both certificates, whatever their role, on open connections and new ones.
    for client in &open[..2] {
        assert_eq!(refused(client).await.as_deref(), Some("CERTIFICATE_REVOKED"));
    }
    for certificate in &ana {
        shut_out(&urls[0], certificate).await;
    }
    for client in &open[2..] {
        let heard = eventually("the satellite to have heard", LIMIT, || async {
            Ok(refused(client)
                .await
                .map(|reason| assert_eq!(reason, "CERTIFICATE_REVOKED")))
        });
        heard.await.unwrap();
    }
    shut_out(&urls[1], &ana[0]).await;

    // Nor after a restart; others are as before.
    for site in [2, 1] {
        let site = match site {
            1 => world.network.primary(),
            _ => world.network.satellite(site).unwrap(),
        };
        site.stop().await.unwrap();
        site.start().await.unwrap();
    }
    for url in &urls {
        shut_out(url, &ana[0]).await;
        assert_eq!(refused(&Client::connect(url, &ben).await.unwrap()).await, None);
    }

    let again = issued(&world, "ana-again", "ana", "viewer").await;
    for url in &urls {
        assert_eq!(refused(&Client::connect(url, &again).await.unwrap()).await, None);
    }
    shut_out(&urls[0], &ana[0]).await;
    let audit = ["audit", "list", "--action", "certs.revoke"];
    let audit = shown(world.network.primary_command(), &audit).await;
    assert_eq!(audit["entries"][0]["subject"], "operator/ana", "{audit}");
    for end in [
        world.network.primary_command(),
        world.network.satellite(2).unwrap().command(),
    ] {
        let verified = typed(end, &["verify", "--deep"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
    }
    world.network.stop().await.unwrap();
}

#[tokio::test]
async fn a_certificate_can_be_issued_in_the_very_second_of_the_revocation() {
    let world = World::with_satellite().await;
    // As the audit log writes it.
    for name in ["operator/admin/ben", "operator/ana", "ana", "ana"] {
        world.network.unlocked(&["certs", "revoke", name]).await.unwrap();
        let name = name.rsplit('/').next().unwrap();
        let folder = format!("{name}-{}", fs::read_dir(world.folder.path()).unwrap().count());
        let certificate = issued(&world, &folder, name, "viewer").await;
        let url = world.network.sites().next().unwrap().url();
        assert_eq!(
            refused(&Client::connect(&url, &certificate).await.unwrap()).await,
            None
        );
    }
}

#[tokio::test]
async fn only_an_admin_with_the_code_revokes_and_a_database_that_forgot_is_told() {
    let mut world = World::with_satellite().await;
    let primary = world.network.primary().client().await.unwrap();
    let code = world.network.authorisation_code();
    let request = |name: &str| RevokeOperatorRequest { name: name.into() };
    let editor = issued(&world, "eddie", "eddie", "editor").await;
    let url = world.network.primary().url();
    let editor = Client::connect(&url, &editor)
        .await
        .unwrap()
        .unlock(code)
        .await
        .unwrap();
    let asked = editor.sites().revoke_operator(request("admin")).await;
    assert_eq!(asked.refusal().unwrap().reason, "ROLE_NOT_ALLOWED");
    let asked = primary.sites().revoke_operator(request("eddie")).await;
    assert_eq!(asked.refusal().unwrap().reason, "PREFERENCES_LOCKED");
    assert_eq!(refused(&editor).await, None);
    let code_file = world.network.folder().join("code");
    let revoke = [
        "certs",
        "revoke",
        "a b",
        "--code-file",
        code_file.to_str().unwrap(),
    ];
    let wrong = typed(world.network.primary_command(), &revoke).await;
    assert_eq!(refusal(&wrong).1, ["name"], "{wrong:?}");

    // The file beside the authority is what is left when a database is restored: satellites hear of it, too.
    let file = world.network.primary().folder().join("tls/revoked");
    world.network.primary().stop().await.unwrap();
    fs::write(&file, "operator/eddie 2099-01-01T00:00:00.000Z\n").unwrap();
    world.network.primary().start().await.unwrap();
    let folder = world.folder.path().join("eddie");
    let eddie = Certificate::in_folder(&folder, "operator");
    shut_out(&url, &eddie).await;
    let url = world.network.satellite(2).unwrap().url();
    let heard = eventually("the satellite to have heard", LIMIT, || async {
        Ok(Client::connect(&url, &eddie).await.is_err().then_some(()))
    });
    heard.await.unwrap();
    // Its clock would have to be wrong for that.
    let mut issue = world.network.primary_command();
    issue
        .args(["certs", "issue", "operator", "eddie", "--replace", "--out"])
        .arg(&folder);
    let issued = run(issue, COMMAND_LIMIT).await.unwrap();
    assert!(issued.stderr.contains("check the primary's clock"), "{issued:?}");
    world.network.stop().await.unwrap();
}
