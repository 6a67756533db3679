//! Gauges that are read when somebody asks for the metrics: of this program, its certificate and its disk, and of each site at the
//! other end. A site's label is its Sync ID, and only while it is registered: there are as many as `max_sync_id` allows.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use supplysync_model::{Fault, SyncId, Timestamp};
use supplysync_runtime::Context;
use supplysync_runtime::metrics::{Description, Gauges, Reading};
use supplysync_store::Store;
use supplysync_store::query::{Backlog, Backlogs};

use super::lag::Heads;
use crate::certificates::Certificates;
use crate::nightly::Nightly;
use crate::serve::SiteRole;
use crate::status::{StatusBoard, SyncState};

const BUILD: Description = (
    "supplysync_build_info",
    "Always 1; which program this is, and its version.",
);
const START: Description = (
    "supplysync_start_time_seconds",
    "When the program was started, in seconds since 1970.",
);
const UPTIME: Description = (
    "supplysync_uptime_seconds",
    "How long the program has been running.",
);
const READY: Description = (
    "supplysync_ready",
    "Whether the program is ready, as /readyz says: 1 or 0.",
);
const HEAD: Description = (
    "supplysync_feed_head_seq",
    "The seq of the last change in this site's feed.",
);
const CERTIFICATE: Description = (
    "supplysync_certificate_expiry_timestamp_seconds",
    "When this site's certificate, or the first of the authorities that it trusts, ends, in seconds since 1970.",
);
const DISK_FREE: Description = (
    "supplysync_disk_free_bytes",
    "Room on the disk that holds the database, or else the data directory.",
);
const DISK_SIZE: Description = ("supplysync_disk_size_bytes", "The size of that disk.");
const DATABASE: Description = (
    "supplysync_database_size_bytes",
    "The size of the database's file; 0 where another server keeps it.",
);
const LOG: Description = (
    "supplysync_database_log_bytes",
    "The size of its write-ahead log; 0 where another server keeps it.",
);
const STATE: Description = (
    "supplysync_sync_state",
    "How synchronisation with each site stands in this process: 1 for the present state.",
);
const SUCCESS: Description = (
    "supplysync_sync_last_success_timestamp_seconds",
    "When both directions were last drained in a session of this process, in seconds since 1970; 0 before.",
);
const SEEN: Description = (
    "supplysync_sync_last_contact_timestamp_seconds",
    "When each site was last heard of in a session, in seconds since 1970; 0 if it never was.",
);
const PENDING: Description = (
    "supplysync_sync_pending_records",
    "Records that each site lacks of what this one sends it; at most 10,000 of a channel are counted.",
);
const BEHIND: Description = (
    "supplysync_sync_lag_seq",
    "How many seqs each site is behind this one's feed, in the channel where that is most.",
);
const LAG: Description = (
    "supplysync_sync_lag_seconds",
    "How long the oldest change that each site lacks has waited, as far as this process has seen; 0 when it lacks nothing.",
);
const LOADING: Description = (
    "supplysync_sync_loading_channels",
    "Channels that are being loaded, there or here.",
);
const REFUSED: Description = (
    "supplysync_sync_refused_records",
    "Changes of ours that each site keeps in quarantine, as it has acknowledged.",
);
const DIFFERENT: Description = (
    "supplysync_sync_different_channels",
    "Channels whose last comparison with each site showed a difference that nothing explains.",
);
const QUARANTINED: Description = (
    "supplysync_quarantined_entries",
    "Changes in open quarantine here, by the site that sent them; at most 10,000 are counted.",
);
const PARKED: Description = (
    "supplysync_parked_records",
    "Records that can't be read here yet, by the site that wrote them; at most 10,000 are counted.",
);
const MOVES: Description = (
    "supplysync_moves_open",
    "Stores on their way to another site; on the primary.",
);
const MOVE_AGE: Description = (
    "supplysync_move_oldest_age_seconds",
    "For how long the first of them is on its way; 0 if none is.",
);
const VERIFIED: Description = (
    "supplysync_verification_last_timestamp_seconds",
    "When the last daily verification ended, in seconds since 1970; 0 before the first.",
);
const FOUND: Description = (
    "supplysync_verification_findings",
    "What the last daily verification found wrong or different.",
);

/// The label of a site that is not registered any more.
const REMOVED: &str = "removed";
const STATES: [(SyncState, &str); 7] = [
    (SyncState::NotConnected, "not_connected"),
    (SyncState::Connecting, "connecting"),
    (SyncState::Connected, "connected"),
    (SyncState::Waiting, "waiting"),
    (SyncState::Paused, "paused"),
    (SyncState::Refused, "refused"),
    (SyncState::Frozen, "frozen"),
];

/// Where they are read.
pub(crate) struct Readings {
    pub(crate) role: SiteRole,
    pub(crate) context: Context,
    pub(crate) store: Store,
    pub(crate) certificates: Certificates,
    pub(crate) board: StatusBoard,
    pub(crate) data_dir: PathBuf,
    heads: Mutex<Heads>,
}

impl Readings {
    pub(crate) fn new(
        role: SiteRole,
        context: Context,
        store: Store,
        certificates: Certificates,
        board: StatusBoard,
        data_dir: PathBuf,
    ) -> Readings {
        let readings = Readings {
            role,
            context,
            store,
            certificates,
            board,
            data_dir,
            heads: Mutex::default(),
        };
        readings.see();
        readings
    }

    /// Notes how far the feed is.
    fn see(&self) {
        let head = *self.store.heads().borrow();
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.see(self.context.clock.now(), head);
    }

    fn waits(&self, oldest: Option<u64>) -> f64 {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.map_or(0.0, |seq| heads.seconds_since(self.context.clock.now(), seq))
    }

    fn of_peer(&self, peer: SyncId, backlog: &Backlog) -> Vec<Reading> {
        let of = |of, value| with(of, "site", &peer.to_string(), value);
        vec![
            of(SEEN, seconds(backlog.seen_at)),
            of(PENDING, backlog.pending as f64),
            of(BEHIND, backlog.behind as f64),
            of(LAG, self.waits(backlog.oldest)),
            of(LOADING, backlog.loading as f64),
            of(REFUSED, backlog.refused as f64),
            of(DIFFERENT, backlog.different as f64),
        ]
    }

    /// What this process knows of its sessions with a site.
    fn of_board(&self, peer: SyncId) -> Vec<Reading> {
        let board = self.board.current();
        let line = board.get(&peer);
        let now = line.map_or(SyncState::NotConnected, |line| line.state);
        let mut readings: Vec<_> = STATES
            .iter()
            .map(|(state, word)| {
                let mut reading = with(STATE, "site", &peer.to_string(), flag(*state == now));
                reading.labels.push(("state", (*word).to_owned()));
                reading
            })
            .collect();
        let success = seconds(line.and_then(|line| line.last_success));
        readings.push(with(SUCCESS, "site", &peer.to_string(), success));
        readings
    }

    async fn durable(&self) -> Result<Vec<Reading>, Fault> {
        self.see();
        let read = self.store.read("metrics", |tx| {
            Box::pin(async move { Ok((tx.backlogs().await?, Nightly::load(tx).await?)) })
        });
        let (backlogs, nightly) = read.await?;
        let mut readings = Vec::new();
        for (peer, backlog) in &backlogs.peers {
            readings.extend(self.of_board(*peer));
            readings.extend(self.of_peer(*peer, backlog));
        }
        readings.extend(of_sites(QUARANTINED, &backlogs.quarantined, &backlogs));
        readings.extend(of_sites(PARKED, &backlogs.parked, &backlogs));
        if self.role == SiteRole::Primary {
            let now = self.context.clock.now();
            let age = backlogs.oldest_move.map_or(0, |begun| now.millis_since(begun));
            readings.push(plain(MOVES, backlogs.moves as f64));
            readings.push(plain(MOVE_AGE, age as f64 / 1_000.0));
        }
        let ended = nightly.as_ref().and_then(Nightly::ended_at);
        readings.push(plain(VERIFIED, seconds(ended)));
        readings.push(plain(FOUND, nightly.map_or(0, |last| last.total) as f64));
        Ok(readings)
    }

    fn disk(&self) -> Vec<Reading> {
        let files = self.store.disk_use();
        let folder = files.as_ref().map_or(&self.data_dir, |files| &files.folder);
        let mut readings = vec![
            plain(DATABASE, files.as_ref().map_or(0, |files| files.database) as f64),
            plain(LOG, files.as_ref().map_or(0, |files| files.log) as f64),
        ];
        if let Ok(disk) = rustix::fs::statvfs(folder) {
            let bytes = |blocks: u64| blocks as f64 * disk.f_frsize as f64;
            readings.push(plain(DISK_FREE, bytes(disk.f_bavail)));
            readings.push(plain(DISK_SIZE, bytes(disk.f_blocks)));
        }
        readings
    }
}

impl Gauges for Readings {
    fn present(&self) -> Vec<Reading> {
        let now = self.context.clock.now();
        let program = match self.role {
            SiteRole::Primary => "primary-svc",
            SiteRole::Satellite => "satellite-svc",
        };
        let mut build = with(BUILD, "program", program, 1.0);
        build
            .labels
            .push(("version", env!("CARGO_PKG_VERSION").to_owned()));
        let material = self.certificates.present();
        let own = seconds(Some(material.description().not_after));
        let mut readings = vec![
            build,
            plain(START, seconds(Some(self.context.started))),
            plain(UPTIME, now.millis_since(self.context.started) as f64 / 1_000.0),
            plain(READY, flag(self.context.readiness.unmet().is_empty())),
            plain(HEAD, *self.store.heads().borrow() as f64),
            with(CERTIFICATE, "certificate", "site", own),
        ];
        if let Some(end) = material.authorities_end() {
            readings.push(with(CERTIFICATE, "certificate", "authority", seconds(Some(end))));
        }
        readings.extend(self.disk());
        readings
    }

    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Vec<Reading>, Fault>> + Send + '_>> {
        Box::pin(self.durable())
    }
}

/// One for each registered site, and one for all that are not registered any more if there is anything.
fn of_sites(of: Description, counts: &BTreeMap<SyncId, u64>, backlogs: &Backlogs) -> Vec<Reading> {
    let registered = &backlogs.registered;
    let mut readings: Vec<_> = registered
        .iter()
        .map(|site| {
            let count = counts.get(site).copied().unwrap_or(0);
            with(of, "site", &site.to_string(), count as f64)
        })
        .collect();
    let others = counts.iter().filter(|(site, _)| !registered.contains(site));
    let others: u64 = others.map(|(_, count)| count).sum();
    if others > 0 {
        readings.push(with(of, "site", REMOVED, others as f64));
    }
    readings
}

fn plain(of: Description, value: f64) -> Reading {
    Reading {
        of,
        labels: Vec::new(),
        value,
    }
}

fn with(of: Description, label: &'static str, word: &str, value: f64) -> Reading {
    Reading {
        labels: vec![(label, word.to_owned())],
        ..plain(of, value)
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.0 as f64 / 1_000.0)
}
