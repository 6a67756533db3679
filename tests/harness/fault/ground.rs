//! What every round begins with and ends with: a primary with the store `HEAD`, a satellite with the store `NORTH` that
//! dials through a proxy; and the proof.

use std::path::Path;
use std::time::Duration;

use supplysync_api::v1::{PeerState, SetCopiesRequest, SyncNowRequest};
use tempfile::TempDir;

use super::writer::{Pulse, Writer, Written};
use super::{Round, Tally};
use crate::client::Called;
use crate::postgres::TestDatabase;
use crate::{Binaries, Client, Network, Outcome, Proxy, Site, eventually, prove_equal, shelves};

/// The satellite's Sync ID.
pub(super) const SATELLITE: u16 = 2;
/// How long anything may take to arrive; generous, as the machine may be busy.
pub(super) const ARRIVAL: Duration = Duration::from_secs(150);
/// Lines of each log that a failed round shows.
const SHOWN_LINES: usize = 60;

/// What the primary keeps its records in. A satellite has SQLite always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of its own.
    Sqlite,
    /// A database of its own on the server at this URL.
    Postgres(String),
}

impl Database {
    /// Of the server that `SUPPLYSYNC_TEST_POSTGRES` names, if it does.
    pub fn postgres_in_environment() -> Option<Database> {
        std::env::var("SUPPLYSYNC_TEST_POSTGRES")
            .ok()
            .map(Database::Postgres)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Database::Sqlite => "SQLite",
            Database::Postgres(_) => "PostgreSQL",
        }
    }
}

/// Two sites that are ready to work.
pub(super) struct Ground {
    pub(super) network: Network,
    pub(super) primary: Client,
    pub(super) satellite: Client,
    pub(super) proxy: Proxy,
    /// Whether it came to its end; if not, its logs are shown.
    ended: bool,
    /// After the processes, so that they are gone before their files.
    postgres: Option<TestDatabase>,
    _folder: TempDir,
}

impl Ground {
    pub(super) async fn prepare(database: &Database, seed: u64) -> Outcome<Ground> {
        Ground::prepare_with(database, seed, async |_: &Path| Ok(())).await
    }

    /// The same with two servers of the primary, which the satellite dials in turns.
    pub(super) async fn prepare_replicated(database: &Database, seed: u64) -> Outcome<Ground> {
        Ground::lay(database, seed, true, async |_: &Path| Ok(())).await
    }

    /// `place` sees the satellite's folder before anything is in it.
    pub(super) async fn prepare_with(
        database: &Database,
        seed: u64,
        place: impl AsyncFnOnce(&Path) -> Outcome<()>,
    ) -> Outcome<Ground> {
        Ground::lay(database, seed, false, place).await
    }

    async fn lay(
        database: &Database,
        seed: u64,
        replicated: bool,
        place: impl AsyncFnOnce(&Path) -> Outcome<()>,
    ) -> Outcome<Ground> {
        let folder = tempfile::tempdir()?;
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgres(server) => Some(TestDatabase::create(server).await?),
        };
        let settings: Vec<(&str, &str)> = postgres
            .iter()
            .map(|made| ("SUPPLYSYNC_DATABASE__URL", made.url()))
            .collect();
        let binaries = Binaries::beside_this_program()?;
        let mut network = Network::start_with(binaries, folder.path(), "Head office", &settings).await?;
        let mut servers = vec![network.primary().grpc()];
        if replicated {
            servers.push(network.add_replica().await?.grpc());
        }
        let proxy = Proxy::balance(servers, seed).await?;
        place(&network.satellite_folder(SATELLITE)).await?;
        let mut satellite = network
            .set_up_satellite(SATELLITE, "Northern clinic", proxy.url())
            .await?;
        satellite.log_to(folder.path().join("satellite.log"));
        network.start_satellite(satellite).await?;
        let primary = network.primary().client().await?;
        let satellite = network.satellite(SATELLITE)?.client().await?;
        shelves::import_catalogue(&primary).await?;
        let unlocked = primary.unlock(network.authorisation_code()).await?;
        shelves::assign_store(&unlocked, "HEAD", 1).await?;
        shelves::assign_store(&unlocked, "NORTH", SATELLITE).await?;
        // What the primary writes of its own store comes to the satellite, too.
        let copies = SetCopiesRequest {
            sync_id: SATELLITE.into(),
            stores: vec!["HEAD".to_owned()],
            ..SetCopiesRequest::default()
        };
        unlocked.sites().set_copies(copies).await.answer()?;
        let clinic = &satellite;
        eventually("the satellite to know its store", ARRIVAL, || async move {
            Ok((clinic.store("NORTH").await?.active_site == u32::from(SATELLITE)).then_some(()))
        })
        .await?;
        Ok(Ground {
            network,
            primary,
            satellite,
            proxy,
            ended: false,
            postgres,
            _folder: folder,
        })
    }

    /// The site that is called so.
    pub(super) fn site(&mut self, sync_id: u16) -> Outcome<&mut Site> {
        match sync_id {
            1 => Ok(self.network.primary()),
            other => self.network.satellite(other),
        }
    }

    /// Both who write: at the primary stock of `HEAD` and master data, at the satellite stock of `NORTH`.
    pub(super) async fn writers(&self, seed: u64) -> Outcome<[Writer; 2]> {
        Ok([
            Writer::new(&self.primary, "HEAD", true, seed).await?,
            Writer::new(&self.satellite, "NORTH", false, seed ^ 1).await?,
        ])
    }

    /// The proof, and what was written on the way.
    pub(super) async fn prove(&self, written: &[Written], tally: &mut Tally) -> Outcome<()> {
        let nudged = dial_on(&self.satellite);
        let proven = prove_equal(&self.primary, &self.satellite, ARRIVAL);
        tokio::select! {
            proven = proven => proven?,
            () = nudged => {}
        }
        for written in written {
            written.is_at(&self.primary, "the primary").await?;
            written.is_at(&self.satellite, "the satellite").await?;
            written.count_into(tally);
        }
        for (fault, times) in self.proxy.happened() {
            tally.add(format!("links {fault}"), times);
        }
        Ok(())
    }

    /// Stops what runs, which must end in order, and gives back what is on the server.
    pub(super) async fn end(mut self, tally: Tally) -> Outcome<Round> {
        self.network.stop().await?;
        self.ended = true;
        if let Some(database) = self.postgres.take() {
            database.drop().await?;
        }
        Ok(Round::Ran(tally))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if !self.ended {
            for site in self.network.sites() {
                eprintln!(
                    "--- the log of {} ends with:\n{}",
                    site.name(),
                    site.log_tail(SHOWN_LINES)
                );
            }
        }
    }
}

/// Asks a satellite that waits between two attempts to dial at once; never ends.
pub(super) async fn dial_on(satellite: &Client) {
    loop {
        let waits = eventually("it to wait", ARRIVAL, || async {
            let peer = satellite.peer(1).await?;
            Ok((peer.state() == PeerState::Waiting).then_some(peer.last_attempt_time))
        });
        // It may be down, or connected, for as long as it likes.
        let Ok(before) = waits.await else { continue };
        let now = SyncNowRequest::default();
        let _ = satellite.diagnostics().sync_now(now).await.answer();
        // An attempt may be over before anybody looks: then it is known by its time.
        let _ = eventually("it to dial", ARRIVAL, || async {
            let peer = satellite.peer(1).await?;
            let dialled = peer.state() != PeerState::Waiting || peer.last_attempt_time != before;
            Ok(dialled.then_some(()))
        })
        .await;
    }
}

/// Runs the writers until `story` has been told; what they wrote, and how the story ended.
pub(super) async fn while_writing<T, const N: usize>(
    writers: [Writer; N],
    pulses: &[Pulse; N],
    story: impl Future<Output = Outcome<T>>,
) -> Outcome<(T, Vec<Written>)> {
    let told = async {
        let told = story.await;
        pulses.iter().for_each(Pulse::stop);
        told
    };
    let writing = writers.into_iter().zip(pulses);
    let writing = futures::future::join_all(writing.map(|(writer, pulse)| writer.write(pulse)));
    let (told, written) = tokio::join!(told, writing);
    Ok((told?, written))
}
