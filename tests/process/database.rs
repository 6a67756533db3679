//! A PostgreSQL of one's own with TLS: a primary that is told to look at who the server is does, and tells nothing to another.

use std::path::{Path, PathBuf};

use supplysync_model::{Clock as _, SyncId};
use supplysync_net::Authority;
use supplysync_net::pem_file::Overwrite;
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_tests::{Binaries, Network, PostgresServer, Stop};

use crate::world::{self, refusal, words};

/// A new authority's certificate; with a certificate and a key that it issued for `localhost`.
fn issue(folder: &Path, name: &str) -> [PathBuf; 3] {
    let now = SystemClock.now();
    let authority = Authority::create(name, now, &SystemRandom).unwrap();
    let hosts = ["localhost".to_owned()];
    let issued = authority
        .issue_site(SyncId::PRIMARY, &hosts, now, &SystemRandom)
        .unwrap();
    let files = ["authority.crt", "server.crt", "server.key"].map(|end| folder.join(format!("{name}-{end}")));
    std::fs::write(&files[0], authority.certificate()).unwrap();
    issued.write(&files[1], &files[2], Overwrite::Refuse).unwrap();
    files
}

#[tokio::test]
async fn over_tls_the_database_must_be_the_one_that_is_meant() {
    if std::env::var_os("SUPPLYSYNC_TEST_POSTGRES").is_none() {
        // Said by the tests of two primaries.
        return;
    }
    let _turn = world::turn().await;
    let folder = tempfile::tempdir().unwrap();
    let [trusted, certificate, key] = issue(folder.path(), "ours");
    let [foreign, ..] = issue(folder.path(), "elsewhere");
    let mut server = PostgresServer::start(folder.path()).await.unwrap();
    server.give(&key).await.unwrap();
    server
        .admit("local all all trust\nhostssl all all all trust\n")
        .unwrap();
    server.set("ssl=on");
    server.set(&format!("ssl_cert_file={}", certificate.display()));
    server.set(&format!("ssl_key_file={}", key.display()));
    server.restart(Stop::Fast).await.unwrap();
    let url = |host: &str, mode: &str, authority: &Path| {
        let authority = authority.display();
        format!("{}?sslmode={mode}&sslrootcert={authority}", server.url(host))
    };

    let right = url("localhost", "verify-full", &trusted);
    let settings = [("SUPPLYSYNC_DATABASE__URL", right.as_str())];
    let binaries = Binaries::beside_this_program().unwrap();
    let mut network = Network::start_with(binaries, folder.path(), "Head office", &settings)
        .await
        .unwrap();
    let primary = network.primary().client().await.unwrap();
    assert_eq!(primary.status().await.unwrap().sync_id, 1);
    network.stop().await.unwrap();

    let of_tls = "does not prove over TLS";
    for (what, url, told) in [
        (
            "another authority",
            url("localhost", "verify-full", &foreign),
            of_tls,
        ),
        ("another host", url("127.0.0.1", "verify-full", &trusted), of_tls),
        (
            "no TLS at all",
            url("localhost", "disable", &trusted),
            "refuses us",
        ),
    ] {
        let mut serve = network.primary_command();
        serve.env("SUPPLYSYNC_DATABASE__URL", url);
        let refused = words(&refusal(serve).await);
        assert!(refused.contains(told), "{what}: {refused}");
    }
}
