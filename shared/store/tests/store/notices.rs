//! Programs on one PostgreSQL hear of each other's commits: at once, only of what was committed, and of what they missed
//! while their connection was lost. Each wait is shorter than the listener's own pulse.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use supplysync_model::{Fault, Incarnation, SyncId};
use supplysync_store::{Notice, Notices, Store, StoreConfig};
use tokio::time::timeout;

use crate::database::{Database, Postgres, deps};
use crate::records::change;
use crate::sample::unit;

const SOON: Duration = Duration::from_secs(5);
const LOSE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'supplysync notices'";

struct Two {
    here: Store,
    there: Store,
    heard: Notices,
    config: StoreConfig,
}

/// Both listen: the first notice of a listener is that it does.
async fn two(server: &Postgres) -> Two {
    let (here, config) = server.init(1).await;
    let there = Store::open(config.clone(), deps()).await.unwrap();
    let mut heard = there.notices();
    let listens = async {
        // Told again and again, as the very first may have been told before anybody asked.
        loop {
            here.notify(Notice::Look).await.unwrap();
            let about = timeout(Duration::from_millis(200), heard.about(Notice::Look));
            if about.await.is_ok() {
                return;
            }
        }
    };
    timeout(SOON, listens).await.unwrap();
    Two {
        here,
        there,
        heard,
        config,
    }
}

/// Other tests on this server may lose the connection: that says nothing.
async fn exactly(heard: &mut Notices, wanted: Notice) {
    let heard = async { while heard.next().await != wanted {} };
    timeout(SOON, heard).await.unwrap();
}

async fn write(store: &Store, number: u32, fails: bool) -> Result<(), Fault> {
    store
        .write("one change", move |tx| {
            async move {
                tx.put(vec![change(unit(number, "x"), false)]).await?;
                if fails {
                    tx.notify(Notice::Credentials);
                    return Err(Fault::field("this", "is rolled back"));
                }
                Ok(())
            }
            .boxed()
        })
        .await
}

#[tokio::test]
async fn a_commit_moves_the_head_of_every_program_on_the_database() {
    Postgres::with(async |server| {
        let two = two(&server).await;
        let mut heads = two.there.heads();
        let before = *heads.borrow_and_update();
        for number in 1..=20 {
            write(&two.here, number, false).await.unwrap();
            let moved = heads.wait_for(|head| *head == before + u64::from(number));
            timeout(SOON, moved).await.unwrap().unwrap();
        }
        // And the other way round.
        let mut heads = two.here.heads();
        write(&two.there, 99, false).await.unwrap();
        let moved = heads.wait_for(|head| *head == before + 21);
        timeout(SOON, moved).await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_rolled_back_is_not_told() {
    Postgres::with(async |server| {
        let mut two = two(&server).await;
        write(&two.here, 1, true).await.unwrap_err();
        two.here.notify(Notice::Look).await.unwrap();
        // Notices come in the order of their commits; other tests on this server say nothing of credentials.
        loop {
            match timeout(SOON, two.heard.next()).await.unwrap() {
                Notice::Credentials => panic!("it was told"),
                Notice::Look => return,
                _ => {}
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_missed_while_the_connection_was_lost_is_found() {
    Postgres::with(async |server| {
        let mut two = two(&server).await;
        let mut heads = two.there.heads();
        let before = *heads.borrow_and_update();
        for number in 1..=3 {
            Postgres::execute(&two.config, LOSE).await;
            write(&two.here, number, false).await.unwrap();
            let moved = heads.wait_for(|head| *head == before + u64::from(number));
            timeout(SOON, moved).await.unwrap().unwrap();
            // Not only the head may have been missed.
            timeout(SOON, two.heard.about(Notice::Anything)).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn leases_are_told_when_they_are_granted_and_taken_away() {
    Postgres::with(async |server| {
        let mut two = two(&server).await;
        let site = SyncId::new(60).unwrap();
        let life = Incarnation {
            counter: 1,
            random: 7,
        };
        let here = &two.here;
        here.grant_lease(site, 70, life, None).await.unwrap();
        exactly(&mut two.heard, Notice::Lease(site)).await;
        assert_eq!(two.there.lease_holder(site).await.unwrap(), Some(70));
        here.write("remove it", move |tx| tx.forget_peer(site).boxed())
            .await
            .unwrap();
        exactly(&mut two.heard, Notice::Lease(site)).await;
        assert_eq!(two.there.lease_holder(site).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn who_has_a_session_anywhere_is_known_everywhere_until_it_ends() {
    Postgres::with(async |server| {
        let two = two(&server).await;
        let sites = |numbers: &[u16]| -> BTreeSet<SyncId> {
            numbers.iter().map(|site| SyncId::new(*site).unwrap()).collect()
        };
        // Other tests of this process share the database, and none of them has sessions.
        two.here.set_present(sites(&[7001, 7002]));
        two.there.set_present(sites(&[7002, 7003]));
        elsewhere(&two.here, &sites(&[7002, 7003])).await;
        elsewhere(&two.there, &sites(&[7001, 7002])).await;
        Postgres::execute(&two.config, LOSE).await;
        two.there.set_present(sites(&[]));
        elsewhere(&two.here, &sites(&[])).await;
        elsewhere(&two.there, &sites(&[7001, 7002])).await;
        two.here.close().await;
        elsewhere(&two.there, &sites(&[])).await;
    })
    .await;
}

async fn elsewhere(store: &Store, wanted: &BTreeSet<SyncId>) {
    let known = async {
        loop {
            if store.present_elsewhere().await.unwrap() == *wanted {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, known).await.unwrap();
}
