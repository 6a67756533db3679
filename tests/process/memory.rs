//! P9 on real processes: what an idle stream costs the primary, what a satellite that does not acknowledge costs it,
//! and whether that grows with the backlog.

use supplysync_api::v1::satellite_message::Message;
use supplysync_api::v1::{AddSiteRequest, Heartbeat, MasterDataKind, PeerState};
use supplysync_model::{Clock as _, SyncId};
use supplysync_net::Authority;
use supplysync_net::pem_file::Overwrite;
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_tests::{Called, Certificate, Client, OpenSession, SessionAttempt, generated_names};

use crate::world::World;

/// The promise: an idle stream.
const IDLE_STREAM_BYTES: u64 = 48 * 1024;
/// Streams before the first measurement: what is made once is made then.
const WARM: u16 = 80;
/// Groups that are measured, and the streams of each. The group in the middle counts: a connection to the database
/// that is opened meanwhile (1 MB, four at the most) is no stream's.
const GROUPS: u16 = 5;
const GROUP: u16 = 60;
/// Satellites that do not acknowledge, in each of two measurements.
const SLOW: u16 = 8;
/// What one of them may cost: two batches on their way, each as records, as a message and in the connection.
const SLOW_STREAM_BYTES: u64 = 8 * 1024 * 1024;

/// Sites beyond the first 64.
const HIGHEST: &str = "SUPPLYSYNC_LIMITS__MAX_SYNC_ID";

/// Satellites played by this process.
struct Crowd {
    world: World,
    /// Of registered sites that have not called yet.
    ready: Vec<(u16, Certificate)>,
    open: Vec<(Client, OpenSession)>,
}

impl Crowd {
    /// Registers so many sites before the first calls: each is a record that all the others are told of.
    async fn new(sites: u16) -> Crowd {
        let mut world = World::with_primary().await;
        let code = world.network.authorisation_code();
        let folder = world.folder.path().join("crowd");
        std::fs::create_dir_all(&folder).unwrap();
        let primary = world.network.primary();
        primary.stop().await.unwrap();
        let mut serve = primary.command();
        serve.arg("serve").env(HIGHEST, "1000");
        primary.start_with(serve).await.unwrap();
        let unlocked = primary.client().await.unwrap().unlock(code).await.unwrap();
        let authority = Authority::load(&primary.folder().join("tls")).unwrap();
        let mut ready = Vec::new();
        for sync_id in (2..2 + sites).rev() {
            let request = AddSiteRequest {
                sync_id: sync_id.into(),
                name: name_of(sync_id),
                ..AddSiteRequest::default()
            };
            unlocked.sites().add_site(request).await.answer().unwrap();
            let site = SyncId::new(sync_id).unwrap();
            let hosts = ["localhost".to_owned()];
            let issued = authority
                .issue_site(site, &hosts, SystemClock.now(), &SystemRandom)
                .unwrap();
            let certificate = Certificate {
                certificate: folder.join(format!("{sync_id}.crt")),
                key: folder.join(format!("{sync_id}.key")),
                authority: primary.certificate().authority,
            };
            issued
                .write(&certificate.certificate, &certificate.key, Overwrite::Refuse)
                .unwrap();
            ready.push((sync_id, certificate));
        }
        Crowd {
            world,
            ready,
            open: Vec::new(),
        }
    }

    /// Opens a session for so many of them; what is served is taken until the stream is idle, or left to wait.
    async fn join(&mut self, count: u16, take: bool) {
        let url = self.world.network.primary().url();
        for _ in 0..count {
            let (sync_id, certificate) = self.ready.pop().unwrap();
            let client = Client::connect(&url, &certificate).await.unwrap();
            let attempt = SessionAttempt::new(sync_id, &name_of(sync_id), self.world.network.credential());
            let mut session = attempt.open(&client).await.unwrap().unwrap();
            session.become_ready().await.unwrap();
            if take {
                session.take_everything().await.unwrap();
            }
            self.open.push((client, session));
        }
    }

    /// Nobody is taken for dead, however long the others take to join.
    async fn keep_alive(&self) {
        for (_, session) in &self.open {
            session.say(Message::Heartbeat(Heartbeat {})).await.unwrap();
        }
    }

    /// How many the primary has a session with.
    async fn connected(&mut self) -> usize {
        let status = self
            .world
            .network
            .primary()
            .client()
            .await
            .unwrap()
            .status()
            .await;
        let peers = status.unwrap().peers;
        let connected = peers.iter().filter(|peer| peer.state() == PeerState::Connected);
        connected.count()
    }

    fn resident(&mut self) -> u64 {
        self.world.network.primary().memory().unwrap().resident
    }
}

fn name_of(sync_id: u16) -> String {
    format!("Site {sync_id}")
}

#[tokio::test]
async fn an_idle_stream_costs_less_than_48_kilobytes() {
    let mut crowd = Crowd::new(WARM + GROUPS * GROUP).await;
    crowd.join(WARM, true).await;
    let mut costs = Vec::new();
    for _ in 0..GROUPS {
        crowd.keep_alive().await;
        let before = crowd.resident();
        crowd.join(GROUP, true).await;
        costs.push(crowd.resident().saturating_sub(before) / u64::from(GROUP));
    }
    // None has ended meanwhile, and given its memory to those that came later.
    assert_eq!(crowd.connected().await, usize::from(WARM + GROUPS * GROUP));
    println!("an idle stream costs the primary {costs:?} bytes");
    costs.sort_unstable();
    let each = costs[costs.len() / 2];
    assert!(each < IDLE_STREAM_BYTES, "{each} bytes for each idle stream");
}

#[tokio::test]
async fn what_a_slow_satellite_costs_does_not_grow_with_the_backlog_and_nobody_waits_for_it() {
    let mut crowd = Crowd::new(3 * SLOW + 1).await;
    let primary = crowd.world.network.primary().client().await.unwrap();
    let load = |first: usize, count: usize| vec![(MasterDataKind::Name, generated_names(first, count))];
    primary.import_all(load(1, 10_000)).await.unwrap();
    crowd.join(SLOW, false).await;
    let first = crowd.resident();
    crowd.join(SLOW, false).await;
    let small = crowd.resident().saturating_sub(first);

    primary.import_all(load(10_001, 10_000)).await.unwrap();
    primary.import_all(load(20_001, 10_000)).await.unwrap();
    primary.import_all(load(30_001, 10_000)).await.unwrap();
    let second = crowd.resident();
    crowd.join(SLOW, false).await;
    let large = crowd.resident().saturating_sub(second);
    println!(
        "{SLOW} satellites that do not acknowledge cost {small} bytes with 10,000 records waiting, {large} with 40,000"
    );
    let most = u64::from(SLOW) * SLOW_STREAM_BYTES;
    assert!(small < most && large < most, "{small} and {large} bytes");

    // Another one is served all the same.
    crowd.join(1, true).await;
}
