//! The status of synchronisation: what this process knows of its sessions, joined with what the store has on record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use supplysync_api::fields::time_text;
use supplysync_api::v1;
use supplysync_model::{Channel, Fault, StoreId, SyncId};
use supplysync_store::query::ChannelProgress;
use supplysync_store::{Queries, Recovery, RecoveryStep};
use supplysync_sync_core::{Cursor, Direction};

use super::Diagnostics;
use super::standing::standings;
use super::verify::proof_to_wire;
use crate::nightly::Nightly;
use crate::service::view::{site_names, store_codes};
use crate::status::{PeerStatus, SyncState, SyncStatus};

/// How many records each channel has in all, as the peers have said.
pub(super) type Totals = BTreeMap<(SyncId, Channel), u64>;

impl Diagnostics {
    pub(super) async fn status(&self) -> Result<v1::SyncStatus, Fault> {
        let board = self.control.board().current();
        let identity = self.store.identity();
        let head_seq = *self.store.heads().borrow();
        let elsewhere = self.store.present_elsewhere().await?;
        let mut status = self
            .store
            .read("sync status", |tx| {
                Box::pin(async move { durable(tx, board, elsewhere).await })
            })
            .await?;
        status.sync_id = identity.sync_id.get().into();
        status.site_name = identity.site_name;
        let incarnation = identity.incarnation;
        status.incarnation = incarnation.map(|life| life.to_string()).unwrap_or_default();
        status.head_seq = head_seq;
        Ok(status)
    }

    pub(super) fn totals(&self) -> Totals {
        totals(&self.control.board().current())
    }
}

fn totals(board: &SyncStatus) -> Totals {
    let lines = board.values().flat_map(|line| {
        let served = line.totals.iter();
        served.map(|served| ((line.peer, served.channel), served.records))
    });
    lines.collect()
}

async fn durable(
    tx: &Queries,
    board: Arc<SyncStatus>,
    elsewhere: BTreeSet<SyncId>,
) -> Result<v1::SyncStatus, Fault> {
    let here = tx.sync_id();
    let names = site_names(tx).await?;
    let progress = tx.channel_progress().await?;
    let stores: BTreeSet<StoreId> = progress.iter().filter_map(|row| row.channel.store()).collect();
    let codes = store_codes(tx, stores).await?;
    let totals = totals(&board);
    let mut peers: BTreeSet<SyncId> = board.keys().copied().collect();
    if here.is_primary() {
        for site in tx.sites().await? {
            let id = site.value.sync_id;
            match site.retired {
                true => peers.remove(&id),
                false => id != here && peers.insert(id),
            };
        }
    } else {
        peers.insert(SyncId::PRIMARY);
    }
    let peers = peers.into_iter().map(|peer| {
        let mut line = board.get(&peer).cloned().unwrap_or_else(|| PeerStatus::new(peer));
        if line.state != SyncState::Connected && elsewhere.contains(&peer) {
            line.state = SyncState::Connected;
            line.session = None;
            line.address = String::new();
            line.reason = AT_ANOTHER_SERVER.to_owned();
        }
        let channels = progress.iter().filter(|row| row.peer == peer);
        let channels =
            channels.map(|row| channel_status(row, &codes, totals.get(&(peer, row.channel)).copied()));
        let channels = channels.collect();
        peer_status(line, names.get(&peer).cloned().unwrap_or_default(), channels)
    });
    let (quarantined, parked) = tx.set_aside().await?;
    let recovery = match here.is_primary() {
        true => gathering_in_words(tx).await?,
        false => match tx.recovery().await? {
            Some(recovery) => recovery_in_words(recovery, tx.waits_for_upgrade().await?),
            None if tx.waits_for_others().await? => WAITS_FOR_OTHERS.to_owned(),
            None => String::new(),
        },
    };
    let role = match here.is_primary() {
        true => v1::SiteRole::Primary,
        false => v1::SiteRole::Satellite,
    };
    Ok(v1::SyncStatus {
        role: role.into(),
        software_version: env!("CARGO_PKG_VERSION").to_owned(),
        time: time_text(Some(tx.now())),
        peers: peers.collect(),
        parked,
        quarantined,
        recovery,
        stores: standings(tx, &progress).await?,
        verification: Nightly::load(tx).await?.and_then(verification),
        ..v1::SyncStatus::default()
    })
}

/// What is said of a session at another server of the same database.
const AT_ANOTHER_SERVER: &str = "its session is at another server of this primary, which tells more of it";

/// What a satellite says while the primary is given back what it lost.
const WAITS_FOR_OTHERS: &str = "the primary's database was put back: every site gives back what it lost, and the work of this \
                                site's stores goes up when all have; go on working";

/// Which sites a primary that was put back waits for.
async fn gathering_in_words(tx: &Queries) -> Result<String, Fault> {
    let Some(life) = tx.later_life().await?.filter(|life| life.gathering) else {
        return Ok(String::new());
    };
    let owing = tx.owing(life.began.incarnation).await?;
    let owing: Vec<_> = owing.iter().map(SyncId::to_string).collect();
    Ok(format!(
        "this primary's database was put back: sites give back what it lost, and until they have, no store's work is taken in, \
         nothing is changed in stores of this site, and no store moves. It waits for site {}",
        owing.join(", ")
    ))
}

fn recovery_in_words(recovery: Recovery, unreadable: bool) -> String {
    let until = match recovery.confirms {
        true => "",
        false => "; until then no transaction can be confirmed",
    };
    match recovery.step {
        RecoveryStep::Asked | RecoveryStep::Adopted => format!(
            "this database is new here, was put back or copied: at the next session it takes back what the primary has of its stores{until}"
        ),
        RecoveryStep::Loading if unreadable => format!(
            "some of what it takes back of its stores was written by a newer program: update this one, and it goes on{until}"
        ),
        RecoveryStep::Loading | RecoveryStep::Loaded => {
            format!("it takes back what the primary has of its stores{until}")
        }
        RecoveryStep::Done => String::new(),
    }
}

fn verification(last: Nightly) -> Option<v1::LastVerification> {
    let ended = last.ended_at()?;
    Some(v1::LastVerification {
        time: time_text(Some(ended)),
        ok: last.ok,
        records_checked: last.records,
        differs: last.differs,
        total: last.total,
    })
}

fn peer_status(line: PeerStatus, name: String, channels: Vec<v1::ChannelStatus>) -> v1::PeerStatus {
    v1::PeerStatus {
        sync_id: line.peer.get().into(),
        name,
        state: state_to_wire(line.state).into(),
        reason: line.reason,
        session: line.session.unwrap_or(0),
        address: line.address,
        last_attempt_time: time_text(line.last_attempt),
        last_success_time: time_text(line.last_success),
        next_attempt_time: time_text(line.next_attempt),
        mismatches: line.mismatches,
        push_caught_up: line.push_caught_up,
        pull_caught_up: line.pull_caught_up,
        channels,
    }
}

fn state_to_wire(state: SyncState) -> v1::PeerState {
    match state {
        SyncState::NotConnected => v1::PeerState::NotConnected,
        SyncState::Connecting => v1::PeerState::Connecting,
        SyncState::Connected => v1::PeerState::Connected,
        SyncState::Waiting => v1::PeerState::Waiting,
        SyncState::Paused => v1::PeerState::Paused,
        SyncState::Refused => v1::PeerState::Refused,
        SyncState::Frozen => v1::PeerState::Frozen,
    }
}

/// `served` is what the sender said that there is in all, tombstones included: the best guess while a receiver is
/// on its way.
fn channel_status(
    row: &ChannelProgress,
    codes: &BTreeMap<StoreId, String>,
    served: Option<u64>,
) -> v1::ChannelStatus {
    let code = row.channel.store().and_then(|store| codes.get(&store));
    let total = row.total.or(served).unwrap_or(row.done).max(row.done);
    let (equality, compared) = proof_to_wire(row.proof.compared);
    v1::ChannelStatus {
        channel: row.channel.to_string(),
        store_code: code.cloned().unwrap_or_default(),
        direction: direction_to_wire(row.direction).into(),
        phase: phase(row.cursor).into(),
        records_done: row.done,
        records_total: total,
        pending: row.pending.unwrap_or(total - row.done),
        quarantined: row.quarantined,
        parked: row.parked,
        equality: equality.into(),
        compared_seq: row.compared_seq(),
        compared_time: time_text(compared),
    }
}

fn phase(cursor: Cursor) -> v1::ChannelPhase {
    match cursor {
        Cursor::Loading { .. } => v1::ChannelPhase::Loading,
        Cursor::Following { .. } => v1::ChannelPhase::Following,
    }
}

pub(super) fn direction_to_wire(direction: Direction) -> v1::Direction {
    match direction {
        Direction::Push => v1::Direction::Push,
        Direction::Pull => v1::Direction::Pull,
    }
}
