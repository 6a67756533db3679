//! How soon a change is at many satellites, all at one primary and spread over two: for the figures of `docs/scaling.md`, so not
//! in the ordinary run. `cargo test --workspace --test process -- --ignored spread --nocapture`.

use std::collections::BTreeMap;
use std::time::Duration;

use supplysync_api::v1::satellite_message::Message;
use supplysync_api::v1::{AddSiteRequest, Heartbeat, Hello};
use supplysync_model::{Clock as _, SyncId};
use supplysync_net::Authority;
use supplysync_net::pem_file::Overwrite;
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_tests::{Called, Certificate, Client, OpenSession, SessionAttempt};
use tokio::time::Instant;

use crate::replicas::{create_unit, replicated};

/// Without raising the limit.
const SATELLITES: u16 = 60;
const CHANGES: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_change_to_sixty_satellites() {
    let Some(mut replicated) = replicated().await else {
        return;
    };
    let network = &mut replicated.network;
    let (credential, code) = (network.credential(), network.authorisation_code());
    let urls = [network.primary().url(), network.replica().unwrap().url()];
    let primary = network.primary();
    let (client, folder) = (primary.client().await.unwrap(), primary.folder().join("tls"));
    let unlocked = client.unlock(code).await.unwrap();
    let authority = Authority::load(&folder).unwrap();
    let mut open: Vec<(Client, OpenSession)> = Vec::new();
    let mut known = BTreeMap::new();
    for sync_id in 2..2 + SATELLITES {
        let name = format!("Site {sync_id}");
        let request = AddSiteRequest {
            sync_id: sync_id.into(),
            name: name.clone(),
            ..AddSiteRequest::default()
        };
        unlocked.sites().add_site(request).await.answer().unwrap();
        let site = SyncId::new(sync_id).unwrap();
        let issued = authority
            .issue_site(site, &["localhost".into()], SystemClock.now(), &SystemRandom)
            .unwrap();
        let certificate = Certificate {
            certificate: folder.join(format!("{sync_id}.crt")),
            key: folder.join(format!("{sync_id}.key")),
            authority: primary.certificate().authority,
        };
        issued
            .write(&certificate.certificate, &certificate.key, Overwrite::Refuse)
            .unwrap();
    }
    for (turn, spread) in [1, 2, 1, 2].into_iter().enumerate() {
        open.clear();
        for sync_id in 2..2 + SATELLITES {
            let certificate = Certificate {
                certificate: folder.join(format!("{sync_id}.crt")),
                key: folder.join(format!("{sync_id}.key")),
                authority: primary.certificate().authority,
            };
            let url = &urls[usize::from(sync_id) % spread];
            let client = Client::connect(url, &certificate).await.unwrap();
            let mut attempt = SessionAttempt::new(sync_id, &format!("Site {sync_id}"), credential);
            if let Some(hello) = known.get(&sync_id) {
                attempt.hello = Hello::clone(hello);
            }
            let mut session = attempt.open(&client).await.unwrap().unwrap();
            session.become_ready().await.unwrap();
            session.take_everything().await.unwrap();
            known.insert(sync_id, attempt.again(&session).hello);
            open.push((client, session));
        }
        let mut times = Vec::new();
        for number in 0..CHANGES {
            for (_, session) in &open {
                session.say(Message::Heartbeat(Heartbeat {})).await.unwrap();
            }
            create_unit(&client, &format!("unit {turn} {number}"))
                .await
                .unwrap();
            let asked = Instant::now();
            let each = open.iter_mut().map(|(_, session)| session.take_next());
            for taken in futures::future::join_all(each).await {
                taken.unwrap();
            }
            times.push(asked.elapsed());
        }
        times.sort_unstable();
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "{SATELLITES} satellites at {spread} of two primaries: a change is at all of them after {:.0} ms (median of \
             {CHANGES}; {:.0} to {:.0})",
            millis(times[CHANGES / 2]),
            millis(times[0]),
            millis(times[CHANGES - 1])
        );
    }
    open.clear();
    replicated.end().await;
}
