//! The audit log as an administrator reads it: who changed what, who was refused, and never a secret.

use supplysync_tests::{Certificate, run};

use crate::world::{COMMAND_LIMIT, World};

#[tokio::test]
async fn an_administrator_reads_who_did_what_and_an_editor_does_not() {
    let mut world = World::with_satellite().await;
    let code = world.network.authorisation_code();
    let wrong = world.folder.path().join("wrong-code");
    std::fs::write(&wrong, "0000-0000").unwrap();
    let mut add = world.network.primary_command();
    add.args(["sites", "add", "3", "--name", "Nobody", "--code-file"])
        .arg(&wrong);
    assert_eq!(run(add, COMMAND_LIMIT).await.unwrap().code, Some(1));

    let mut list = world.network.primary_command();
    list.args(["audit", "list", "--output", "json"]);
    let listed = run(list, COMMAND_LIMIT).await.unwrap().success().unwrap();
    let entries: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let entries = entries["entries"].as_array().unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions[0], "unlock refused: wrong code", "{listed}");
    let added = entries
        .iter()
        .find(|entry| entry["action"] == "sites.add")
        .expect("no sites.add");
    assert!(
        added["new_value"].as_str().unwrap().contains("Northern clinic"),
        "{added}"
    );
    assert!(
        added["principal"]
            .as_str()
            .unwrap()
            .starts_with("operator/admin/"),
        "{added}"
    );
    assert!(
        added["from_address"].as_str().unwrap().starts_with("127.0.0.1"),
        "{added}"
    );
    assert!(
        !listed.contains(code) && !listed.contains("0000-0000"),
        "{listed}"
    );

    let mut filtered = world.network.primary_command();
    filtered.args(["audit", "list", "--action", "sites.add", "--limit", "1"]);
    let table = run(filtered, COMMAND_LIMIT).await.unwrap().success().unwrap();
    assert!(
        table.contains("sites.add") && !table.contains("unlock"),
        "{table}"
    );

    let folder = world.folder.path().join("eddie");
    world
        .network
        .issue("operator", "eddie", &["--role", "editor"], &folder)
        .await
        .unwrap();
    let Certificate {
        certificate,
        key,
        authority,
    } = Certificate::in_folder(&folder, "operator");
    let mut editor = world.network.primary().command();
    editor.args(["audit", "list", "--certificate"]).arg(certificate);
    editor.arg("--key").arg(key).arg("--authority").arg(authority);
    let refused = run(editor, COMMAND_LIMIT).await.unwrap();
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("ROLE_NOT_ALLOWED"), "{refused:?}");
}
