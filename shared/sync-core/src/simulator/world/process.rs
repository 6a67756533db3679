//! A server: its durable store, and what a crash takes from it.

use std::collections::BTreeMap;

use supplysync_model::{Checkpoint, SyncId};

use super::event::{ConnectionId, ProcessId};
use super::trouble::Trouble;
use crate::simulator::frame::Machine;
use crate::simulator::store::ModelStore;
use crate::{Mode, TimerId};

/// One server. A cloned satellite is a second process of the same site.
pub struct Process {
    /// Whose server it is.
    pub site: SyncId,
    /// What survives a crash.
    pub store: ModelStore,
    /// Which life of the database it is, for the ground truth.
    pub life: usize,
    /// A backup, if one was made, with the head it has.
    pub backup: Option<ModelStore>,
    /// Whether it runs.
    pub up: bool,
    /// Which run it is.
    pub run: u32,
    /// Whether its network is there (satellites).
    pub reachable: bool,
    /// How it synchronises (satellites).
    pub mode: Mode,
    /// Milliseconds between sessions in interval mode.
    pub interval: i64,
    /// Whether a person decided, since its database was put back or copied, that it is the one that goes on.
    pub recovered: bool,
    /// Whether a broken lineage stopped synchronisation in this run.
    pub frozen: bool,
    /// Whether it was asked to stop and is not gone yet.
    pub stopping: bool,
    /// When a session of it said last that everything was pushed, and that everything was pulled (satellites).
    pub pushed_at: i64,
    /// See there.
    pub pulled_at: i64,
    /// Failed attempts in a row.
    pub attempt: u32,
    /// Connections that it has dialled.
    pub dials: u32,
    /// The date with the primary; an older one is void.
    pub date: u64,
    /// What it suffers from.
    pub trouble: Trouble,
    /// Its sessions.
    pub sessions: BTreeMap<ConnectionId, Running>,
}

impl Process {
    /// A server that is running with an empty past.
    pub fn new(store: ModelStore, life: usize, mode: Mode, interval: i64) -> Process {
        Process {
            site: store.sync_id(),
            store,
            life,
            backup: None,
            up: true,
            run: 0,
            reachable: true,
            mode,
            interval,
            recovered: false,
            frozen: false,
            stopping: false,
            pushed_at: -1,
            pulled_at: -1,
            attempt: 0,
            dials: 0,
            date: 0,
            trouble: Trouble::default(),
            sessions: BTreeMap::new(),
        }
    }
}

/// A session under way.
pub struct Running {
    /// The machine.
    pub machine: Machine,
    /// Timers that are set, by the number that makes an older one void.
    pub timers: BTreeMap<TimerId, u64>,
    /// By how much the clock was wrong when it began, in milliseconds.
    pub clock: i64,
    /// Whether to dial again as soon as it has closed (sync now).
    pub again: bool,
}

/// The stream between a satellite and the primary.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The satellite's process.
    pub satellite: ProcessId,
    /// How many the satellite had dialled before.
    pub dial: u32,
    /// The life of its database when it dialled.
    pub life: usize,
    /// That of the primary's.
    pub primary_life: usize,
    /// The point of the satellite's feed that the primary judged it by.
    pub judged: Option<Checkpoint>,
    /// Which of the primary's programs it leads to.
    pub replica: usize,
    /// Whether its ends have a protocol in common.
    pub understood: bool,
    /// Batches sent by the primary's end, and by the satellite's.
    pub sent: [u64; 2],
    /// The last one of which each has heard an ack.
    pub acked: [u64; 2],
    /// Nothing gets through any more.
    pub dead: bool,
    /// When the last frame arrives at the primary.
    pub to_primary: i64,
    /// When the last frame arrives at the satellite.
    pub to_satellite: i64,
}
