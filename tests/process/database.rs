//! PostgreSQL under the programs: a primary that is told to look at who the server is over TLS does, and tells nothing to
//! another; a large satellite has its database there, too.

use std::path::{Path, PathBuf};

use supplysync_model::{Clock as _, SyncId};
use supplysync_net::Authority;
use supplysync_net::pem_file::Overwrite;
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_tests::{
    Binaries, Client, Network, PostgresServer, Stop, TestDatabase, eventually, prove_equal,
};
use tokio::time::Duration;

use crate::joining::{join, operator, register};
use crate::shelves;
use crate::world::{self, World, refusal, words};

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

/// How long anything may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_large_satellite_has_its_database_on_postgresql() {
    let Ok(server) = std::env::var("SUPPLYSYNC_TEST_POSTGRES") else {
        // Said by the tests of two primaries.
        return;
    };
    let database = TestDatabase::create(&server).await.unwrap();
    let mut world = World::with_primary().await;
    let token = register(&world.network, 2, "Hospital").await;
    let mut hospital = world.network.new_satellite(2, "Hospital").unwrap();
    hospital.set("SUPPLYSYNC_DATABASE__URL", database.url());
    join(&world, &hospital, &token).await.success().unwrap();
    operator(&world.network, &hospital).await;
    hospital.start().await.unwrap();
    let primary = world.network.primary().client().await.unwrap();
    shelves::import(&primary).await;
    shelves::assign(&world, &primary, "NORTH", 2).await;
    let trades = async |hospital: &Client| {
        eventually("the store to be active at the hospital", ARRIVAL, || async {
            Ok((hospital.store("NORTH").await?.active_site == 2).then_some(()))
        })
        .await
        .unwrap();
        let received = shelves::receipt(hospital, "NORTH", "PARA").await;
        shelves::confirm(hospital, received).await;
        prove_equal(&primary, hospital, ARRIVAL).await.unwrap();
    };
    trades(&hospital.client().await.unwrap()).await;
    hospital.kill().await.unwrap();
    hospital.start().await.unwrap();
    trades(&hospital.client().await.unwrap()).await;
    let files = std::fs::read_dir(hospital.folder()).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(names.all(|name| !name.contains(".db")), "there is a file, too");
    hospital.stop().await.unwrap();
    database.drop().await.unwrap();
}
